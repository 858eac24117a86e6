//! One connection: a line in, an event to the engine, its answer out. A thread each, so everything is in order.

use std::io::{self, ErrorKind};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use log::debug;
use pontus_proto::limits::{
    GREETING_BYTES_MAX, GREETING_MS_MAX, LINE_BYTES_MAX, PROTOCOL, SILENCE_MS_MAX, WRITE_MS_MAX,
};
use pontus_proto::{
    Attempt, Bytes, Code, CommitId, Connection, ReadError, Reply, Report, Request, Role,
    decode_greeting, decode_request, encode,
};
use pontus_scheduler::{Answer, Event, SessionId};

use crate::board::Board;
use crate::engine::{Enclosed, Message};
use crate::listener::{Door, Place};
use crate::look::Look;
use crate::mailbox::{Mailbox, Silence, mailbox};
use crate::output::Output;
use crate::publisher::wait_or_fail;
use crate::shared::Shared;
use crate::translate::{self, Context, Subject, refusal};
use crate::trust::{Next, Peer, Trust};

/// How long a peer may take to hear our last word.
const FAREWELL: Duration = Duration::from_secs(1);

/// How much is read and thrown away of a peer that goes on writing after our last word: what may be on its way.
const UNREAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The same of a stranger, to whom we owe less.
const UNREAD_OF_STRANGER_BYTES_MAX: usize = 256 * 1024;

/// A greeted connection.
struct Session<'a> {
    id: SessionId,
    peer: Peer,
    connection: Connection,
    engine: Sender<Message>,
    mailbox: Mailbox,
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

/// Whether the conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
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
    let mut session = Session { id, peer, connection, engine, mailbox, shared, held: None, look };
    let (unheard, last_word) = session.talk();
    farewell.unheard = unheard;
    let connection = session.connection;
    drop(farewell);
    if let Some(reply) = last_word {
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

/// Lets a peer in that has greeted as it should; the connection goes on with it, in one of the places that there are.
fn greet(
    mut connection: Connection,
    mut door: Door,
    trust: &Trust,
) -> Option<(Connection, Peer, Place)> {
    let deadline = Instant::now() + Duration::from_millis(GREETING_MS_MAX);
    connection.limit_lines(GREETING_BYTES_MAX);
    let greeted = let_in(&mut connection, &door, trust, deadline).and_then(|peer| {
        let full = || refusal(Code::TooManyConnections, "the dispatcher has too many connections");
        Ok((peer, door.pass().ok_or_else(full)?))
    });
    connection.limit_lines(LINE_BYTES_MAX);
    match greeted {
        Ok((peer, place)) => {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let welcome = Reply::Welcome { protocol: PROTOCOL, version };
            write(&mut connection, &welcome, deadline).then_some((connection, peer, place))
        }
        Err(reply) => {
            if let Some(reply) = reply {
                say_farewell(connection, &reply, UNREAD_OF_STRANGER_BYTES_MAX);
            }
            None
        }
    }
}

/// Hears who the peer is, and has it prove that. Where it is not let in, what it is told, if it can be told anything.
fn let_in(
    connection: &mut Connection,
    door: &Door,
    trust: &Trust,
    deadline: Instant,
) -> Result<Peer, Option<Reply>> {
    match trust.hear(hear(connection, deadline)?)? {
        Next::Welcome(peer) => Ok(peer),
        Next::Challenge(challenge) => {
            door.said_hello();
            if !write(connection, &challenge.reply(), deadline) {
                return Err(None);
            }
            Ok(challenge.hear(hear(connection, deadline)?)?)
        }
    }
}

fn hear(connection: &mut Connection, deadline: Instant) -> Result<Request, Option<Reply>> {
    let line = connection.read_line(deadline).map_err(|error| farewell_to(&error))?;
    decode_greeting(&line).map_err(|error| Some(refusal(error.code, error.message)))
}

impl<'a> Session<'a> {
    /// Answers one line after the other. Returns whether an assignment could not be delivered, and what is to be said last.
    fn talk(&mut self) -> (bool, Option<Reply>) {
        loop {
            let deadline = Instant::now() + Duration::from_millis(SILENCE_MS_MAX);
            let line = match self.connection.read_line(deadline) {
                Ok(line) => line,
                Err(error) => return (false, farewell_to(&error)),
            };
            let _answering = self.shared.gate.enter();
            let (reply, then) = match decode_request(&line) {
                Ok(request) => self.answer(request),
                Err(error) => (refusal(error.code, error.message), Then::GoOn),
            };
            let is_assignment = matches!(reply, Reply::Assigned { .. });
            // A runner that died while it waited is given nothing: another can have the commit at once.
            let delivered = !(is_assignment && self.connection.has_ended()) && self.write(&reply);
            if !delivered || then == Then::End {
                return (is_assignment && !delivered, None);
            }
            self.settle_name();
        }
    }

    fn answer(&mut self, request: Request) -> (Reply, Then) {
        if let Some(reply) = self.answer_here(&request) {
            return (reply, Then::GoOn);
        }
        let subject = Subject::of(&request);
        let (event, enclosed) = match translate::event(self.id, &self.peer, request) {
            Ok(translated) => translated,
            Err(reply) => return (reply, Then::GoOn),
        };
        match self.ask(event, enclosed) {
            Ok(answer) => self.heard(answer, subject),
            Err(reply) => (reply, Then::End),
        }
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

    /// Asks the engine. Where there is no answer, returns what is to be said instead.
    fn ask(&self, event: Event, enclosed: Enclosed) -> Result<Answer, Reply> {
        let not_taken =
            || refusal(Code::StorageFull, "the dispatcher's disk did not take it; try again");
        // Where it has started over since our last question, it must not do what we are about to be told that it did not.
        if self.mailbox.silence() == Some(Silence::StartedOver) {
            return Err(not_taken());
        }
        // An engine that has stopped hears nothing, and says nothing.
        self.engine.send(Message::Happened(event, enclosed)).map_err(|_| translate::leaving())?;
        self.mailbox.wait().map_err(|silence| match silence {
            Silence::StartedOver => not_taken(),
            Silence::Left => translate::leaving(),
        })
    }

    /// Draws the conclusions of an answer for this session, and puts it into the words of the wire.
    fn heard(&mut self, answer: Answer, subject: Subject) -> (Reply, Then) {
        if let (Answer::Decided | Answer::Idle, Subject::Watched(commit)) = (&answer, &subject) {
            return (self.look.waited(*commit), Then::GoOn);
        }
        let then = if answer == Answer::Replaced { Then::End } else { Then::GoOn };
        let holds = match (&answer, &subject) {
            (Answer::Assigned { commit, attempt, .. }, _) => Some((*commit, *attempt)),
            (Answer::Kept, Subject::Attempt(commit, attempt, _)) => Some((*commit, *attempt)),
            _ => None,
        };
        if let Err(error) = self.hold(holds) {
            let message = format!("cannot keep output: {error}");
            log::error!("{message}");
            // The attempt is this runner's all the same: when it is back it is told so again, and by then there may be room.
            return (refusal(Code::StorageFull, message), Then::End);
        }
        let context = Context {
            lease_ms: self.shared.lease_ms,
            attempt_timeout_ms: self.shared.attempt_timeout_ms,
            output_bytes: self.held.as_ref().map_or(0, |held| held.output.bytes()),
            is_about_runner: subject == Subject::Runner,
        };
        if let (Answer::Kept, Subject::Attempt(commit, attempt, Some(progress))) =
            (&answer, subject)
        {
            self.shared.board.post(commit, attempt, progress);
        }
        (translate::reply(answer, &context), then)
    }

    fn hold(&mut self, attempt: Option<(CommitId, Attempt)>) -> io::Result<()> {
        let is_held = |held: &Held| Some((held.commit, held.attempt)) == attempt;
        if self.held.as_ref().is_some_and(is_held) {
            return Ok(());
        }
        self.held = match attempt {
            Some((commit, attempt)) => {
                let output = Output::open(&self.shared.folder.output(commit, attempt), commit)?;
                Some(Held { commit, attempt, output, board: &self.shared.board })
            }
            None => None,
        };
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

    fn write(&mut self, reply: &Reply) -> bool {
        write(&mut self.connection, reply, Instant::now() + Duration::from_millis(WRITE_MS_MAX))
    }
}

fn not_kept(error: &io::Error) -> Reply {
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
