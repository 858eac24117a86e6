//! One decision a test: a scheduler is told what happens, and all that it wants done is compared, in its order:
//! remember, publish, say.

mod attempts;
mod clients;
mod labels;
mod outdated;
mod queueing;
mod restarts;
mod sessions;
mod views;
mod watches;

use pontus_proto::Label;

use super::*;
use crate::config::Policy;
use crate::event::{Record, Why};
use crate::restore::{Stored, StoredState};

const CONFIG: Config = Config {
    lease_ms: 10_000,
    reconnect_grace_ms: 2_000,
    undecided_max: 4,
    attempts_max: 3,
    attempt_ms_max: 60_000,
    poll_ms: 5_000,
    policy: Policy::All,
};

/// The observer's connection, and a user's. The runners' are those that a test names.
const OBSERVER: SessionId = SessionId(99);
const USER: SessionId = SessionId(98);

/// A scheduler and its clock: the one door through which every test goes.
struct Fixture {
    scheduler: Scheduler,
    now: Time,
    /// Whose commits are submitted, and whose runners register.
    project: &'static str,
    /// What the commits ask for that are submitted, and what the runners have that register.
    labels: &'static [&'static str],
}

impl Fixture {
    fn restored(records: impl IntoIterator<Item = Stored>) -> Fixture {
        Fixture::begun(Scheduler::restore(CONFIG, records, false, Time(1_000)))
    }

    fn begun(scheduler: Scheduler) -> Fixture {
        Fixture { scheduler, now: Time(1_000), project: "ash", labels: &[] }
    }

    /// A runner that is registered, and the commits `1..=commits` in the queue.
    fn with(commits: u8) -> Fixture {
        let mut fixture = Fixture::restored([]);
        fixture.register(1, 1);
        (1..=commits).for_each(|number| drop(fixture.submit(number)));
        fixture
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        self.scheduler.step(self.now, event)
    }

    fn submit(&mut self, number: u8) -> Vec<Effect> {
        let labels = labels(self.labels);
        let submission = Submission { labels, ..submission(self.project, number) };
        self.step(Event::Submitted { session: OBSERVER, submission })
    }

    fn register(&mut self, session: u64, instance: u8) -> Vec<Effect> {
        let (name, project) = ("oak".parse().unwrap(), self.project.parse().unwrap());
        let (session, instance) = (SessionId(session), InstanceId::from_bytes([instance; 16]));
        self.step(Event::Registered {
            session,
            name,
            instance,
            project,
            labels: labels(self.labels),
        })
    }

    fn ready(&mut self, session: u64) -> Vec<Effect> {
        self.step(Event::Ready { session: SessionId(session) })
    }

    fn beat(&mut self, session: u64, number: u8, attempt: u32) -> Vec<Effect> {
        let (commit, attempt) = (commit(number), Attempt(attempt));
        self.step(Event::Beat { session: SessionId(session), commit, attempt })
    }

    fn report(&mut self, session: u64, number: u8, attempt: u32) -> Vec<Effect> {
        let (commit, attempt) = (commit(number), Attempt(attempt));
        self.step(Event::Reported { session: SessionId(session), commit, attempt })
    }

    fn give_back(&mut self, session: u64, number: u8, attempt: u32) -> Vec<Effect> {
        let (commit, attempt) = (commit(number), Attempt(attempt));
        self.step(Event::GaveBack { session: SessionId(session), commit, attempt })
    }

    fn cancel(&mut self, number: u8) -> Vec<Effect> {
        self.step(Event::Cancelled { session: USER, commit: commit(number) })
    }

    /// The disk knows of the commit that it has its verdict, and was tried so often.
    fn retry(&mut self, number: u8, attempts: u32) -> Vec<Effect> {
        let state = StoredState::Done { reported: None };
        let stored = Stored { commit: commit(number), attempts, ..stored(state) };
        self.step(Event::Retried { session: USER, commit: commit(number), stored: Some(stored) })
    }

    fn drain(&mut self, runner: &str) -> Vec<Effect> {
        self.step(Event::Drained { session: USER, runner: runner.parse().unwrap() })
    }

    fn pause(&mut self, paused: bool) -> Vec<Effect> {
        self.step(Event::Paused { session: USER, paused })
    }

    fn watch(&mut self, session: u64, number: u8) -> Vec<Effect> {
        self.step(Event::Watched {
            session: SessionId(session),
            commit: commit(number),
            wait_ms: u64::MAX,
        })
    }

    fn end(&mut self, session: u64) -> Vec<Effect> {
        self.step(Event::Ended { session: SessionId(session), unheard: false })
    }

    /// Time goes on, and the scheduler is woken whenever it wants to be. What it does at each of these times is gathered.
    fn wait(&mut self, ms: u64) -> Vec<Effect> {
        let until = self.now.after(ms);
        let mut effects = Vec::new();
        while let Some(at) = self.scheduler.next_deadline().filter(|at| *at <= until) {
            self.now = at;
            effects.extend(self.step(Event::Ticked));
            assert!(self.scheduler.next_deadline().is_none_or(|next| next > at), "{at:?}");
        }
        self.now = until;
        effects
    }
}

fn commit(number: u8) -> CommitId {
    format!("{number:040x}").parse().unwrap()
}

fn labels(names: &[&str]) -> Vec<Label> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn submission(project: &str, number: u8) -> Submission {
    let (commit, branch) = (commit(number), Some("main".parse().unwrap()));
    Submission { commit, project: project.parse().unwrap(), branch, labels: Vec::new() }
}

/// Commit 1 as the disk knows it, after two attempts of which one was lost.
fn stored(state: StoredState) -> Stored {
    let Submission { commit, project, branch, .. } = submission("ash", 1);
    Stored {
        commit,
        project,
        branch,
        labels: Vec::new(),
        place: 7,
        attempts: 2,
        lost: 1,
        is_retried: false,
        state,
    }
}

/// The same, still with the second of them: instance 1, whose number is not the lowest.
fn stored_running() -> Stored {
    let runner = "oak/2".parse().unwrap();
    stored(StoredState::Running { runner, instance: InstanceId::from_bytes([1; 16]) })
}

fn say(session: u64, answer: Answer) -> Effect {
    Effect::Say(SessionId(session), answer)
}

fn submitted(number: u8, place: u64) -> Effect {
    Effect::Remember(Record::Submitted { submission: submission("ash", number), place })
}

fn accepted(number: u8, new: bool) -> Effect {
    Effect::Say(OBSERVER, Answer::Accepted { commit: commit(number), new })
}

fn registered(session: u64, runner: &str) -> Effect {
    say(session, Answer::Registered { runner: runner.parse().unwrap() })
}

/// What the user hears.
fn told(answer: Answer) -> Effect {
    Effect::Say(USER, answer)
}

fn said_assigned(session: u64, number: u8, attempt: u32) -> Effect {
    let branch = Some("main".parse().unwrap());
    say(session, Answer::Assigned { commit: commit(number), attempt: Attempt(attempt), branch })
}

/// All that follows when a commit goes to instance `who`, which is called `runner`.
fn assigned(session: u64, who: u8, runner: &str, number: u8, attempt: u32) -> [Effect; 2] {
    let said = said_assigned(session, number, attempt);
    let (commit, attempt) = (commit(number), Attempt(attempt));
    let (runner, instance) = (runner.parse().unwrap(), InstanceId::from_bytes([who; 16]));
    [Effect::Remember(Record::Assigned { commit, attempt, runner, instance }), said]
}

/// The same for instance 1 on session 1, as in most tests.
fn assigned_to_one(number: u8, attempt: u32) -> [Effect; 2] {
    assigned(1, 1, "oak/1", number, attempt)
}

fn lost(number: u8, attempt: u32) -> Effect {
    Effect::Remember(Record::Lost { commit: commit(number), attempt: Attempt(attempt) })
}

fn given_back(number: u8, attempt: u32) -> Effect {
    Effect::Remember(Record::GivenBack { commit: commit(number), attempt: Attempt(attempt) })
}

fn retried(number: u8, place: u64) -> Effect {
    Effect::Remember(Record::Retried { commit: commit(number), place })
}

fn decided(number: u8, attempt: u32, why: Why) -> [Effect; 2] {
    let (commit, attempt) = (commit(number), Attempt(attempt));
    [Effect::Remember(Record::Decided { commit, attempt, why }), Effect::Publish(commit)]
}
