//! The network: connections that carry one question at a time, and that break. Either side notices in its own time.

use std::collections::BTreeMap;

use pontus_proto::{Attempt, CommitId, HostName, InstanceId, Label, ProjectName, RunnerName};
use pontus_scheduler::{Answer, Event, Overview, SessionId, Submission, Time, WaitsFor};

use crate::faults::{Fault, LATE_MS_MAX, NOTICE_MS_MAX};
use crate::ledger::RunId;
use crate::stage::{Happening, Stage};
use crate::trace::Who;
use crate::words;

/// The longest ordinary way of a message, in milliseconds.
pub const DELAY_MS_MAX: u64 = 40;

/// What a client asks.
#[derive(Debug, Clone)]
pub enum Request {
    Submit(Submission),
    Register {
        name: HostName,
        instance: InstanceId,
        project: ProjectName,
        labels: Vec<Label>,
    },
    Ready,
    Beat {
        commit: CommitId,
        attempt: Attempt,
    },
    /// A piece of what the tests print.
    Output {
        commit: CommitId,
        attempt: Attempt,
        offset: u64,
        bytes: u64,
    },
    Report {
        commit: CommitId,
        attempt: Attempt,
        run: RunId,
    },
    GiveBack {
        commit: CommitId,
        attempt: Attempt,
    },
    Cancel(CommitId),
    Retry(CommitId),
    Drain(RunnerName),
    Pause(bool),
    Watch {
        commit: CommitId,
        wait_ms: u64,
    },
    /// How things are, and what a commit waits for.
    Look(CommitId),
}

/// What a client hears.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The scheduler's answer.
    Said(Answer),
    /// The attempt is the runner's, and so much of its output is here.
    Kept(u64),
    /// It is not known on this connection that the attempt is the runner's.
    BeatFirst,
    /// How things are.
    Told(Overview, Option<WaitsFor>),
}

impl Request {
    /// The event that it is to the scheduler, and the report that came with it; none where the scheduler does not hear of it.
    pub fn into_event(self, session: SessionId) -> Option<(Event, Option<RunId>)> {
        let event = match self {
            Request::Submit(submission) => Event::Submitted { session, submission },
            Request::Register { name, instance, project, labels } => {
                Event::Registered { session, name, instance, project, labels }
            }
            Request::Cancel(commit) => Event::Cancelled { session, commit },
            // What the disk knows is looked up when it is heard.
            Request::Retry(commit) => Event::Retried { session, commit, stored: None },
            Request::Drain(runner) => Event::Drained { session, runner },
            Request::Pause(paused) => Event::Paused { session, paused },
            Request::Watch { commit, wait_ms } => Event::Watched { session, commit, wait_ms },
            Request::Ready => Event::Ready { session },
            Request::Beat { commit, attempt } => Event::Beat { session, commit, attempt },
            Request::GiveBack { commit, attempt } => Event::GaveBack { session, commit, attempt },
            Request::Report { commit, attempt, run } => {
                return Some((Event::Reported { session, commit, attempt }, Some(run)));
            }
            Request::Output { .. } | Request::Look(_) => return None,
        };
        Some((event, None))
    }

    /// A watch as it is repeated after it was in vain.
    pub fn wait_on(self) -> Request {
        match self {
            Request::Watch { commit, .. } => Request::Watch { commit, wait_ms: u64::MAX },
            other => other,
        }
    }
}

/// Who dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    Runner(usize),
    Observer(usize),
    User(usize),
}

/// How well a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Whole,
    /// What is under way arrives, and nothing after it.
    Closing,
    Cut,
}

/// What became of an answer that the dispatcher wrote.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// For all that the dispatcher knows, it is on its way.
    Sent,
    /// The session had ended already.
    Gone,
    /// The write failed, and the session ended with it.
    Failed,
}

#[derive(Debug)]
struct Connection {
    client: Client,
    wire: Wire,
    client_is_open: bool,
    server_is_open: bool,
    /// When the last request that is under way arrives.
    request_arrives: Time,
    /// Until when requests are held up.
    frozen_until: Time,
    /// What comes a second time once it has been answered; that answer is lost.
    repeats: Option<Request>,
}

/// All connections that one of their sides still knows.
#[derive(Debug, Default)]
pub struct Connections {
    open: BTreeMap<SessionId, Connection>,
    dialled: u64,
}

impl Connections {
    /// Whose connection it is, while the client keeps it.
    pub fn client(&self, session: SessionId) -> Option<Client> {
        let connection = self.open.get(&session).filter(|connection| connection.client_is_open);
        connection.map(|connection| connection.client)
    }

    /// Whose connection it is or was, while either side keeps it.
    pub fn dialled_by(&self, session: SessionId) -> Option<Client> {
        self.open.get(&session).map(|connection| connection.client)
    }

    /// Whether an answer that was on its way arrives.
    pub fn carries_answer(&self, session: SessionId) -> bool {
        let connection = self.open.get(&session);
        connection.is_some_and(|found| found.client_is_open && found.wire != Wire::Cut)
    }

    fn forget_if_over(&mut self, session: SessionId) {
        let over = |found: &Connection| !found.client_is_open && !found.server_is_open;
        if self.open.get(&session).is_some_and(over) {
            self.open.remove(&session);
        }
    }
}

impl Stage {
    /// A new connection, where somebody listens.
    pub fn dial(&mut self, client: Client) -> Option<SessionId> {
        if !self.dispatcher_is_up {
            return None;
        }
        self.connections.dialled += 1;
        let session = SessionId(self.connections.dialled);
        let connection = Connection {
            client,
            wire: Wire::Whole,
            client_is_open: true,
            server_is_open: true,
            request_arrives: self.now,
            frozen_until: self.now,
            repeats: None,
        };
        self.connections.open.insert(session, connection);
        Some(session)
    }

    fn delay_ms(&mut self) -> u64 {
        let late = self.strikes(Fault::MessageLate);
        if late { self.ms(500..=LATE_MS_MAX) } else { self.ms(1..=DELAY_MS_MAX) }
    }

    /// A client asks. What is asked on a broken connection is lost, and the client learns so when it notices.
    pub fn ask(&mut self, session: SessionId, request: Request) {
        self.note_of(session, || format!("asks {}", words::request(&request)));
        if self.strikes(Fault::RequestLost) {
            return self.break_up(session, Wire::Cut);
        }
        let arrives = self.now.after(self.delay_ms());
        let Some(connection) = self.connections.open.get_mut(&session) else { return };
        if connection.wire == Wire::Whole {
            connection.request_arrives = arrives;
            self.plan(arrives, Happening::Asked(session, request));
        }
    }

    /// A request comes to the dispatcher's side. It is returned where the dispatcher hears it now.
    pub fn arrive(&mut self, session: SessionId, request: Request) -> Option<Request> {
        let connection = self.connections.open.get(&session)?;
        if !connection.server_is_open || connection.wire == Wire::Cut {
            return None;
        }
        if connection.frozen_until > self.now {
            self.plan(connection.frozen_until, Happening::Asked(session, request));
            return None;
        }
        if self.strikes(Fault::RequestRepeated)
            && let Some(connection) = self.connections.open.get_mut(&session)
        {
            connection.repeats = Some(request.clone());
        }
        Some(request)
    }

    /// The dispatcher answers.
    pub fn write(&mut self, session: SessionId, reply: Reply) -> Written {
        let Some(connection) = self.connections.open.get_mut(&session) else {
            return Written::Gone;
        };
        if !connection.server_is_open {
            return Written::Gone;
        }
        if let Some(request) = connection.repeats.take() {
            self.say_again(session, request);
            return Written::Sent;
        }
        // A broken connection may take what is written to it all the same, and lose it.
        let is_whole = connection.wire == Wire::Whole;
        let refused = !is_whole && self.rng.bool();
        let assigns = matches!(reply, Reply::Said(Answer::Assigned { .. }));
        if refused || (assigns && self.strikes(Fault::WriteFails)) {
            self.break_up(session, Wire::Cut);
            self.end_server_side(session);
            return Written::Failed;
        }
        if self.strikes(Fault::AnswerLost) {
            self.break_up(session, Wire::Cut);
        } else if is_whole {
            let delay_ms = self.delay_ms();
            self.plan_in(delay_ms, Happening::Answered(session, reply));
        }
        Written::Sent
    }

    /// A request comes once more, on the same connection.
    fn say_again(&mut self, session: SessionId, request: Request) {
        let arrives = self.now.after(self.delay_ms());
        if let Some(connection) = self.connections.open.get_mut(&session) {
            connection.request_arrives = connection.request_arrives.max(arrives);
            self.plan(arrives, Happening::Asked(session, request));
        }
    }

    /// A connection breaks. Both sides are told, each in its own time; the dispatcher not before what is under way.
    pub fn break_up(&mut self, session: SessionId, wire: Wire) {
        let (server_ms, client_ms) = (self.notice_ms(), self.notice_ms());
        let Some(connection) = self.connections.open.get_mut(&session) else { return };
        if connection.wire != Wire::Whole {
            return;
        }
        connection.wire = wire;
        let server_notices = self.now.after(server_ms).max(connection.request_arrives);
        let how = if wire == Wire::Cut { "is cut" } else { "is closing" };
        self.note(Who::Network, || format!("#{} {how}", session.0));
        self.plan(server_notices, Happening::ServerNotices(session));
        self.plan_in(client_ms, Happening::ClientNotices(session));
    }

    /// Mostly at once, sometimes after a while.
    fn notice_ms(&mut self) -> u64 {
        if self.rng.u8(0..3) == 0 { self.ms(1..=NOTICE_MS_MAX) } else { self.ms(1..=DELAY_MS_MAX) }
    }

    /// A client lets go of its connection.
    pub fn hang_up(&mut self, session: SessionId) {
        let wire = if self.rng.bool() { Wire::Closing } else { Wire::Cut };
        self.break_up(session, wire);
        if let Some(connection) = self.connections.open.get_mut(&session) {
            connection.client_is_open = false;
        }
        self.connections.forget_if_over(session);
    }

    /// The dispatcher's side ends. Returns whether it was still open.
    pub fn end_server_side(&mut self, session: SessionId) -> bool {
        let Some(connection) = self.connections.open.get_mut(&session) else { return false };
        let was_open = std::mem::replace(&mut connection.server_is_open, false);
        self.connections.forget_if_over(session);
        was_open
    }

    /// The dispatcher is gone, and its side of every connection with it.
    pub fn end_every_server_side(&mut self) {
        for session in self.connections.open.keys().copied().collect::<Vec<_>>() {
            self.break_up(session, Wire::Cut);
            self.end_server_side(session);
        }
    }

    /// Some connection that is still whole, if there is one.
    pub fn any_connection(&mut self) -> Option<SessionId> {
        let whole = self.connections.open.iter().filter(|(_, found)| found.wire == Wire::Whole);
        let whole: Vec<_> = whole.map(|(session, _)| *session).collect();
        self.rng.choice(whole)
    }

    pub fn freeze(&mut self, session: SessionId, ms: u64) {
        let until = self.now.after(ms);
        if let Some(connection) = self.connections.open.get_mut(&session) {
            connection.frozen_until = until;
            connection.request_arrives = connection.request_arrives.max(until);
        }
    }
}
