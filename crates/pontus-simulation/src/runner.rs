//! A runner: an agent that follows `PROTOCOL.md`, dies, comes back, and writes into the ledger what it really ran.

use std::collections::VecDeque;

use pontus_proto::{Attempt, CommitId, HostName, InstanceId, Label, ProjectName};
use pontus_scheduler::{Answer, SessionId, Time};

use crate::faults::{Fault, REVIVE_MS_MAX};
use crate::ledger::{Course, Run, RunId};
use crate::network::{Client, Reply, Request};
use crate::seen::Case;
use crate::stage::{Happening, Stage};
use crate::trace::Who;
use crate::words;

/// The longest ordinary test, in milliseconds.
pub const TEST_MS_MAX: u64 = 5_000;
/// The longest pause before a client dials again, in milliseconds.
pub const DIAL_MS_MAX: u64 = 1_500;
/// What the tests of a commit print at most, and what of it is sent at a time, in bytes.
const OUTPUT_BYTES_MAX: u64 = 9;
const PIECE_BYTES_MAX: u64 = 4;
/// How many messages it takes to send all of it, at most: a piece may be as short as a byte.
pub const PIECES_MAX: u64 = OUTPUT_BYTES_MAX;

/// What a runner does of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Dial,
    Beat,
    /// The test of this run ends.
    Finish(RunId),
    Revive,
}

/// How far a runner is with its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Testing,
    /// It was told to leave.
    Leaving,
    Finished,
}

#[derive(Debug, Clone, Copy)]
struct Work {
    commit: CommitId,
    attempt: Attempt,
    run: RunId,
    progress: Progress,
    /// How much the tests print, and how much of that the dispatcher has.
    output_bytes: u64,
    sent_bytes: u64,
}

/// What a runner was called in one of its lives, and what it has to deliver from it.
#[derive(Debug)]
struct Identity {
    instance: InstanceId,
    work: Option<Work>,
}

/// See the module.
#[derive(Debug)]
pub struct Runner {
    number: usize,
    host: HostName,
    project: ProjectName,
    labels: Vec<Label>,
    /// How often it died. What it had planned in an earlier life does not happen.
    life: u32,
    is_alive: bool,
    connection: Option<SessionId>,
    is_registered: bool,
    /// Whether its question is still open.
    has_asked: bool,
    /// What it had before, and whether its question is about that: then it does not care for the answer.
    past: Option<Work>,
    asks_of_past: bool,
    /// The oldest speaks; the newest is this life's own. The others have a finished report on their disk.
    identities: VecDeque<Identity>,
    beat_due: Time,
    stalled_until: Time,
}

impl Runner {
    pub fn new(
        stage: &mut Stage,
        number: usize,
        host: HostName,
        project: ProjectName,
        labels: Vec<Label>,
    ) -> Runner {
        let mut runner = Runner {
            number,
            host,
            project,
            labels,
            life: 0,
            is_alive: true,
            connection: None,
            is_registered: false,
            has_asked: false,
            past: None,
            asks_of_past: false,
            identities: VecDeque::new(),
            beat_due: stage.now,
            stalled_until: stage.now,
        };
        runner.draw_identity();
        runner.dial_later(stage);
        runner
    }

    fn draw_identity(&mut self) {
        let mut bytes = [0; 16];
        bytes[0] = 0xa0 + self.number as u8;
        bytes[1] = self.life as u8;
        let instance = InstanceId::from_bytes(bytes);
        self.identities.push_back(Identity { instance, work: None });
    }

    fn who(&self) -> Who {
        Who::Client(Client::Runner(self.number))
    }

    pub fn is_alive(&self) -> bool {
        self.is_alive
    }

    /// Until when nothing reaches it.
    pub fn stalled_until(&self) -> Time {
        self.stalled_until
    }

    pub fn act(&mut self, stage: &mut Stage, life: u32, act: Act) {
        if life != self.life {
            return;
        }
        match act {
            Act::Dial => self.dial(stage),
            Act::Beat => self.beat_if_due(stage),
            Act::Finish(run) => self.finish(stage, run),
            Act::Revive => {
                self.is_alive = true;
                self.dial(stage);
            }
        }
    }

    pub fn answered(&mut self, stage: &mut Stage, session: SessionId, reply: &Reply) {
        if self.connection != Some(session) {
            return;
        }
        self.has_asked = false;
        if std::mem::take(&mut self.asks_of_past) {
            return self.go_on(stage);
        }
        match (reply, self.work()) {
            (Reply::Said(answer), _) => self.told(stage, answer),
            (Reply::Kept(bytes), Some(work)) => {
                self.identities[0].work = Some(Work { sent_bytes: *bytes, ..work });
                self.go_on(stage);
            }
            (Reply::BeatFirst, Some(work)) => self.beat(stage, work),
            _ => unreachable!("nothing of the kind is asked without a commit"),
        }
    }

    fn told(&mut self, stage: &mut Stage, answer: &Answer) {
        match answer {
            Answer::Registered { .. } => {
                self.is_registered = true;
                match self.work() {
                    Some(work) if !stage.strikes(Fault::RunnerBeatsLate) => self.beat(stage, work),
                    _ => self.go_on(stage),
                }
            }
            Answer::Assigned { commit, attempt, .. } => self.begin(stage, *commit, *attempt),
            Answer::Idle => self.go_on(stage),
            Answer::Recorded | Answer::Stale => {
                self.drop_work(stage);
                self.go_on(stage);
            }
            Answer::Returned | Answer::Leave => self.die(stage),
            Answer::Unregistered | Answer::Replaced => self.dial_anew(stage),
            _ => {
                unreachable!("no checker lets this answer a runner")
            }
        }
    }

    /// Its connection is gone.
    pub fn notices(&mut self, stage: &mut Stage, session: SessionId) {
        if self.connection == Some(session) {
            self.dial_anew(stage);
        }
    }

    fn dial_anew(&mut self, stage: &mut Stage) {
        self.let_go(stage);
        self.dial_later(stage);
    }

    fn let_go(&mut self, stage: &mut Stage) {
        if let Some(session) = self.connection.take() {
            stage.hang_up(session);
        }
        if std::mem::take(&mut self.has_asked) {
            stage.suffers(Fault::Repeated);
        }
        self.is_registered = false;
        self.asks_of_past = false;
    }

    fn dial_later(&mut self, stage: &mut Stage) {
        let ms = if stage.rng.bool() { stage.ms(1..=20) } else { stage.ms(20..=DIAL_MS_MAX) };
        self.plan_in(stage, ms, Act::Dial);
    }

    fn dial(&mut self, stage: &mut Stage) {
        if self.connection.is_some() {
            return;
        }
        self.connection = stage.dial(Client::Runner(self.number));
        if self.connection.is_some() { self.register(stage) } else { self.dial_later(stage) }
    }

    fn register(&mut self, stage: &mut Stage) {
        self.is_registered = false;
        let instance = self.identities[0].instance.clone();
        let (name, project) = (self.host.clone(), self.project.clone());
        let labels = self.labels.clone();
        self.ask(stage, Request::Register { name, instance, project, labels });
    }

    /// What comes next for a runner that is registered and has no question open.
    fn go_on(&mut self, stage: &mut Stage) {
        if let Some(past) = self.past
            && stage.strikes(Fault::OldNews)
        {
            return self.say_of_past(stage, past);
        }
        let Some(work) = self.work() else { return self.look_for_work(stage) };
        let Work { commit, attempt, run, progress, output_bytes, sent_bytes } = work;
        let is_sent = sent_bytes >= output_bytes;
        match progress {
            // What will be printed in the end is there piece by piece.
            Progress::Testing if !is_sent && stage.rng.u8(0..3) == 0 => {
                self.send_output(stage, work);
            }
            Progress::Finished if !is_sent => self.send_output(stage, work),
            Progress::Testing => {
                // The protocol wants four in a lease.
                let ms = stage.config.lease_ms / 5;
                self.beat_due = stage.now.after(ms);
                self.plan_in(stage, ms, Act::Beat);
            }
            Progress::Leaving => self.ask(stage, Request::GiveBack { commit, attempt }),
            Progress::Finished => self.ask(stage, Request::Report { commit, attempt, run }),
        }
    }

    fn send_output(&mut self, stage: &mut Stage, work: Work) {
        let Work { commit, attempt, output_bytes, sent_bytes: offset, .. } = work;
        let bytes = stage.ms(1..=PIECE_BYTES_MAX.min(output_bytes - offset));
        self.ask(stage, Request::Output { commit, attempt, offset, bytes });
    }

    fn say_of_past(&mut self, stage: &mut Stage, past: Work) {
        self.asks_of_past = true;
        let Work { commit, attempt, run, .. } = past;
        let request = match stage.rng.u8(0..3) {
            0 => Request::Beat { commit, attempt },
            1 => Request::Report { commit, attempt, run },
            _ => Request::GiveBack { commit, attempt },
        };
        self.ask(stage, request);
    }

    fn drop_work(&mut self, stage: &mut Stage) {
        if let Some(work) = self.identities[0].work.take() {
            stage.ledger.give_up(work.run);
            self.past = Some(work);
        }
    }

    fn look_for_work(&mut self, stage: &mut Stage) {
        if self.identities.len() == 1 {
            return self.ask(stage, Request::Ready);
        }
        self.identities.pop_front();
        if stage.rng.bool() { self.register(stage) } else { self.dial_anew(stage) }
    }

    fn begin(&mut self, stage: &mut Stage, commit: CommitId, attempt: Attempt) {
        if stage.ledger.is_tested(commit) {
            stage.meets(Case::TestedTwiceAtOnce);
        }
        let instance = self.identities[0].instance.clone();
        let (course, output_bytes) = (Course::Testing, stage.rng.u64(0..=OUTPUT_BYTES_MAX));
        let run = stage.ledger.begin(Run { commit, attempt, instance, output_bytes, course });
        stage.note(self.who(), || {
            format!("tests {}: run {}", words::try_of(commit, attempt), run.0)
        });
        let (progress, sent_bytes) = (Progress::Testing, 0);
        let work = Work { commit, attempt, run, progress, output_bytes, sent_bytes };
        self.identities[0].work = Some(work);
        let hangs = stage.strikes(Fault::TestHangs);
        let longest = stage.config.attempt_ms_max;
        let ms = if hangs { stage.ms(longest..=2 * longest) } else { stage.ms(50..=TEST_MS_MAX) };
        self.plan_in(stage, ms, Act::Finish(run));
        self.go_on(stage);
    }

    fn finish(&mut self, stage: &mut Stage, run: RunId) {
        let Some(work) = self.work().filter(|work| work.run == run) else { return };
        let leaves = stage.strikes(Fault::RunnerLeaves);
        let progress = if leaves { Progress::Leaving } else { Progress::Finished };
        if progress == Progress::Finished {
            stage.ledger.finish(run);
            stage.note(self.who(), || format!("has finished run {}", run.0));
        } else {
            stage.ledger.give_up(run);
        }
        self.identities[0].work = Some(Work { progress, ..work });
        if self.is_registered && !self.has_asked {
            self.go_on(stage);
        }
    }

    fn beat_if_due(&mut self, stage: &mut Stage) {
        let due = self.is_registered && !self.has_asked && stage.now >= self.beat_due;
        if let Some(work) = self.work().filter(|_| due) {
            self.beat(stage, work);
        }
    }

    fn beat(&mut self, stage: &mut Stage, work: Work) {
        self.ask(stage, Request::Beat { commit: work.commit, attempt: work.attempt });
    }

    fn ask(&mut self, stage: &mut Stage, request: Request) {
        if let Some(session) = self.connection {
            self.has_asked = true;
            stage.ask(session, request);
        }
    }

    fn work(&self) -> Option<Work> {
        self.identities[0].work
    }

    fn plan_in(&self, stage: &mut Stage, ms: u64, act: Act) {
        let happening = Happening::Runner { number: self.number, life: self.life, act };
        stage.plan_in(ms, happening);
    }

    /// Its process ends. A finished report is on its disk, a test that has not ended is lost.
    pub fn die(&mut self, stage: &mut Stage) {
        self.let_go(stage);
        let finished = |work: Work| work.progress == Progress::Finished;
        if self.work().is_some_and(|work| !finished(work)) {
            self.drop_work(stage);
        }
        self.identities.retain(|identity| identity.work.is_some_and(finished));
        if !self.identities.is_empty() {
            stage.suffers(Fault::ReportOutlivesRunner);
        }
        self.is_alive = false;
        self.life += 1;
        self.stalled_until = stage.now;
        self.draw_identity();
        stage.note(self.who(), || "is gone".to_owned());
        let ms = stage.ms(1..=REVIVE_MS_MAX);
        self.plan_in(stage, ms, Act::Revive);
    }

    /// Its process stops, and goes on later.
    pub fn stall(&mut self, stage: &mut Stage, ms: u64) {
        stage.note(self.who(), || format!("stands still for {ms} ms"));
        self.stalled_until = stage.now.after(ms);
    }
}
