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
use crate::slot::{Common, Slot};
use crate::spool::{self, Finished};
use crate::term::Term;
use crate::work::Place;

/// Runs until a signal says leave.
///
/// # Errors
/// Where it cannot start.
pub fn serve(config: Config) -> Result<()> {
    let leave = Arc::new(Leave::default());
    let term = Arc::new(Term::new(config.commits_max));
    let mut slots: Vec<(Slot, fn(Slot))> = Vec::new();
    for clone in &config.clones {
        let common = Common {
            clone: Arc::new(Clone::new(clone.git.clone())),
            leave: Arc::clone(&leave),
            term: Arc::clone(&term),
        };
        let at = |place, number| slot(number, place, &config, clone, common.clone());
        for _ in 0..config.slots {
            slots.push((at(Place::take(&clone.work_dir)?, slots.len())?, Slot::run));
        }
        // A process with more slots than this one may have left something to deliver.
        for place in Place::take_abandoned(&clone.work_dir)? {
            let slot = at(place, slots.len())?;
            if slot.leftover.is_some() {
                slots.push((slot, Slot::run_off));
            }
        }
        let (project, folder) = (&clone.project, clone.work_dir.display());
        info!("testing {project} in {folder}, for {}", config.dispatcher.address);
    }
    leave::on_signals(Arc::clone(&leave))?;
    if let Some(idle_max) = config.idle_max {
        term.watch(idle_max, leave)?;
    }
    let spawn = |(slot, run): (Slot, fn(Slot))| {
        let name = format!("slot-{}", slot.number);
        thread::Builder::new().name(name).spawn(move || run(slot)).context("cannot start a thread")
    };
    let threads = slots.into_iter().map(spawn).collect::<Result<Vec<_>>>()?;
    for thread in threads {
        thread.join().expect("a panic in any thread ends the process");
    }
    Ok(())
}

fn slot(
    number: usize,
    place: Place,
    config: &Config,
    clone: &CloneConfig,
    common: Common,
) -> Result<Slot> {
    let bell = Arc::new(Bell::default());
    common.leave.tell(Arc::clone(&bell));
    let leftover = spool::leftover(&place.spool(), Arc::clone(&bell));
    let identity = Identity {
        dispatcher: config.dispatcher.clone(),
        name: config.name.clone(),
        labels: config.labels.clone(),
        project: clone.project.clone(),
        instance: instance(leftover.as_ref().map(|(finished, _)| finished))?,
    };
    let checkout = Checkout::new(place.control(), place.tree(), clone.git_dir.clone());
    Ok(Slot {
        number,
        link: Link::new(identity),
        place,
        leftover,
        common,
        checkout: Arc::new(checkout),
        project: clone.project.clone(),
        limits: config.limits,
        bell,
        disk_trouble: false,
        supervisor: None,
    })
}

/// Who finished the leftover goes on being who it was; everybody else is new, so that no attempt can be taken for another's.
fn instance(leftover: Option<&Finished>) -> Result<InstanceId> {
    if let Some(finished) = leftover {
        return Ok(finished.instance.clone());
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("cannot get random bytes")?;
    Ok(InstanceId::from_bytes(bytes))
}
