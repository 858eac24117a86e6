//! A session's mailbox: the answer to the one question that it may have under way, and why none comes. Thousands of sessions wait
//! at theirs, so it has room for no more than that, where a channel takes a whole KiB.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use pontus_scheduler::Answer;

/// Why no answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The disk did not take it, and nothing came of it. Nothing more is said to this session.
    StartedOver,
    /// Nobody is left who could answer.
    Left,
}

/// Where a session hears.
#[derive(Debug)]
pub struct Mailbox(Arc<Letters>);

/// Where it is told. Whoever may have to tell it something has a clone.
#[derive(Debug, Clone)]
pub struct Address(Arc<Sender>);

/// Is dropped with the last address.
#[derive(Debug)]
struct Sender(Arc<Letters>);

#[derive(Debug, Default)]
struct Letters {
    lying: Mutex<Lying>,
    come: Condvar,
}

/// What has come and was not taken yet.
#[derive(Debug, Default)]
struct Lying {
    answer: Option<Answer>,
    silence: Option<Silence>,
}

/// A mailbox, and its address.
pub fn mailbox() -> (Address, Mailbox) {
    let letters = Arc::new(Letters::default());
    (Address(Arc::new(Sender(Arc::clone(&letters)))), Mailbox(letters))
}

impl Address {
    /// Answers. A session that has ended meanwhile does not hear it.
    pub fn say(&self, answer: Answer) {
        self.0.0.put(|lying| lying.answer = Some(answer));
    }

    /// Says that we have started over, whatever was asked.
    pub fn start_over(&self) {
        self.0.0.put(|lying| lying.silence = Some(Silence::StartedOver));
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.put(|lying| lying.silence = lying.silence.or(Some(Silence::Left)));
    }
}

impl Mailbox {
    /// The next answer. One that has come is heard before the silence after it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn wait(&self) -> Result<Answer, Silence> {
        let is_empty = |lying: &mut Lying| lying.answer.is_none() && lying.silence.is_none();
        let waited = self.0.come.wait_while(self.0.lying(), is_empty);
        let mut lying = waited.unwrap_or_else(PoisonError::into_inner);
        // It waited until one of the two was there.
        lying.answer.take().ok_or(lying.silence.unwrap_or(Silence::Left))
    }

    /// Why no answer will come, where that is known already.
    pub fn silence(&self) -> Option<Silence> {
        self.0.lying().silence
    }
}

impl Letters {
    fn put(&self, change: impl FnOnce(&mut Lying)) {
        change(&mut self.lying());
        self.come.notify_one();
    }

    /// Each change is a single word, so a panic elsewhere leaves nothing half done.
    fn lying(&self) -> MutexGuard<'_, Lying> {
        self.lying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn an_answer_is_heard_before_the_silence_after_it() {
        let (address, mailbox) = mailbox();
        address.say(Answer::Kept);
        address.start_over();
        assert_eq!(mailbox.silence(), Some(Silence::StartedOver));
        assert_eq!(mailbox.wait(), Ok(Answer::Kept));
        assert_eq!(mailbox.wait(), Err(Silence::StartedOver));
        drop(address);
        assert_eq!(mailbox.wait(), Err(Silence::StartedOver), "said before the last one left");
    }

    #[test]
    fn whoever_waits_hears_that_the_last_one_has_left() {
        let (address, mailbox) = mailbox();
        let another = address.clone();
        let waiting = thread::spawn(move || (mailbox.wait(), mailbox.wait()));
        drop(address);
        another.say(Answer::Done);
        drop(another);
        assert_eq!(waiting.join().unwrap(), (Ok(Answer::Done), Err(Silence::Left)));
    }
}
