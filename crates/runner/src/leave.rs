//! How the user ends the runner: one signal finishes what is being tested, two give it back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use log::info;
use pontus_proto::HangUp;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::bell::Bell;

/// How much of a hurry there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hurry {
    /// Nobody wants us to leave.
    #[default]
    None,
    /// Leave when the commit is finished.
    WhenDone,
    /// Give the commit back and leave.
    Now,
}

/// Shared by all slots.
#[derive(Debug, Default)]
pub struct Leave(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    hurry: Hurry,
    bells: Vec<Arc<Bell>>,
    /// Connections on which nothing but an assignment is awaited, by slot.
    idle: BTreeMap<usize, HangUp>,
}

impl Leave {
    /// How much of a hurry there is now.
    pub fn hurry(&self) -> Hurry {
        self.state().hurry
    }

    /// Has `bell` rung at each change.
    pub fn tell(&self, bell: Arc<Bell>) {
        self.state().bells.push(bell);
    }

    /// Says that `slot` waits for an assignment, and may be hung up on. False where it should not begin to.
    pub fn begin_idle(&self, slot: usize, connection: HangUp) -> bool {
        let mut state = self.state();
        if state.hurry > Hurry::None {
            return false;
        }
        state.idle.insert(slot, connection);
        true
    }

    /// Says that `slot` does not wait any more.
    pub fn end_idle(&self, slot: usize) {
        self.state().idle.remove(&slot);
    }

    /// Tells everybody that there is as much of a hurry as this, if not more.
    pub fn raise(&self, hurry: Hurry) {
        let mut state = self.state();
        state.hurry = state.hurry.max(hurry);
        state.idle.values().for_each(HangUp::now);
        state.bells.iter().for_each(|bell| bell.ring());
    }

    /// The state is replaced in single steps, so a panic elsewhere leaves it whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens to SIGTERM and Ctrl-C from now on.
///
/// # Errors
/// Where that cannot be done.
pub fn on_signals(leave: Arc<Leave>) -> Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("cannot listen to signals")?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut signals = signals.forever();
        signals.next();
        info!("leaving when what is being tested is finished; once more to give it back");
        leave.raise(Hurry::WhenDone);
        signals.next();
        info!("giving back what is being tested");
        leave.raise(Hurry::Now);
    })?;
    Ok(())
}
