//! How the programs end when they are asked to.

use pontus_tests::{Checkpoint, Process, Yard, last_line};
use rustix::process::Signal;

/// A runner that is inside a test, and what is around it.
struct Testing {
    yard: Yard,
    dispatcher: Process,
    runner: Process,
    checkpoint: Checkpoint,
    commit: String,
}

fn testing() -> Testing {
    let mut yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    let runner = yard.runner(&[]);
    yard.hand_in(&[]);
    Testing { yard, dispatcher, runner, checkpoint, commit }
}

#[test]
fn one_signal_finishes_the_commit() {
    let Testing { yard, dispatcher, mut runner, checkpoint, commit } = testing();
    let (visitor, _) = checkpoint.arrival();
    runner.signal(Signal::INT);
    runner.wait_for("leaving when what is being tested is finished");
    visitor.leave_with(0);
    assert!(runner.wait().success());
    let result = yard.result(&dispatcher, &commit);
    assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
}

#[test]
fn two_signals_give_it_back_unharmed() {
    let Testing { yard, dispatcher, mut runner, checkpoint, commit } = testing();
    let (visitor, _) = checkpoint.arrival();
    runner.signal(Signal::TERM);
    runner.wait_for("leaving when what is being tested is finished");
    runner.signal(Signal::TERM);
    visitor.wait_until_gone();
    assert!(runner.wait().success());
    dispatcher.wait_for(&format!("{commit}: attempt 1 was given back"));
    let _runner = yard.runner(&[]);
    checkpoint.arrival().0.leave_with(0);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("attempt   2\n"), "{result}");
    assert!(!dispatcher.log().iter().any(|line| line.contains("lost its runner")));
}

#[test]
fn an_idle_runner_leaves_at_once() {
    let mut yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let mut runner = yard.runner(&[]);
    runner.wait_for("oak/1 is connected");
    runner.signal(Signal::TERM);
    assert!(runner.wait().success());
    // What comes next is for the next runner, and nothing was held against the commit.
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    yard.hand_in(&[]);
    let _runner = yard.runner(&[]);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("runner    oak/1\nattempt   1\n") || result.contains("attempt   2\n"));
    assert!(!dispatcher.log().iter().any(|line| line.contains("lost its runner")));
}

#[test]
fn observer_and_dispatcher_end_with_zero() {
    let mut yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let mut observer = yard.observer(&[]);
    observer.wait_for("submitted");
    observer.signal(Signal::TERM);
    assert!(observer.wait().success());
    dispatcher.signal(Signal::TERM);
    assert!(dispatcher.wait().success());
}

#[test]
fn a_term_of_commits() {
    let mut yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    yard.commit(&[("tests/a.sh", "true\n")]);
    yard.hand_in(&[]);
    let commits: Vec<_> = (0..3).map(|_| yard.commit(&[])).collect();
    yard.hand_in(&["--every-commit"]);
    let mut runner = yard.runner(&["--max-commits", "2", "--slots", "2"]);
    assert!(runner.wait().success());
    dispatcher.wait_for_many(": verdict passed", 2);
    assert_eq!(yard.results().len(), 2);
    let _rest = yard.runner(&[]);
    yard.result(&dispatcher, &commits[2]);
    assert!(!dispatcher.log().iter().any(|line| line.contains("lost its runner")));
}

#[test]
fn a_runner_that_has_nothing_to_do_leaves() {
    let mut yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    let mut runner = yard.runner(&["--idle-exit", "300ms"]);
    let (visitor, _) = checkpoint.arrival();
    visitor.leave_with(0);
    yard.result(&dispatcher, &commit);
    assert!(runner.wait().success());
    runner.wait_for("leaving: there was nothing to test for 300ms");
}
