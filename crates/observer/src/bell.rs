//! What wakes a thread that waits for its next look: the user's word, to look now or to leave.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One bell for all threads.
#[derive(Debug, Default)]
pub struct Bell {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    leaving: bool,
    /// How often it was rung. Each thread knows how often it has heard it, so that none misses what came while it looked.
    rung: u64,
}

/// Why a wait has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Its time has come.
    ByTime,
    /// Somebody wants a look now.
    ByBell,
    /// Somebody wants us to leave.
    ToLeave,
}

impl Bell {
    /// Has each thread look now, or, where it is looking, once more.
    pub fn ring(&self) {
        self.state().rung += 1;
        self.changed.notify_all();
    }

    /// Has each thread leave, after the look that it is at.
    pub fn leave(&self) {
        self.state().leaving = true;
        self.changed.notify_all();
    }

    /// Waits until then, or for the bell. `heard` is how often it was heard before, 0 at first.
    pub fn wait_until(&self, until: Instant, heard: &mut u64) -> Woken {
        let mut state = self.state();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match *state {
                State { leaving: true, .. } => return Woken::ToLeave,
                State { rung, .. } if rung != *heard => {
                    *heard = rung;
                    return Woken::ByBell;
                }
                _ if left.is_zero() => return Woken::ByTime,
                _ => {}
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn heard_once_however_often_it_was_rung_and_also_while_nobody_waited() {
        let bell = Bell::default();
        let (mut heard, now) = (0, Instant::now());
        assert_eq!(bell.wait_until(now, &mut heard), Woken::ByTime);
        bell.ring();
        bell.ring();
        let long = now + Duration::from_secs(600);
        assert_eq!(bell.wait_until(long, &mut heard), Woken::ByBell);
        assert_eq!(bell.wait_until(now, &mut heard), Woken::ByTime);
        assert_eq!(bell.wait_until(long, &mut 0), Woken::ByBell, "another thread has not heard it");
        bell.leave();
        assert_eq!(bell.wait_until(long, &mut heard), Woken::ToLeave);
    }
}
