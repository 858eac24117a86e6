//! How soon everybody is back at work after a death or a silence, measured: three rounds each, or `CHAOS_ROUNDS` of them.
//!
//! It is a program of its own so that no other test is at work meanwhile. What the contract says is held against the middle round:
//! a single one may meet a machine that is busy with something else.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use pontus_proto::{Reply, Request};
use pontus_tests::{Checkpoint, PATIENCE, Process, Speaker, Visitor, Yard, number_in};
use rustix::process::Signal;

/// Guarantee 4: from the end of a runner's connection until its commit is handed out again. Git and a shell are within it.
const AFTER_DEATH_MAX: Duration = Duration::from_secs(3);

/// The lease where runners fall silent.
const LEASE: Duration = Duration::from_secs(2);

/// The lease that a dispatcher gives unless it is told otherwise. All have as long to come back, and beat several times in it.
const LEASE_UNTOLD: Duration = Duration::from_secs(10);

/// What git and a shell may take until a commit that was handed out runs.
const START_MAX: Duration = Duration::from_secs(1);

/// Runners that are at work when the dispatcher dies.
const RUNNERS: usize = 3;

fn rounds() -> u64 {
    number_in("CHAOS_ROUNDS").unwrap_or(3).max(1)
}

/// Tells how long it took, and holds the middle one against the limit.
fn hold(what: &str, mut times: Vec<Duration>, max: Duration) {
    times.sort_unstable();
    let at = |hundredths: usize| times[(times.len() * hundredths).div_ceil(100) - 1].as_millis();
    eprintln!(
        "{{\"recovery\":\"{what}\",\"rounds\":{},\"p50_ms\":{},\"p99_ms\":{},\"max_ms\":{}}}",
        times.len(),
        at(50),
        at(99),
        at(100),
    );
    assert!(times[(times.len() - 1) / 2] < max, "{what}: {times:?}");
}

/// A yard in which a runner tests a commit, and another one waits.
struct Relay {
    yard: Yard,
    checkpoint: Checkpoint,
    dispatcher: Process,
    runner: Process,
}

impl Relay {
    fn new(args: &[&str]) -> Relay {
        let yard = Yard::new();
        let dispatcher = yard.dispatcher(args);
        let checkpoint = Checkpoint::new();
        yard.commit(&[("tests/wait", &checkpoint.script())]);
        let runner = yard.runner(&[]);
        Relay { yard, checkpoint, dispatcher, runner }
    }

    /// Takes the commit from its runner in some way, and lets the one that gets it then pass it. Returns how long that took.
    fn pass_on(&mut self, take: impl FnOnce(&mut Process)) -> Duration {
        let commit = self.yard.commit(&[]);
        self.yard.hand_in(&[]);
        let (_first, began) = self.checkpoint.arrival();
        assert_eq!(began, commit);
        let other = self.yard.runner(&[]);
        other.wait_for("is connected to");
        take(&mut self.runner);
        let taken = Instant::now();
        let (second, again) = self.checkpoint.arrival();
        let took = taken.elapsed();
        assert_eq!(again, commit);
        second.leave_with(0);
        let result = self.yard.result(&self.dispatcher, &commit);
        assert!(result.contains("attempt   2\n"), "{result}");
        // The first one ends with its process, at the latest here.
        self.runner = other;
        took
    }
}

#[test]
fn a_killed_runners_commit_runs_elsewhere_soon() {
    let mut relay = Relay::new(&[]);
    let times = (0..rounds()).map(|_| relay.pass_on(Process::kill)).collect();
    hold("runner killed, its commit runs elsewhere", times, AFTER_DEATH_MAX);
}

#[test]
fn a_frozen_runners_commit_runs_elsewhere_after_a_lease() {
    let mut relay = Relay::new(&["--lease", "2s"]);
    let freeze = |runner: &mut Process| runner.signal(Signal::STOP);
    let times = (0..rounds()).map(|_| relay.pass_on(freeze)).collect();
    hold("runner frozen, its commit runs elsewhere", times, LEASE + START_MAX);
}

/// Has a runner leave while it waits for work, and hands a commit in. Returns how long that takes to come to one that is there.
fn pass_by_the_departed(yard: &Yard, dispatcher: &Process, checkpoint: &Checkpoint) -> Duration {
    Speaker::runner(yard, "ash", "test_repo", &[]).leave_while_waiting();
    let here = yard.runner(&[]);
    here.wait_for("is connected to");
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    let handed_in = Instant::now();
    let (visitor, began) = checkpoint.arrival();
    let took = handed_in.elapsed();
    assert_eq!(began, commit);
    visitor.leave_with(0);
    yard.result(dispatcher, &commit);
    took
}

#[test]
fn a_runner_that_left_while_it_waited_gets_nothing() {
    let (yard, checkpoint) = (Yard::new(), Checkpoint::new());
    let dispatcher = yard.dispatcher(&[]);
    let pass_by = |_| pass_by_the_departed(&yard, &dispatcher, &checkpoint);
    let times = (0..rounds()).map(pass_by).collect();
    hold("waiting runner left, the next commit runs elsewhere", times, AFTER_DEATH_MAX);
}

#[test]
fn work_for_those_who_have_left_is_found() {
    let (yard, checkpoint) = (Yard::new(), Checkpoint::new());
    let lease = AFTER_DEATH_MAX + START_MAX;
    let lease = format!("--lease={}s", lease.as_secs());
    let dispatcher = yard.dispatcher_by(yard.planted("assign-to-closed"), &[&lease]);
    let took = pass_by_the_departed(&yard, &dispatcher, &checkpoint);
    assert!(took > AFTER_DEATH_MAX, "nobody noticed: {took:?}");
}

/// How many runners are connected and test something.
fn at_work(yard: &Yard) -> usize {
    match Speaker::client(yard).ask(&Request::Runners { after: None }) {
        Reply::Runners { runners, .. } => {
            runners.iter().filter(|line| line.connected && line.testing.is_some()).count()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn everybody_is_back_at_work_soon_after_the_dispatcher() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    yard.commit(&[("tests/wait", &checkpoint.script())]);
    let _runner = yard.runner(&["--slots", &RUNNERS.to_string()]);
    let testing: Vec<(Visitor, String)> = (0..RUNNERS)
        .map(|_| {
            yard.commit(&[]);
            yard.hand_in(&[]);
            checkpoint.arrival()
        })
        .collect();
    let mut back = || {
        dispatcher.kill();
        let killed = Instant::now();
        dispatcher = yard.dispatcher(&[]);
        while at_work(&yard) < RUNNERS {
            assert!(killed.elapsed() < PATIENCE, "not all runners came back");
        }
        killed.elapsed()
    };
    let times = (0..rounds()).map(|_| back()).collect();
    hold("dispatcher killed and started, everybody is back", times, LEASE_UNTOLD);
    for (visitor, commit) in testing {
        visitor.leave_with(0);
        let result = yard.result(&dispatcher, &commit);
        assert!(result.contains("attempt   1\n"), "{result}");
    }
}
