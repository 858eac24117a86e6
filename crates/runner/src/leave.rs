//! How the user ends the runner: one signal finishes what is being tested, two give it back.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

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

/// How long we go on listening on connections that are about to be ended. An assignment that the dispatcher sent before it saw us
/// leave arrives meanwhile, over a slow line too, and can be given back.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// Shared by all slots.
#[derive(Debug, Default)]
pub struct Leave {
    state: Mutex<State>,
    /// A slot has its answer.
    answered: Condvar,
}

#[derive(Debug, Default)]
struct State {
    hurry: Hurry,
    bells: Vec<Arc<Bell>>,
    /// Who waits for an answer, by slot.
    asking: BTreeMap<usize, Asking>,
}

/// A connection on which an answer is awaited.
#[derive(Debug)]
struct Asking {
    /// How much of a hurry ends it.
    ends_at: Hurry,
    connection: HangUp,
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

    /// Says that `slot` is going to wait for an answer, and may be hung up on when there is as much of a hurry as `ends_at`.
    /// False where there is already.
    pub fn begin_ask(&self, slot: usize, ends_at: Hurry, connection: HangUp) -> bool {
        let mut state = self.state();
        let may_wait = state.hurry < ends_at;
        if may_wait {
            state.asking.insert(slot, Asking { ends_at, connection });
        }
        may_wait
    }

    /// Says that `slot` does not wait any more.
    pub fn end_ask(&self, slot: usize) {
        self.state().asking.remove(&slot);
        self.answered.notify_all();
    }

    /// Tells everybody that there is as much of a hurry as this, if not more.
    pub fn raise(&self, hurry: Hurry) {
        let mut state = self.state();
        state.hurry = state.hurry.max(hurry);
        state.bells.iter().for_each(|bell| bell.ring());
        // Whoever asks for work is given none from now on: the dispatcher sees that we say no more.
        let ready = state.ending().filter(|asking| asking.ends_at == Hurry::WhenDone);
        ready.for_each(|asking| asking.connection.say_no_more());
        let is_awaited = |state: &mut State| state.ending().next().is_some();
        let waited = self.answered.wait_timeout_while(state, ON_ITS_WAY, is_awaited);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.ending().for_each(|asking| asking.connection.now());
    }

    /// The state is replaced in single steps, so a panic elsewhere leaves it whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Those that have waited long enough.
    fn ending(&self) -> impl Iterator<Item = &Asking> {
        self.asking.values().filter(|asking| asking.ends_at <= self.hurry)
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
