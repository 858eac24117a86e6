//! The runner from its start to its end: a thread for each slot of each clone.

use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use log::info;
use pontus_proto::InstanceId;

use crate::bell::Bell;
use crate::checkout::Checkout;
use crate::clone::Clone;
use crate::config::{CloneConfig, Config};
use crate::leave::{self, Leave};
use crate::link::{Identity, Link};
use crate::slot::Slot;
use crate::spool;
use crate::work::Place;

/// Runs until a signal says leave.
///
/// # Errors
/// Where it cannot start.
pub fn serve(config: Config) -> Result<()> {
    let leave = Arc::new(Leave::default());
    let mut slots = Vec::new();
    for clone in &config.clones {
        let shared = Arc::new(Clone::new(clone.git.clone()));
        for _ in 0..config.slots {
            slots.push(slot(slots.len(), &config, clone, Arc::clone(&shared), Arc::clone(&leave))?);
        }
        let (project, folder) = (&clone.project, clone.work_dir.display());
        info!("testing {project} in {folder}, for {}", config.dispatcher);
    }
    leave::on_signals(leave)?;
    let spawn = |slot: Slot| {
        let name = format!("slot-{}", slot.number);
        thread::Builder::new().name(name).spawn(move || slot.run()).context("cannot start a thread")
    };
    let threads = slots.into_iter().map(spawn).collect::<Result<Vec<_>>>()?;
    for thread in threads {
        thread.join().expect("a panic in any thread ends the process");
    }
    Ok(())
}

fn slot(
    number: usize,
    config: &Config,
    clone: &CloneConfig,
    shared: Arc<Clone>,
    leave: Arc<Leave>,
) -> Result<Slot> {
    let place = Place::take(&clone.work_dir)?;
    let bell = Arc::new(Bell::default());
    leave.tell(Arc::clone(&bell));
    let identity = Identity {
        dispatcher: config.dispatcher.clone(),
        name: config.name.clone(),
        project: clone.project.clone(),
        instance: instance(&place, &bell)?,
    };
    let checkout = Checkout::new(place.control(), place.tree(), clone.git_dir.clone());
    Ok(Slot {
        number,
        link: Link::new(identity),
        place,
        clone: shared,
        checkout: Arc::new(checkout),
        project: clone.project.clone(),
        limits: config.limits,
        leave,
        bell,
        disk_trouble: false,
    })
}

/// Who finished the leftover goes on being who it was; everybody else is new, so that no attempt can be taken for another's.
fn instance(place: &Place, bell: &Arc<Bell>) -> Result<InstanceId> {
    if let Some((finished, _)) = spool::leftover(&place.spool(), Arc::clone(bell)) {
        return Ok(finished.instance);
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("cannot get random bytes")?;
    Ok(InstanceId::from_bytes(bytes))
}
