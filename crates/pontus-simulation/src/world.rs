//! The world: the loop in which everything happens, one thing at a time, until all is decided or time is up.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use pontus_proto::{CommitId, Label, ProjectName};
use pontus_scheduler::{Config, SessionId, Submission, Time};

use crate::bug::Bug;
use crate::check::{Broken, hold};
use crate::clock::GRAIN_MS_MAX;
use crate::disk::Published;
use crate::dispatcher::Dispatcher;
use crate::faults::{
    Fault, Faults, LATE_MS_MAX, MISCHIEF_MS, NOTICE_MS_MAX, RESTART_MS_MAX, REVIVE_MS_MAX,
    STALL_MS_MAX,
};
use crate::network::{Client, DELAY_MS_MAX, Reply, Wire};
use crate::observer::{self, Observer};
use crate::runner::{DIAL_MS_MAX, PIECES_MAX, Runner, TEST_MS_MAX};
use crate::seen::Seen;
use crate::stage::{Happening, Stage};
use crate::store::Store;
use crate::trace::{Trace, Who};
use crate::user::{THINK_MS_MAX, User};
use crate::words;

/// When the world begins, in milliseconds: late enough that there is a time before it.
const BEGINS: Time = Time(100_000);
/// For how long commits are found, and for how long things go wrong, in milliseconds.
const FINDING_MS: u64 = 30_000;
const TROUBLE_MS: u64 = 45_000;

/// How many users there are.
const USERS: usize = 2;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The rules by which its scheduler decided, in words.
    pub rules: String,
    /// The first rule that did not hold.
    pub broken: Option<Broken>,
    /// What it met.
    pub seen: Seen,
    /// What happened, where that was kept.
    pub trace: Trace,
}

/// Lets the world of a seed run to its end, with a dispatcher that remembers in `store`, which is empty, and has a bug or none.
pub fn run(seed: u64, store: Box<dyn Store>, bug: Option<Bug>, trace: Trace) -> Outcome {
    let mut world = World::new(seed, store, bug, trace);
    // A panic is a rule that broke, too, and its story is worth as much.
    let lived = panic::catch_unwind(AssertUnwindSafe(|| world.live()));
    let broken = lived.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))).err();
    let Stage { seen, trace, config, grain_ms, .. } = world.stage;
    Outcome { rules: words::rules(&config, grain_ms), broken, seen, trace }
}

fn panicked(panic: &dyn Any) -> Broken {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing");
    Broken::new(format!("somebody panics, and says: {said}"))
}

struct World {
    stage: Stage,
    dispatcher: Dispatcher,
    runners: Vec<Runner>,
    observers: Vec<Observer>,
    users: Vec<User>,
    projects_len: usize,
    /// By when all has to be decided, once nothing goes wrong any more.
    deadline: Option<Time>,
}

impl World {
    fn new(seed: u64, store: Box<dyn Store>, bug: Option<Bug>, trace: Trace) -> World {
        let mut stage = Stage::new(BEGINS, seed, trace);
        let dispatcher = Dispatcher::new(&stage, store, bug);
        let runners_len = stage.rng.usize(1..=4);
        // Every project has a runner, or its commits would rightly wait for ever.
        let projects_len = runners_len.min(2);
        let runners = (0..runners_len).map(|number| {
            let host = if number == 3 { "elm" } else { "oak" };
            let labels = some_labels(&mut stage);
            runner(&mut stage, number, host, project(number % projects_len), labels)
        });
        let runners = runners.collect();
        let observers = (0..2).map(|number| Observer::new(&mut stage, number)).collect();
        let users = (0..USERS).map(|number| User::new(&mut stage, number)).collect();
        announce(&mut stage, projects_len);
        stage.plan_in(MISCHIEF_MS, Happening::Mischief);
        stage.plan_in(TROUBLE_MS, Happening::Heal);
        World { stage, dispatcher, runners, observers, users, projects_len, deadline: None }
    }

    fn live(&mut self) -> Result<(), Broken> {
        while let Some(happening) = self.stage.next_happening() {
            self.happens(happening)?;
            if let Some(deadline) = self.deadline {
                if self.is_settled() {
                    return Ok(());
                }
                hold(self.stage.now < deadline, || "something stays undecided".to_owned())?;
            }
        }
        Ok(())
    }

    fn happens(&mut self, happening: Happening) -> Result<(), Broken> {
        let Some(happening) = self.unless_stalled(happening) else { return Ok(()) };
        let stage = &mut self.stage;
        match happening {
            Happening::Look => return self.dispatcher.look(stage),
            Happening::Restart => return self.dispatcher.restart(stage),
            Happening::Asked(session, request) => {
                if let Some(request) = stage.arrive(session, request) {
                    self.dispatcher.asked(stage, session, request);
                }
            }
            Happening::ServerNotices(session) => {
                if stage.end_server_side(session) {
                    self.dispatcher.ended(stage, session, false);
                }
            }
            Happening::Answered(session, reply) => self.answered(session, &reply),
            Happening::ClientNotices(session) => match stage.connections.client(session) {
                Some(Client::Runner(at)) => self.runners[at].notices(stage, session),
                Some(Client::Observer(at)) => self.observers[at].notices(stage, session),
                Some(Client::User(at)) => self.users[at].notices(stage, session),
                None => {}
            },
            Happening::Runner { number, life, act } => self.runners[number].act(stage, life, act),
            Happening::User { number, act } => self.users[number].act(stage, act),
            Happening::Observer { number, act } => self.observers[number].act(stage, act),
            Happening::Mischief => self.mischief(),
            Happening::Heal => self.heal(),
        }
        Ok(())
    }

    fn answered(&mut self, session: SessionId, reply: &Reply) {
        let stage = &mut self.stage;
        let client = stage.connections.client(session);
        let Some(client) = client.filter(|_| stage.connections.carries_answer(session)) else {
            return;
        };
        stage.note_of(session, || format!("hears {}", words::reply(reply)));
        match client {
            Client::Runner(at) => self.runners[at].answered(stage, session, reply),
            Client::Observer(at) => self.observers[at].answered(stage, session, reply),
            Client::User(at) => self.users[at].answered(stage, session, reply),
        }
    }

    /// What comes to a runner that is stopped comes when it goes on.
    fn unless_stalled(&mut self, happening: Happening) -> Option<Happening> {
        let runner_of = |session: SessionId| match self.stage.connections.client(session) {
            Some(Client::Runner(number)) => Some(number),
            _ => None,
        };
        let number = match &happening {
            Happening::Runner { number, .. } => Some(*number),
            Happening::Answered(session, _) | Happening::ClientNotices(session) => {
                runner_of(*session)
            }
            _ => None,
        };
        let until = number.map(|number| self.runners[number].stalled_until());
        match until.filter(|until| *until > self.stage.now) {
            Some(until) => {
                self.stage.plan(until, happening);
                None
            }
            None => Some(happening),
        }
    }

    /// What goes wrong of itself.
    fn mischief(&mut self) {
        let stage = &mut self.stage;
        if stage.strikes(Fault::ConnectionBreaks)
            && let Some(session) = stage.any_connection()
        {
            let wire = if stage.rng.bool() { Wire::Closing } else { Wire::Cut };
            stage.break_up(session, wire);
        }
        if stage.strikes(Fault::LinkFreezes)
            && let Some(session) = stage.any_connection()
        {
            let ms = stage.ms(1..=STALL_MS_MAX);
            stage.freeze(session, ms);
        }
        let number = stage.rng.usize(0..self.runners.len());
        if self.runners[number].is_alive() && stage.strikes(Fault::RunnerDies) {
            self.runners[number].die(stage);
        }
        if self.runners[number].is_alive() && stage.strikes(Fault::RunnerStalls) {
            let ms = stage.ms(1..=STALL_MS_MAX);
            self.runners[number].stall(stage, ms);
        }
        if self.dispatcher.is_awake() && stage.strikes(Fault::DispatcherStalls) {
            let ms = stage.ms(1..=STALL_MS_MAX);
            self.dispatcher.stall(stage, ms);
        }
        if self.dispatcher.is_awake() && stage.strikes(Fault::ClockJumps) {
            let ms = stage.ms(1..=STALL_MS_MAX);
            self.dispatcher.jump(stage, ms);
        }
        if self.dispatcher.is_awake() && stage.strikes(Fault::OutputRemoved) {
            self.dispatcher.lose_output(stage);
        }
        if self.dispatcher.is_awake() && stage.strikes(Fault::DispatcherDies) {
            self.dispatcher.die(stage);
        }
        if self.deadline.is_none() {
            stage.plan_in(MISCHIEF_MS, Happening::Mischief);
        }
    }

    fn heal(&mut self) {
        self.stage.note(Who::World, || "nothing goes wrong any more".to_owned());
        self.stage.faults = Faults::none();
        self.users.iter_mut().for_each(User::heal);
        for at in 0..self.projects_len {
            let number = self.runners.len();
            let project = project(at);
            self.runners.push(runner(&mut self.stage, number, "elm", project, all_labels()));
        }
        let decided = self.dispatcher.disk().entries().filter(|entry| entry.verdict.is_some());
        let undecided = self.stage.commits_len - decided.count() as u64;
        self.deadline = Some(self.stage.now.after(healing_ms(&self.stage.config, undecided)));
    }

    /// Whether every commit that was found is accepted, decided and published, and everybody knows what he waited for.
    fn is_settled(&self) -> bool {
        let accepted = self.observers.iter().flat_map(Observer::accepted);
        let mut accepted = accepted.map(|commit| self.dispatcher.disk().entry(*commit));
        let all = |entry: &crate::disk::Entry| {
            entry.verdict.is_some() && entry.published == Published::Whole
        };
        self.observers.iter().all(Observer::is_done)
            && self.users.iter().all(User::is_done)
            && accepted.all(|entry| entry.is_some_and(all))
            && self.dispatcher.disk().entries().all(all)
    }
}

/// The commits that the observers find, some of them by both.
fn announce(stage: &mut Stage, projects_len: usize) {
    for number in 1..=stage.commits_len {
        let submission = Submission {
            commit: commit(number),
            project: project(stage.rng.usize(0..projects_len)),
            labels: if stage.rng.bool() { Vec::new() } else { some_labels(stage) },
            branch: stage.rng.bool().then(|| "main".parse().expect("a name")),
        };
        let finders = if stage.rng.u8(0..5) == 0 { 0..2 } else { 0..1 };
        for finder in finders {
            let act = observer::Act::Find(submission.clone());
            let ms = stage.ms(0..=FINDING_MS);
            let number = (finder + number as usize) % 2;
            stage.plan_in(ms, Happening::Observer { number, act });
        }
    }
}

fn commit(number: u64) -> CommitId {
    format!("{:04x}{}", 0xc000 + number, "0".repeat(36)).parse().expect("a commit")
}

/// One of the commits that are found, or one that nobody ever finds.
pub fn any_commit(stage: &mut Stage) -> CommitId {
    let number = stage.rng.u64(1..=stage.commits_len + 1);
    commit(number)
}

pub fn all_labels() -> Vec<Label> {
    ["gpu", "os=linux"].map(|name| name.parse().expect("a label")).to_vec()
}

fn some_labels(stage: &mut Stage) -> Vec<Label> {
    let mut labels = all_labels();
    labels.retain(|_| stage.rng.bool());
    labels
}

fn runner(
    stage: &mut Stage,
    number: usize,
    host: &str,
    project: ProjectName,
    labels: Vec<Label>,
) -> Runner {
    Runner::new(stage, number, host.parse().expect("a name"), project, labels)
}

fn project(number: usize) -> ProjectName {
    ["ash", "birch"][number].parse().expect("a name")
}

/// How long it takes until all is decided, once nothing goes wrong any more, in milliseconds. In the worst case:
///
/// * everybody comes back: the longest stall, then the longest absence of a dispatcher or a runner, then the longest
///   time in which nobody notices a broken connection, the longest pause before a client dials again, and the longest
///   way of a message that was late when it happened;
/// * after that, a test that hangs keeps its runner for `attempt_ms_max` and one beat, and a commit whose runner is gone
///   stays with it for a lease;
/// * then one runner tests all that is left, one after the other, each for the longest ordinary test, and with it
///   eight messages on their way: a beat, the report, the next question, and an observer's, there and back; and its output,
///   piece by piece;
/// * the last word of each user that was late may queue one commit more, and make the runner leave that could test it,
///   which then comes back; and whoever waits for a verdict hears of it the next time that he asks.
fn healing_ms(config: &Config, undecided: u64) -> u64 {
    let back_ms = STALL_MS_MAX
        + RESTART_MS_MAX.max(REVIVE_MS_MAX)
        + NOTICE_MS_MAX
        + DIAL_MS_MAX
        + LATE_MS_MAX;
    let held_ms = config.attempt_ms_max + 2 * config.lease_ms + 2 * GRAIN_MS_MAX;
    let each_ms = TEST_MS_MAX + (8 + PIECES_MAX) * 2 * DELAY_MS_MAX;
    let meddled_ms = USERS as u64 * (each_ms + REVIVE_MS_MAX + DIAL_MS_MAX + THINK_MS_MAX);
    back_ms + held_ms + undecided * each_ms + meddled_ms
}
