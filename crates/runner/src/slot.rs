//! One runner in the dispatcher's eyes: it asks for a commit, has it tested, and delivers what comes of it.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use log::{error, info, warn};
use pontus_exec::{Spare, Stop};
use pontus_proto::{Bytes, Client, ClientError, Code, Progress, Reply, Request};

use crate::attempt::{Assignment, Tester};
use crate::bell::Bell;
use crate::checkout::Checkout;
use crate::clone::Clone;
use crate::config::Limits;
use crate::delivery::{self, Next, Said};
use crate::leave::{Hurry, Leave};
use crate::link::Link;
use crate::spool::{self, Contents, Finished, Reader, Writer};
use crate::term::Term;
use crate::work::Place;

/// How long to leave a disk alone that did not do its work, the dispatcher's or our own.
const DISK_PAUSE: Duration = Duration::from_secs(1);

/// How long our last words may take when the user is in a hurry: a dispatcher that is there answers in far less, and one that is not
/// finds out by itself.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// One runner.
#[derive(Debug)]
pub struct Slot {
    /// Which one of this process, for [`Leave`].
    pub number: usize,
    /// To the dispatcher.
    pub link: Link,
    /// On the disk.
    pub place: Place,
    /// What this place's last process finished and could not deliver.
    pub leftover: Option<(Finished, Arc<Reader>)>,
    /// What it shares with the others.
    pub common: Common,
    /// Where commits are checked out.
    pub checkout: Arc<Checkout>,
    /// Whose they are.
    pub project: pontus_proto::ProjectName,
    /// What each attempt may use.
    pub limits: Limits,
    /// Rung when anything changes that this slot waits for.
    pub bell: Arc<Bell>,
    /// Whether it was said that our disk takes nothing.
    pub disk_trouble: bool,
    /// The one of the last commit, while commit follows commit.
    pub supervisor: Option<Spare>,
}

/// What the slots of a process share.
#[derive(Debug, Clone)]
pub struct Common {
    /// Where commits come from.
    pub clone: Arc<Clone>,
    /// Whether the user wants us to leave.
    pub leave: Arc<Leave>,
    /// When we leave without being asked to.
    pub term: Arc<Term>,
}

/// How an attempt left this slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The dispatcher has it, or does not want it.
    Over,
    /// It is on the disk, for this runner's next start.
    Kept,
}

/// What the dispatcher has for a runner that is ready.
#[derive(Debug)]
enum Offer {
    /// A commit.
    Work(Assignment),
    /// Nothing yet.
    Nothing,
    /// The word that a user wants it to leave.
    Leave,
}

/// What the dispatcher says of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// Go on: it has so many bytes of output.
    Kept(u64),
    /// It has the report, or the attempt is not ours any more.
    Over,
    /// Nothing that is of use.
    Nothing,
}

impl Slot {
    /// Runs until a user wants it to leave.
    pub fn run(mut self) {
        self.deliver_leftover();
        while self.common.leave.hurry() == Hurry::None {
            if !self.link.dial(Client::ANSWER) {
                self.bell.wait_until(self.link.next_dial());
                continue;
            }
            // Whoever has no room for what a test prints does not ask for one.
            let Some(writer) = self.begin_spool() else {
                self.pause();
                continue;
            };
            if !self.common.term.take() {
                return;
            }
            match self.wait_for_work() {
                Offer::Work(assignment) => {
                    self.common.term.begin();
                    self.take_on(&assignment, writer);
                    self.common.term.end();
                }
                Offer::Nothing => {
                    // Whoever has nothing to do keeps no process that has nothing to do.
                    self.supervisor = None;
                    self.common.term.put_back();
                }
                Offer::Leave => {
                    self.common.term.put_back();
                    info!("{} was drained, and leaves", self.link.name());
                    return;
                }
            }
        }
    }

    /// Delivers what the place's last process finished, and does nothing else.
    pub fn run_off(mut self) {
        self.deliver_leftover();
    }

    fn begin_spool(&mut self) -> Option<Writer> {
        let bell = Arc::clone(&self.bell);
        match spool::begin(&self.place.spool(), self.limits.output_bytes_max, bell) {
            Ok(writer) => {
                self.disk_trouble = false;
                Some(writer)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.disk_trouble, true) {
                    let folder = self.place.spool();
                    error!(
                        "cannot write {}: {error}; taking no commits until it can be",
                        folder.display()
                    );
                }
                None
            }
        }
    }

    /// Waits a while, unless the user is in a hurry. Other news has to wait as well.
    fn pause(&self) {
        let until = Instant::now() + DISK_PAUSE;
        while Instant::now() < until && self.common.leave.hurry() == Hurry::None {
            self.bell.wait_until(until);
        }
    }

    /// One long poll.
    fn wait_for_work(&mut self) -> Offer {
        if !self.begin_ask(Hurry::WhenDone) {
            return Offer::Nothing;
        }
        let reply = self.link.ask(Client::ANSWER, &Request::Ready {});
        self.common.leave.end_ask(self.number);
        match reply {
            Ok(Reply::Assigned { commit, attempt, branch, timeout_ms }) => {
                let timeout = Duration::from_millis(timeout_ms);
                let arrived = Instant::now();
                return Offer::Work(Assignment { commit, attempt, branch, timeout, arrived });
            }
            Ok(Reply::Idle {}) => {}
            Ok(Reply::Leave {}) => return Offer::Leave,
            Ok(_) => self.link.drop_client(&ClientError::Unfitting),
            Err(error) => self.link.drop_client(&error),
        }
        Offer::Nothing
    }

    /// Lets the wait for an answer end when there is as much of a hurry as this. False where there is already.
    fn begin_ask(&self, ends_at: Hurry) -> bool {
        let leave = &self.common.leave;
        match self.link.hang_up() {
            Some(connection) => leave.begin_ask(self.number, ends_at, connection),
            None => leave.hurry() < ends_at,
        }
    }

    /// How long the dispatcher may take over anything now.
    fn patience(&self) -> Duration {
        if self.common.leave.hurry() == Hurry::Now { LAST_WORDS } else { Client::ANSWER }
    }

    fn take_on(&mut self, assignment: &Assignment, writer: Writer) {
        if self.common.leave.hurry() > Hurry::None {
            return self.give_back(assignment);
        }
        match self.test(assignment, writer) {
            Ok(End::Over) => self.clear_spool(),
            Ok(End::Kept) => info!("{}: kept for the next start", assignment.commit),
            Err(error) => {
                error!("{}: cannot be tested here: {error:#}", assignment.commit);
                self.give_back(assignment);
                // Another runner should have the commit first.
                self.pause();
            }
        }
    }

    /// Has the commit tested on a thread of its own, and delivers meanwhile.
    fn test(&mut self, assignment: &Assignment, writer: Writer) -> anyhow::Result<End> {
        let reader = writer.reader();
        let stop = Stop::new()?;
        let tester = Tester {
            clone: Arc::clone(&self.common.clone),
            checkout: Arc::clone(&self.checkout),
            project: self.project.clone(),
            instance: self.link.instance().clone(),
            limits: self.limits,
            stop: stop.clone(),
        };
        let (spare, wanted) = mpsc::sync_channel(1);
        let testing = thread::Builder::new().name(format!("test-{}", self.number)).spawn({
            let assignment = assignment.clone();
            move || tester.test(&assignment, &wanted, writer)
        })?;
        // It begins while git is at work. Where it cannot be started, the first unit will say why.
        if let Ok(supervisor) = self.supervisor.take().map_or_else(Spare::start, Ok) {
            spare.send(supervisor).ok();
        }
        drop(spare);
        info!("{}: attempt {}", assignment.commit, assignment.attempt);
        let end = self.deliver(assignment, &reader, &stop);
        if end == End::Over {
            reader.let_go();
        }
        stop.now();
        self.supervisor = testing.join().expect("a panic in any thread ends the process");
        Ok(end)
    }

    /// Beats, sends output as it comes, and reports, over as many connections as it takes.
    fn deliver(&mut self, assignment: &Assignment, reader: &Reader, stop: &Stop) -> End {
        let mut said = Said::nothing(Instant::now(), self.link.lease());
        loop {
            let contents = reader.contents();
            if self.common.leave.hurry() == Hurry::Now && contents.report.is_none() {
                stop.now();
            }
            if stop.is_set() && contents.report.is_some() {
                // Only now is nothing of the tests left that could disturb the next attempt.
                self.give_back(assignment);
                return End::Over;
            }
            if !self.link.is_up() {
                if !self.link.dial(self.patience()) {
                    if self.common.leave.hurry() > Hurry::None && contents.report.is_some() {
                        return End::Kept;
                    }
                    self.bell.wait_until(self.link.next_dial());
                    continue;
                }
                said.forget(Instant::now());
            }
            let request = match delivery::next(Instant::now(), &said, &contents) {
                Next::WaitUntil(until) => {
                    self.bell.wait_until(until);
                    continue;
                }
                Next::Beat => {
                    let progress = contents.progress;
                    said.beat(Instant::now(), self.link.lease(), progress.clone());
                    beat(assignment, progress)
                }
                Next::Output(bytes) => match output(assignment, reader, said.output_bytes, bytes) {
                    Ok(request) => request,
                    Err(error) => {
                        error!("{}: cannot read the spool: {error}", assignment.commit);
                        stop.now();
                        self.give_back(assignment);
                        return End::Over;
                    }
                },
                Next::Report => report(assignment, contents),
            };
            let asked = Instant::now();
            match self.say(assignment, &request) {
                Heard::Kept(output_bytes) => said.kept(output_bytes, asked.elapsed()),
                Heard::Over => return End::Over,
                Heard::Nothing => {}
            }
        }
    }

    /// Says one thing about an attempt, and deals with whatever comes of it but the two ways that it can go on.
    fn say(&mut self, assignment: &Assignment, request: &Request) -> Heard {
        self.begin_ask(Hurry::Now);
        let reply = self.link.ask(self.patience(), request);
        self.common.leave.end_ask(self.number);
        match reply {
            Ok(Reply::Kept { output_bytes }) => return Heard::Kept(output_bytes),
            Ok(Reply::Recorded {}) => return Heard::Over,
            Err(ClientError::Refused { code: Code::Stale, message }) => {
                warn!("{}: dropped: {message}", assignment.commit);
                return Heard::Over;
            }
            Err(ClientError::Refused { code: Code::StorageFull, message }) => {
                warn!("{}: {message}; trying again", assignment.commit);
                self.pause();
            }
            Ok(_) => self.link.drop_client(&ClientError::Unfitting),
            Err(error) => self.link.drop_client(&error),
        }
        Heard::Nothing
    }

    /// Says so, if anybody is there to hear it soon; otherwise the lease ends by itself. The same hurry may have ended the
    /// connection, so a new one is dialled where that is needed.
    fn give_back(&mut self, assignment: &Assignment) {
        let Assignment { commit, attempt, .. } = *assignment;
        let until = Instant::now() + LAST_WORDS;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            if !self.link.dial(left) {
                self.bell.wait_until(self.link.next_dial().min(until));
                continue;
            }
            match self.link.ask(left, &Request::GiveBack { commit, attempt }) {
                Ok(_) => return info!("{commit}: given back"),
                // It is not ours any more.
                Err(ClientError::Refused { .. }) => return,
                Err(_) => {}
            }
        }
    }

    /// Before anything else, since the place's spool is about to be begun anew.
    fn deliver_leftover(&mut self) {
        if let Some((finished, reader)) = self.leftover.take() {
            info!("{}: delivering what was finished before", finished.commit);
            let assignment = Assignment {
                commit: finished.commit,
                attempt: finished.attempt,
                branch: None,
                timeout: Duration::ZERO,
                arrived: Instant::now(),
            };
            if self.deliver(&assignment, &reader, &Stop::never()) == End::Kept {
                return;
            }
        }
        self.clear_spool();
    }

    fn clear_spool(&self) {
        if let Err(error) = spool::clear(&self.place.spool()) {
            warn!("cannot clear {}: {error}", self.place.spool().display());
        }
    }
}

fn beat(assignment: &Assignment, progress: Option<Progress>) -> Request {
    let Assignment { commit, attempt, .. } = *assignment;
    Request::Beat { commit, attempt, progress }
}

fn output(
    assignment: &Assignment,
    reader: &Reader,
    offset: u64,
    bytes_max: usize,
) -> std::io::Result<Request> {
    let Assignment { commit, attempt, .. } = *assignment;
    let data = Bytes(reader.read(offset, bytes_max)?);
    Ok(Request::Output { commit, attempt, offset, data })
}

fn report(assignment: &Assignment, contents: Contents) -> Request {
    let Assignment { commit, attempt, .. } = *assignment;
    let report = contents.report.expect("there is a report to be said");
    Request::Report { commit, attempt, report }
}
