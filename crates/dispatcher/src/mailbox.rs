//! A session's mailbox: the answer to the one question that it may have under way, and why none comes. Thousands of sessions have
//! one, so it has room for no more than that, where a channel takes a whole KiB.
//!
//! Most answers are said to the peer as they come, with the voice that the session has left here for that.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use pontus_scheduler::Answer;

use crate::translate;
use crate::voice::Voice;

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
    /// Says what comes, where the session does not.
    voice: Option<Voice>,
    heard: Option<Heard>,
    silence: Option<Silence>,
    /// Whether somebody is to be woken.
    is_waited_for: bool,
}

/// An answer, and whether the peer has it from the voice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What was answered.
    pub answer: Answer,
    /// False also where there was no voice.
    pub is_said: bool,
}

/// A mailbox, and its address.
pub fn mailbox() -> (Address, Mailbox) {
    let letters = Arc::new(Letters::default());
    (Address(Arc::new(Sender(Arc::clone(&letters)))), Mailbox(letters))
}

impl Address {
    /// Answers. A session that has ended meanwhile does not hear it.
    pub fn say(&self, answer: Answer) {
        self.0.0.put(|lying| {
            let is_said = lying.voice.take().is_some_and(|voice| voice.answer(answer.clone()));
            lying.heard = Some(Heard { answer, is_said });
        });
    }

    /// Says that we have started over, whatever was asked.
    pub fn start_over(&self) {
        self.0.0.put(|lying| lying.fall_silent(Silence::StartedOver));
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.put(|lying| lying.fall_silent(lying.silence.unwrap_or(Silence::Left)));
    }
}

impl Mailbox {
    /// Before a question: whoever has its answer is to say it with this voice, if there is one. So is whoever knows that none will
    /// come.
    ///
    /// # Errors
    /// Why no answer will come, where that is known already. The voice says nothing then.
    pub fn leave(&self, voice: Option<Voice>) -> Result<(), Silence> {
        let mut lying = self.0.lying();
        lying.silence.map_or(Ok(()), Err)?;
        lying.voice = voice;
        Ok(())
    }

    /// The next answer. One that has come is heard before the silence after it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn wait(&self) -> Result<Heard, Silence> {
        let is_empty = |lying: &mut Lying| {
            lying.is_waited_for = lying.heard.is_none() && lying.silence.is_none();
            lying.is_waited_for
        };
        let waited = self.0.come.wait_while(self.0.lying(), is_empty);
        let mut lying = waited.unwrap_or_else(PoisonError::into_inner);
        // It waited until one of the two was there.
        lying.heard.take().ok_or(lying.silence.unwrap_or(Silence::Left))
    }
}

impl Lying {
    fn fall_silent(&mut self, silence: Silence) {
        if let Some(voice) = self.voice.take() {
            voice.farewell(&translate::silence(silence));
        }
        self.silence = Some(silence);
    }
}

impl Letters {
    fn put(&self, change: impl FnOnce(&mut Lying)) {
        let mut lying = self.lying();
        change(&mut lying);
        // To wake nobody costs nearly as much as to wake somebody.
        if lying.is_waited_for {
            self.come.notify_one();
        }
    }

    /// Each change is a single word, so a panic elsewhere leaves nothing half done.
    fn lying(&self) -> MutexGuard<'_, Lying> {
        self.lying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;
    use crate::translate::Context;

    /// What a session without a voice hears.
    fn heard(answer: Answer) -> Result<Heard, Silence> {
        Ok(Heard { answer, is_said: false })
    }

    #[test]
    fn an_answer_is_heard_before_the_silence_after_it() {
        let (address, mailbox) = mailbox();
        mailbox.leave(None).unwrap();
        address.say(Answer::Kept);
        address.start_over();
        assert_eq!(mailbox.wait(), heard(Answer::Kept));
        assert_eq!(mailbox.leave(None), Err(Silence::StartedOver));
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
        assert_eq!(waiting.join().unwrap(), (heard(Answer::Done), Err(Silence::Left)));
    }

    #[test]
    fn a_voice_says_one_answer_or_why_none_comes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = Arc::new(listener.accept().unwrap().0);
        let context =
            Context { lease_ms: 1, attempt_timeout_ms: 1, output_bytes: 0, is_about_runner: false };
        let voice = || Some(Voice::new(Arc::clone(&stream), context));
        let (address, mailbox) = mailbox();
        mailbox.leave(voice()).unwrap();
        address.say(Answer::Recorded);
        assert_eq!(mailbox.wait(), Ok(Heard { answer: Answer::Recorded, is_said: true }));
        mailbox.leave(voice()).unwrap();
        drop(address);
        assert_eq!(mailbox.wait(), Err(Silence::Left));
        assert_eq!(mailbox.leave(voice()), Err(Silence::Left), "and nothing more is said");
        drop(stream);
        let mut said = String::new();
        peer.read_to_string(&mut said).unwrap();
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines.len(), 2, "{said}");
        assert_eq!(lines[0], "{\"type\":\"recorded\"}");
        assert!(lines[1].contains("\"code\":\"stopping\""), "{said}");
    }
}
