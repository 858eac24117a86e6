//! Each of the three may be away while something happens, and nothing is missed.

use pontus_tests::{Checkpoint, Yard, last_line};
use rustix::process::Signal;

#[test]
fn observer_started_before_the_dispatcher() {
    let yard = Yard::new();
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    let observer = yard.observer(&[]);
    observer.wait_for("cannot reach the dispatcher");
    let runner = yard.runner(&[]);
    runner.wait_for("cannot reach the dispatcher");
    let dispatcher = yard.dispatcher(&[]);
    let result = yard.result(&dispatcher, &commit);
    assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
    observer.wait_for("all is well again");
    let complaints = |line: &String| line.contains("cannot reach");
    assert_eq!(observer.log().iter().filter(|line| complaints(line)).count(), 1);
}

#[test]
fn a_commit_made_while_the_observer_was_down() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let _runner = yard.runner(&[]);
    let mut observer = yard.observer(&[]);
    let before = yard.commit(&[("tests/a.sh", "true\n")]);
    yard.result(&dispatcher, &before);
    observer.kill();
    let missed = yard.commit(&[]);
    let newest = yard.commit(&[]);
    let observer = yard.observer(&[]);
    let result = yard.result(&dispatcher, &newest);
    assert!(result.contains(&format!("\nskipped   {missed}\n")), "{result}");
    observer.wait_for(&format!("{newest} of main: submitted"));
}

#[test]
fn a_branch_that_was_rewritten_is_followed() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let _runner = yard.runner(&[]);
    let _observer = yard.observer(&[]);
    let first = yard.commit(&[("tests/a.sh", "true\n")]);
    yard.result(&dispatcher, &first);
    pontus_tests::git(&yard.master(), &["reset", "-q", "--hard", "HEAD~1"]);
    let other = yard.commit(&[("tests/b.sh", "exit 1\n")]);
    let result = yard.result(&dispatcher, &other);
    assert!(last_line(&result).starts_with("verdict: failed: 0 passed, 1 failed"), "{result}");
}

#[test]
fn a_commit_that_was_tested_is_not_tested_again() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let _runner = yard.runner(&[]);
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    yard.hand_in(&[]);
    yard.result(&dispatcher, &commit);
    pontus_tests::git(&yard.observers(), &["update-ref", "-d", "refs/pontus/submitted/main/@"]);
    let mut observer = yard.observer(&["--once"]);
    assert!(observer.wait().success());
    observer.wait_for(&format!("{commit} of main: known already"));
}

#[test]
fn the_runner_goes_on_testing_while_the_dispatcher_is_away() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    let runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let (visitor, _) = checkpoint.arrival();
    dispatcher.signal(Signal::TERM);
    assert!(dispatcher.wait().success());
    visitor.leave_with(3);
    runner.wait_for(&format!("{commit}: failed"));
    let dispatcher = yard.dispatcher(&[]);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("attempt   1\n"), "{result}");
    assert!(result.contains("attempt begins\n=== tests/wait: failed in "), "{result}");
    assert!(result.contains(": exit status 3\n"), "{result}");
}

#[test]
fn what_a_runner_finished_is_delivered_by_its_next_start() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    let mut runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let (visitor, _) = checkpoint.arrival();
    dispatcher.kill();
    runner.signal(Signal::TERM);
    visitor.leave_with(0);
    assert!(runner.wait().success());
    runner.wait_for("kept for the next start");
    let dispatcher = yard.dispatcher(&[]);
    let _runner = yard.runner(&[]);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("attempt   1\n"), "{result}");
    assert!(last_line(&result).starts_with("verdict: passed: 1 passed"), "{result}");
}

#[test]
fn fewer_slots_deliver_what_more_have_finished() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let first = yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    let others: Vec<_> = (0..2).map(|_| yard.commit(&[])).collect();
    yard.hand_in(&["--every-commit"]);
    let mut runner = yard.runner(&["--slots", "3"]);
    let visitors: Vec<_> = (0..3).map(|_| checkpoint.arrival().0).collect();
    dispatcher.kill();
    runner.signal(Signal::TERM);
    visitors.into_iter().for_each(|visitor| visitor.leave_with(0));
    assert!(runner.wait().success());
    runner.wait_for_many("kept for the next start", 3);
    let dispatcher = yard.dispatcher(&[]);
    let mut runner = yard.runner(&[]);
    for commit in others.iter().chain([&first]) {
        let result = yard.result(&dispatcher, commit);
        assert!(result.contains("attempt   1\n"), "{result}");
        assert!(last_line(&result).starts_with("verdict: passed: 1 passed"), "{result}");
    }
    // It is done with that, and one slot leaves as if it had always been alone.
    runner.signal(Signal::TERM);
    assert!(runner.wait().success());
}

#[test]
fn results_that_were_removed_are_there_again() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    let _runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let result = yard.result(&dispatcher, &commit);
    dispatcher.kill();
    std::fs::remove_file(yard.path().join("test_results").join(&commit)).unwrap();
    let dispatcher = yard.dispatcher(&[]);
    let repaired = yard.result(&dispatcher, &commit);
    assert_eq!(last_line(&repaired), last_line(&result));
    assert!(repaired.contains(" bytes of output were lost\n"), "{repaired}");
}

#[test]
fn a_result_that_is_there_is_never_written_again() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let commit = yard.commit(&[("tests/a.sh", "echo hello\n")]);
    let _runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let result = yard.result(&dispatcher, &commit);
    dispatcher.kill();
    // As after a power failure: the output's removal was not durable, its bytes neither.
    let output = yard.path().join("test_results/.pontus/output").join(format!("{commit}.1"));
    std::fs::write(&output, "").unwrap();
    let _dispatcher = yard.dispatcher(&[]);
    assert_eq!(yard.result_now(&commit).unwrap(), result);
    assert!(!output.exists());
}

#[test]
fn a_dispatcher_that_cannot_keep_output_is_waited_for() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let outputs = yard.path().join("test_results/.pontus/output");
    let aside = yard.path().join("aside");
    std::fs::rename(&outputs, &aside).unwrap();
    std::fs::write(&outputs, "in the way").unwrap();
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    let _runner = yard.runner(&[]);
    yard.hand_in(&[]);
    dispatcher.wait_for_many("cannot keep output", 2);
    std::fs::remove_file(&outputs).unwrap();
    std::fs::rename(&aside, &outputs).unwrap();
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("attempt   1\n"), "{result}");
    assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
}

#[test]
fn branches_that_take_each_others_place() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let _runner = yard.runner(&[]);
    let master = yard.master();
    let git = |args: &[&str]| pontus_tests::git(&master, args);
    git(&["checkout", "-q", "-b", "release"]);
    let first = yard.commit(&[("tests/a.sh", "true\n")]);
    let once = ["--once", "--branch", "gone", "--branch", "release", "--branch", "release/1"];
    // What cannot be looked at does not keep the others from being looked at.
    assert_eq!(yard.observer(&once).wait().code(), Some(3));
    yard.result(&dispatcher, &first);
    git(&["checkout", "-q", "main"]);
    git(&["branch", "-q", "-D", "release"]);
    git(&["checkout", "-q", "-b", "release/1"]);
    let second = yard.commit(&[("tests/a.sh", "exit 1\n")]);
    assert_eq!(yard.observer(&once).wait().code(), Some(3));
    yard.result(&dispatcher, &second);
}
