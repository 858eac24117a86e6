//! The guarantees, attacked: processes are killed while they work, and each commit still ends with its one verdict.
#![allow(clippy::unwrap_used)]

mod archive;
mod cast;
mod gallery;
mod ledger;
mod oracle;
mod plan;
mod planted;
mod proxy;
mod remains;
mod stage;
mod upstream;
mod user;
mod whole;

use std::time::{Duration, Instant};

use pontus_tests::{Checkpoint, PATIENCE, Yard, last_line};
use rustix::process::Signal;

#[test]
fn runner_killed_in_mid_test() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    let mut runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let _visitor = checkpoint.arrival();
    let _other = yard.runner(&[]);
    runner.kill();
    let killed = Instant::now();
    let (visitor, again) = checkpoint.arrival();
    // Guarantee 4: within 3 s of its connection's end.
    assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
    assert_eq!(again, commit);
    visitor.leave_with(0);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("attempt   2\n"), "{result}");
    assert!(last_line(&result).starts_with("verdict: passed: 1 passed"), "{result}");
}

#[test]
fn dispatcher_killed_in_mid_test_and_restarted() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    let _runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let (visitor, _) = checkpoint.arrival();
    dispatcher.kill();
    let dispatcher = yard.dispatcher(&[]);
    visitor.leave_with(0);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("attempt   1\n"), "{result}");
    assert!(result.contains("attempt begins\n"), "{result}");
    assert!(last_line(&result).starts_with("verdict: passed: 1 passed"), "{result}");
}

#[test]
fn frozen_runner_loses_its_commit_and_its_late_report() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&["--lease", "1s"]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    let frozen = yard.runner(&[]);
    yard.hand_in(&[]);
    let (first, _) = checkpoint.arrival();
    frozen.signal(Signal::STOP);
    let other = yard.runner(&[]);
    let (second, _) = checkpoint.arrival();
    first.leave_with(1);
    second.leave_with(0);
    let result = yard.result(&dispatcher, &commit);
    frozen.signal(Signal::CONT);
    frozen.wait_for(&format!("{commit}: dropped: "));
    assert!(result.contains("attempt   2\n"), "{result}");
    assert_eq!(yard.result_now(&commit).unwrap(), result);
    drop(other);
}

#[test]
fn a_runner_that_lost_its_commit_ends_its_tests() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&["--lease", "1s"]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    let frozen = yard.runner(&[]);
    yard.hand_in(&[]);
    let (first, _) = checkpoint.arrival();
    frozen.signal(Signal::STOP);
    let _other = yard.runner(&[]);
    let (second, _) = checkpoint.arrival();
    frozen.signal(Signal::CONT);
    frozen.wait_for(&format!("{commit}: dropped: "));
    first.wait_until_gone();
    second.leave_with(0);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("attempt   2\n"), "{result}");
}

#[test]
fn a_commit_that_loses_every_runner_is_given_up() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&["--max-attempts", "2", "--reconnect-grace", "100ms"]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    for _ in 0..2 {
        let mut runner = yard.runner(&[]);
        let _visitor = checkpoint.arrival();
        runner.kill();
    }
    let result = yard.result(&dispatcher, &commit);
    let said = "verdict: error: runners lost: 2 attempts, none was reported";
    assert_eq!(last_line(&result), said);
}

/// The dispatcher dies again and again under load, and so does a runner; every commit is tested and has its verdict.
#[test]
fn everybody_is_killed_again_and_again() {
    const COMMITS: usize = 20;
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&["--reconnect-grace", "500ms"]);
    let _steady = yard.runner(&["--slots", "2"]);
    let mut mortal = yard.runner(&[]);
    // Before the observer is there: otherwise it may hand in what the master began with.
    let mut commits = vec![yard.commit(&[("tests/a.sh", "echo \"$PONTUS_COMMIT\"\nsleep 0.1\n")])];
    let mut observer = yard.observer(&["--every-commit"]);
    observer.wait_for(&format!("{} of main: ", commits[0]));
    for round in 0..COMMITS {
        commits.push(yard.commit(&[]));
        if round % 5 == 2 {
            dispatcher.kill();
            dispatcher = yard.dispatcher(&["--reconnect-grace", "500ms"]);
        }
        if round % 5 == 3 {
            mortal.kill();
            mortal = yard.runner(&[]);
        }
        if round % 5 == 4 {
            observer.kill();
            observer = yard.observer(&["--every-commit"]);
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while commits.iter().any(|commit| yard.result_now(commit).is_none()) {
        assert!(Instant::now() < deadline, "{} results of {}", yard.results().len(), commits.len());
        std::thread::yield_now();
    }
    for commit in &commits {
        let result = yard.result_now(commit).unwrap();
        assert!(result.contains(&format!("\n{commit}\n=== tests/a.sh: passed in ")), "{result}");
        assert!(last_line(&result).starts_with("verdict: passed: 1 passed"), "{result}");
    }
    assert_eq!(yard.results().len(), commits.len());
}
