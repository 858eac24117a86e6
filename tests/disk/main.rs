//! What was answered is on the disk: the dispatcher is killed at each of its writes, and its disk is put together again as a
//! power failure may have left it.
//!
//! Both first have the same `story` told to a dispatcher that strace watches, and then know every call that it makes.
#![allow(clippy::unwrap_used)]

mod image;
mod kills;
mod oracle;
mod power;
mod record;
mod story;
mod trace;
mod writes;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does all of it on two threads, until one of them is told of something wrong. Returns what came of what was done.
fn two_at_a_time<T: Sync, O: Send>(
    all: &[T],
    work: impl Fn(&T) -> Result<O, String> + Sync,
) -> Vec<(&T, Result<O, String>)> {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || {
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = work(one);
            if outcome.is_err() {
                next.store(all.len(), Ordering::Relaxed);
            }
            outcomes.lock().unwrap().push((one, outcome));
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(worker))));
    outcomes.into_inner().unwrap()
}
