//! Tells whoever follows something that it may have changed, without saying what.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How often something has changed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Height(u64);

/// Rises with each change.
#[derive(Debug, Default)]
pub struct Tide {
    level: Mutex<Level>,
    risen: Condvar,
}

#[derive(Debug, Default)]
struct Level {
    height: u64,
    is_closed: bool,
    /// How many wait for a change: to wake nobody costs nearly as much as to wake somebody.
    waiting: usize,
}

impl Tide {
    /// Something has changed.
    pub fn rise(&self) {
        let mut level = self.level();
        level.height += 1;
        if level.waiting > 0 {
            self.risen.notify_all();
        }
    }

    /// Nothing will change any more: nobody is to wait.
    pub fn close(&self) {
        self.level().is_closed = true;
        self.risen.notify_all();
    }

    /// How it stands. Whoever looks for changes asks this first, and looks then.
    pub fn height(&self) -> Height {
        Height(self.level().height)
    }

    /// Waits until it is higher than `seen`. Returns whether it is.
    pub fn wait_above(&self, seen: Height, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let low = |level: &mut Level| level.height == seen.0 && !level.is_closed;
        let mut level = self.level();
        level.waiting += 1;
        let waited = self.risen.wait_timeout_while(level, left, low);
        let (mut level, _) = waited.unwrap_or_else(PoisonError::into_inner);
        level.waiting -= 1;
        level.height != seen.0
    }

    /// A number cannot be left half changed, so a panic elsewhere is no reason to stop.
    fn level(&self) -> MutexGuard<'_, Level> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_change_is_not_missed_and_an_end_keeps_nobody() {
        let (tide, far) = (Tide::default(), Instant::now() + Duration::from_secs(60));
        let seen = tide.height();
        tide.rise();
        assert!(tide.wait_above(seen, far));
        let seen = tide.height();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| tide.wait_above(seen, far));
            tide.rise();
            assert!(waiting.join().unwrap());
        });
        assert!(!tide.wait_above(tide.height(), Instant::now()));
        tide.close();
        assert!(!tide.wait_above(tide.height(), far));
    }
}
