//! A stop: the word that ends children early, said once, heard by whoever polls.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

/// A flag that also wakes a poll. Its clones are the same flag; once set it stays set.
#[derive(Debug, Clone)]
pub struct Stop(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    set: AtomicBool,
    /// Readable from the moment the flag is set: the byte in it is never taken out.
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Stop {
    /// A stop that has not been said yet.
    ///
    /// # Errors
    /// When no pipe can be made, which means that we are out of descriptors.
    pub fn new() -> io::Result<Stop> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Stop(Some(Arc::new(Shared { set: AtomicBool::new(false), reader, writer }))))
    }

    /// A stop that nobody can say, for work that only its deadline ends.
    pub const fn never() -> Stop {
        Stop(None)
    }

    /// Says it. Does not wait, may be repeated, and does nothing on [`Stop::never`].
    pub fn now(&self) {
        let Some(shared) = &self.0 else { return };
        if shared.set.swap(true, Ordering::SeqCst) {
            return;
        }
        // An empty pipe that we hold both ends of has room for one byte, so only an interruption can get in between.
        while rustix::io::write(&shared.writer, b"!") == Err(rustix::io::Errno::INTR) {}
    }

    /// Whether it has been said.
    pub fn is_set(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.set.load(Ordering::SeqCst))
    }

    /// Waits until it is said, for so long at most. Whether it has been.
    pub fn wait(&self, at_most: Duration) -> bool {
        let until = Instant::now().checked_add(at_most);
        let left = || until.map(|until| until.saturating_duration_since(Instant::now()));
        while !self.is_set() && left().is_none_or(|left| !left.is_zero()) {
            let fds = self.fd().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            let time = left().and_then(|left| Timespec::try_from(left).ok());
            // Whatever wakes it, the time and the flag are looked at again.
            let _ = poll(&mut Vec::from_iter(fds), time.as_ref());
        }
        self.is_set()
    }

    /// What to poll for reading; none on [`Stop::never`].
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(|shared| shared.reader.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn said_once_heard_by_every_clone() {
        let stop = Stop::new().unwrap();
        let heard = stop.clone();
        assert!(!heard.is_set());
        stop.now();
        stop.now();
        assert!(heard.is_set());
    }

    #[test]
    fn a_wait_ends_with_the_word_or_the_time() {
        let stop = Stop::new().unwrap();
        let short = Duration::from_millis(30);
        let began = Instant::now();
        assert!(!stop.wait(short) && began.elapsed() >= short);
        let heard = stop.clone();
        let waiting = std::thread::spawn(move || heard.wait(Duration::MAX));
        stop.now();
        assert!(waiting.join().unwrap());
        assert!(stop.wait(Duration::MAX));
    }

    #[test]
    fn never_is_never() {
        let stop = Stop::never();
        stop.now();
        assert!(!stop.is_set());
        assert!(!stop.wait(Duration::from_millis(1)));
        assert!(stop.fd().is_none());
    }
}
