//! When the runner leaves without being asked to: after so many commits, or after so long without one.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use log::info;

use crate::leave::{Hurry, Leave};

/// Shared by all slots.
#[derive(Debug)]
pub struct Term {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    commits_left: Option<u64>,
    /// Slots that have a commit.
    busy: usize,
    /// When the last of them ended.
    idle_since: Instant,
}

impl Term {
    /// A term of `commits_max` commits, of all slots together.
    pub fn new(commits_max: Option<u64>) -> Term {
        let state = State { commits_left: commits_max, busy: 0, idle_since: Instant::now() };
        Term { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Whether a slot may ask for one more commit. If so, it counts until [`put_back`](Self::put_back).
    pub fn take(&self) -> bool {
        let mut state = self.state();
        match &mut state.commits_left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    /// There was none.
    pub fn put_back(&self) {
        if let Some(left) = &mut self.state().commits_left {
            *left += 1;
        }
    }

    /// A slot has a commit.
    pub fn begin(&self) {
        self.state().busy += 1;
    }

    /// It has it no longer.
    pub fn end(&self) {
        let mut state = self.state();
        state.busy -= 1;
        state.idle_since = Instant::now();
        self.changed.notify_all();
    }

    /// Has everybody leave once nobody has had a commit for `idle_max`.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn watch(self: Arc<Self>, idle_max: Duration, leave: Arc<Leave>) -> Result<()> {
        thread::Builder::new().name("idle".to_owned()).spawn(move || {
            self.wait_until_idle(idle_max);
            info!("leaving: there was nothing to test for {idle_max:?}");
            leave.raise(Hurry::WhenDone);
        })?;
        Ok(())
    }

    fn wait_until_idle(&self, idle_max: Duration) {
        let mut state = self.state();
        loop {
            let left = idle_max.saturating_sub(state.idle_since.elapsed());
            if state.busy == 0 && left.is_zero() {
                return;
            }
            // While somebody is busy, the end of that is what wakes us.
            let wait = if state.busy > 0 { idle_max } else { left };
            let waited = self.changed.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The state is changed in single steps, so a panic elsewhere leaves it whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_of_commits_is_shared() {
        let term = Term::new(Some(2));
        assert!(term.take() && term.take());
        assert!(!term.take());
        term.put_back();
        assert!(term.take());
        assert!(!term.take());
        let endless = Term::new(None);
        assert!((0..10).all(|_| endless.take()));
    }

    #[test]
    fn idleness_begins_with_the_last_end() {
        let term = Term::new(None);
        term.begin();
        let ended = thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                term.wait_until_idle(Duration::from_millis(50));
                Instant::now()
            });
            term.end();
            let ended = Instant::now();
            (ended, waiting.join().unwrap())
        });
        assert!(ended.1 - ended.0 >= Duration::from_millis(45), "{ended:?}");
    }
}
