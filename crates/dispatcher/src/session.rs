//! One connection: a line in, an event to the engine, its answer out. A thread each, so everything is in order.
//!
//! The thread listens to its peer for as long as it does not answer by itself: what the engine answers is said by whoever has it.

mod greeting;

use std::io::{self, ErrorKind};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use log::debug;
use pontus_proto::limits::{POLL_MS_MAX, SILENCE_MS_MAX, WRITE_MS_MAX};
use pontus_proto::{
    Attempt, Bytes, Code, CommitId, Connection, ReadError, Reply, Report, Request, Role,
    decode_request, encode,
};
use pontus_scheduler::{Answer, Event, SessionId};

use self::greeting::greet;
use crate::board::Board;
use crate::engine::{Enclosed, Message};
use crate::listener::Door;
use crate::look::Look;
use crate::mailbox::{Heard, Mailbox, mailbox};
use crate::output::Output;
use crate::publisher::wait_or_fail;
use crate::shared::Shared;
use crate::translate::{self, Context, Subject, refusal};
use crate::trust::Peer;
use crate::voice::Voice;

/// How long a peer may take to hear our last word.
const FAREWELL: Duration = Duration::from_secs(1);

/// How much is read and thrown away of a peer that goes on writing after our last word: what may be on its way.
const UNREAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A greeted connection.
struct Session<'a> {
    id: SessionId,
    peer: Peer,
    connection: Connection,
    engine: Sender<Message>,
    mailbox: Mailbox,
    /// What the question is about whose answer somebody else says. It may be said by now.
    asked: Option<Subject>,
    shared: &'a Shared,
    /// The attempt that the scheduler last said is this session's, and its output.
    held: Option<Held<'a>>,
    /// Answers what changes nothing.
    look: Look<'a>,
}

struct Held<'a> {
    board: &'a Board,
    commit: CommitId,
    attempt: Attempt,
    output: Output,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.board.clear(self.commit, self.attempt);
    }
}

/// How a conversation ends.
#[derive(Debug, Default)]
struct Ending {
    /// Whether an assignment could not be delivered.
    unheard: bool,
    /// What is said last.
    last_word: Option<Reply>,
}

impl Ending {
    fn with(last_word: Option<Reply>) -> Ending {
        Ending { unheard: false, last_word }
    }
}

/// Talks with a peer until one of the two ends it.
pub fn serve(
    id: SessionId,
    connection: Connection,
    door: Door,
    engine: Sender<Message>,
    shared: &Shared,
) {
    let Some((connection, peer, _place)) = greet(connection, door, &shared.trust) else { return };
    let (address, mailbox) = mailbox();
    if engine.send(Message::Opened(id, address)).is_err() {
        return;
    }
    debug!("session {} is {:?}", id.0, peer.role);
    // Said also when this thread panics: a session that is gone must not hold a commit.
    let mut farewell = Farewell { id, engine: engine.clone(), unheard: false };
    let look = Look::new(shared, engine.clone());
    let (asked, held) = (None, None);
    let mut session = Session { id, peer, connection, engine, mailbox, asked, shared, held, look };
    let ending = session.talk();
    farewell.unheard = ending.unheard;
    let connection = session.connection;
    drop(farewell);
    if let Some(reply) = ending.last_word {
        say_farewell(connection, &reply, UNREAD_BYTES_MAX);
    }
}

struct Farewell {
    id: SessionId,
    engine: Sender<Message>,
    unheard: bool,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let ended = Event::Ended { session: self.id, unheard: self.unheard };
        // When the engine is gone, everything ends.
        self.engine.send(Message::Happened(ended, Enclosed::Nothing)).ok();
        debug!("session {} has ended", self.id.0);
    }
}

impl<'a> Session<'a> {
    /// Answers one line after the other.
    fn talk(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.exchange() {
                return ending;
            }
        }
    }

    /// Hears a line, and has it answered.
    fn exchange(&mut self) -> Result<(), Ending> {
        let read = self.connection.read_line(self.deadline());
        // The peer has its answer by now, or speaks before, or has left.
        self.conclude()?;
        let line = read.map_err(|error| Ending::with(farewell_to(&error)))?;
        let _answering = self.shared.gate.enter();
        let answered = match decode_request(&line) {
            Ok(request) => self.answer(request),
            Err(error) => Ok(Some(refusal(error.code, error.message))),
        };
        match answered {
            Ok(None) => Ok(()),
            Ok(Some(reply)) => {
                self.write(&reply)?;
                self.settle_name();
                Ok(())
            }
            Err(last_word) => self.write(&last_word).and(Err(Ending::default())),
        }
    }

    /// When the peer has been silent for too long. It may be so until it has its answer.
    fn deadline(&self) -> Instant {
        let poll_ms = if self.asked.is_some() { POLL_MS_MAX } else { 0 };
        Instant::now() + Duration::from_millis(SILENCE_MS_MAX + poll_ms)
    }

    /// The answer to a line; none where somebody else says it. An error is the last one.
    fn answer(&mut self, request: Request) -> Result<Option<Reply>, Reply> {
        if let Some(reply) = self.answer_here(&request) {
            return Ok(Some(reply));
        }
        let subject = Subject::of(&request);
        let (event, enclosed) = match translate::event(self.id, &self.peer, request) {
            Ok(translated) => translated,
            Err(reply) => return Ok(Some(reply)),
        };
        let is_said_by_others = subject.is_answered_by_the_engine_alone();
        let voice = is_said_by_others.then(|| self.voice(&subject));
        self.mailbox.leave(voice).map_err(translate::silence)?;
        // An engine that has stopped hears nothing, and says nothing.
        let sent = self.engine.send(Message::Happened(event, enclosed));
        if is_said_by_others {
            self.asked = Some(subject);
            return Ok(None);
        }
        sent.map_err(|_| translate::leaving())?;
        let heard = self.mailbox.wait().map_err(translate::silence)?;
        self.heard(heard.answer, subject).map(Some)
    }

    fn voice(&self, subject: &Subject) -> Voice {
        Voice::new(self.connection.stream(), self.context(subject))
    }

    fn context(&self, subject: &Subject) -> Context {
        Context {
            lease_ms: self.shared.lease_ms,
            attempt_timeout_ms: self.shared.attempt_timeout_ms,
            output_bytes: self.held.as_ref().map_or(0, |held| held.output.bytes()),
            is_about_runner: *subject == Subject::Runner,
        }
    }

    /// Draws the conclusions of an answer that somebody else has said, once that is so.
    fn conclude(&mut self) -> Result<(), Ending> {
        let Some(subject) = self.asked.take() else { return Ok(()) };
        // That none comes was said, too.
        let Heard { answer, is_said } = self.mailbox.wait().map_err(|_| Ending::default())?;
        if !is_said || answer == Answer::Replaced {
            let unheard = !is_said && matches!(answer, Answer::Assigned { .. });
            return Err(Ending { unheard, last_word: None });
        }
        self.follow(&answer, &subject).map_err(|reply| Ending::with(Some(reply)))
    }

    /// What the engine need not hear of.
    fn answer_here(&mut self, request: &Request) -> Option<Reply> {
        match (self.peer.role, request) {
            (Role::Runner, Request::Output { commit, attempt, offset, data }) => {
                Some(self.take_output(*commit, *attempt, *offset, data))
            }
            (Role::Runner, Request::Report { commit, attempt, report }) => {
                self.missing_output(*commit, *attempt, report)
            }
            (Role::Client, request) => self.look.answer(request),
            _ => None,
        }
    }

    /// Draws the conclusions of an answer, and puts it into the words of the wire.
    fn heard(&mut self, answer: Answer, subject: Subject) -> Result<Reply, Reply> {
        if let (Answer::Decided | Answer::Idle, Subject::Watched(commit)) = (&answer, &subject) {
            return Ok(self.look.waited(*commit));
        }
        self.follow(&answer, &subject)?;
        let context = self.context(&subject);
        if let (Answer::Kept, Subject::Beat(commit, attempt, Some(progress))) = (&answer, subject) {
            self.shared.board.post(commit, attempt, progress);
        }
        Ok(translate::reply(answer, &context))
    }

    /// Holds the attempt that is this session's by this answer, or none.
    fn follow(&mut self, answer: &Answer, subject: &Subject) -> Result<(), Reply> {
        match (answer, subject) {
            (Answer::Assigned { commit, attempt, .. }, _) => self.hold_new(*commit, *attempt),
            (Answer::Kept, Subject::Beat(commit, attempt, _)) => {
                // The attempt is this runner's all the same: when it is back it is told so again, and by then there may be room.
                self.hold(*commit, *attempt).map_err(|error| not_kept(&error))?;
            }
            _ => self.held = None,
        }
        Ok(())
    }

    /// Of an attempt that begins nothing can be here.
    fn hold_new(&mut self, commit: CommitId, attempt: Attempt) {
        let output = Output::new(self.shared.folder.output(commit, attempt), commit);
        self.held = Some(Held { commit, attempt, output, board: &self.shared.board });
    }

    fn hold(&mut self, commit: CommitId, attempt: Attempt) -> io::Result<()> {
        if self.held(commit, attempt).is_none() {
            self.held = None;
            let output = Output::open(&self.shared.folder.output(commit, attempt), commit)?;
            self.held = Some(Held { commit, attempt, output, board: &self.shared.board });
        }
        Ok(())
    }

    fn held(&mut self, commit: CommitId, attempt: Attempt) -> Option<&mut Held<'a>> {
        self.held.as_mut().filter(|held| (held.commit, held.attempt) == (commit, attempt))
    }

    fn take_output(
        &mut self,
        commit: CommitId,
        attempt: Attempt,
        offset: u64,
        data: &Bytes,
    ) -> Reply {
        let shared = self.shared;
        let Some(held) = self.held(commit, attempt) else { return not_held() };
        match held.output.put(offset, &data.0, || shared.header(commit, attempt)) {
            Ok(()) => {
                let output_bytes = held.output.bytes();
                self.shared.tide.rise();
                Reply::Kept { output_bytes }
            }
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                refusal(Code::Malformed, "more output than an attempt may have")
            }
            Err(error) => not_kept(&error),
        }
    }

    /// A report is heard when its output is here, on the disk: its verdict must not outlive it, for the runner forgets both
    /// then. What is here is known once the attempt is held.
    fn missing_output(
        &mut self,
        commit: CommitId,
        attempt: Attempt,
        report: &Report,
    ) -> Option<Reply> {
        let Some(held) = self.held(commit, attempt) else {
            return Some(not_held());
        };
        // Looked after once, here: what was put into a file that has been removed has to be sent again.
        if let Err(error) = held.output.follow() {
            return Some(not_kept(&error));
        }
        let output_bytes = held.output.bytes();
        if output_bytes < report.output_bytes {
            return Some(Reply::Kept { output_bytes });
        }
        let error = held.output.settle().err()?;
        Some(self.not_settled(error))
    }

    /// Does early what a report would have to wait for.
    fn settle_name(&mut self) {
        let settled = self.held.as_mut().map_or(Ok(()), |held| held.output.settle_name());
        if let Err(error) = settled {
            // Where that is for good, the engine ends everything.
            self.not_settled(error);
        }
    }

    /// What was taken and cannot be synced is not known any more, unless there is only no room for it.
    fn not_settled(&self, error: io::Error) -> Reply {
        let reply = not_kept(&error);
        let path = self.shared.folder.outputs();
        match wait_or_fail(error, &path) {
            Ok(()) => reply,
            Err(failure) => {
                self.engine.send(Message::Failed(failure)).ok();
                translate::leaving()
            }
        }
    }

    fn write(&mut self, reply: &Reply) -> Result<(), Ending> {
        let deadline = Instant::now() + Duration::from_millis(WRITE_MS_MAX);
        let is_written = write(&mut self.connection, reply, deadline);
        is_written.then_some(()).ok_or_else(Ending::default)
    }
}

fn not_kept(error: &io::Error) -> Reply {
    log::error!("cannot keep output: {error}");
    refusal(Code::StorageFull, format!("the dispatcher cannot keep output: {error}"))
}

/// Only a beat tells whether an attempt is still this runner's, so nothing is taken for it before.
fn not_held() -> Reply {
    refusal(Code::Unexpected, "say beat first: it is not known here that this attempt is yours")
}

fn write(connection: &mut Connection, reply: &Reply, deadline: Instant) -> bool {
    let line = encode(reply).expect("the longest reply is far below a line's limit");
    connection.write_line(&line, deadline).is_ok()
}

fn say_farewell(connection: Connection, reply: &Reply, unread_bytes_max: usize) {
    let line = encode(reply).expect("the longest reply is far below a line's limit");
    connection.say_farewell(&line, unread_bytes_max, Instant::now() + FAREWELL);
}

/// What is said to a peer whose line could not be read, where there is still somebody to hear it.
fn farewell_to(error: &ReadError) -> Option<Reply> {
    let code = match error {
        ReadError::TooLong(_) => Code::LineTooLong,
        ReadError::TimedOut => Code::Silent,
        ReadError::Closed | ReadError::Io(_) => return None,
    };
    Some(refusal(code, error.to_string()))
}
