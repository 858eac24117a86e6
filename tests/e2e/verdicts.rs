//! What a user reads in `test_results/<commit>`, for each way that a commit can end.

use pontus_tests::{Checkpoint, Yard, last_line};

const PASSING: &str = "\
import unittest

class Passing(unittest.TestCase):
    def test_it(self):
        self.assertEqual(1 + 1, 2)
";

/// Commits `files` with all three programs at work, and returns the commit and its result.
fn tested(files: &[(&str, &str)], runner: &[&str]) -> (String, String) {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let commit = yard.commit(files);
    let _runner = yard.runner(runner);
    let _observer = yard.observer(&[]);
    let result = yard.result(&dispatcher, &commit);
    (commit, result)
}

#[test]
fn passed() {
    let (commit, result) = tested(&[("tests/test_pass.py", PASSING)], &[]);
    let mut lines = result.lines();
    assert_eq!(lines.next().unwrap(), format!("commit    {commit}"));
    assert_eq!(lines.next().unwrap(), "project   test_repo");
    assert_eq!(lines.next().unwrap(), "branch    main");
    assert_eq!(lines.next().unwrap(), "runner    oak/1");
    assert_eq!(lines.next().unwrap(), "attempt   1");
    assert!(lines.next().unwrap().starts_with("started   20"));
    assert_eq!(lines.next().unwrap(), "");
    assert_eq!(lines.next().unwrap(), "=== tests/test_pass.py");
    assert!(result.contains("\ntest_it (test_pass.Passing"), "{result}");
    assert!(result.contains("\n=== tests/test_pass.py: passed in 0."), "{result}");
    assert!(last_line(&result).starts_with("verdict: passed: 1 passed, 0 failed, 0 skipped in "));
}

#[test]
fn failed() {
    let failing = PASSING.replace("1 + 1", "1 + 2");
    let files = [("tests/test_fail.py", failing.as_str()), ("tests/test_pass.py", PASSING)];
    let (_, result) = tested(&files, &[]);
    assert!(result.contains("AssertionError: 3 != 2"), "{result}");
    assert!(result.contains("\n=== tests/test_fail.py: failed in "), "{result}");
    assert!(last_line(&result).starts_with("verdict: failed: 1 passed, 1 failed, 0 skipped in "));
}

#[test]
fn no_tests() {
    let (_, result) = tested(&[("README", "nothing to test")], &[]);
    assert_eq!(last_line(&result), "verdict: error: no tests");
}

#[test]
fn hanging() {
    let hang = "#!/bin/sh\necho begins\nexec sleep 1000\n";
    let (_, result) = tested(&[("tests/hang", hang)], &["--unit-timeout", "300ms"]);
    assert!(result.contains("\nbegins\n=== tests/hang: timed_out in 0."), "{result}");
    let said = "verdict: timed_out: tests/hang took longer than 300ms; 0 passed, 1 failed";
    assert!(last_line(&result).starts_with(said), "{result}");
}

#[test]
fn an_attempt_as_a_whole_has_a_limit() {
    let yard = Yard::new();
    // Enough for a checkout on a busy machine, since it is the unit that is to be ended.
    let dispatcher = yard.dispatcher(&["--commit-timeout", "3s"]);
    let commit = yard.commit(&[("tests/hang", "#!/bin/sh\nexec sleep 1000\n")]);
    let _runner = yard.runner(&[]);
    let _observer = yard.observer(&[]);
    let result = yard.result(&dispatcher, &commit);
    let said = "verdict: timed_out: the commit took longer than 3s; 0 passed, 1 failed";
    assert!(last_line(&result).starts_with(said), "{result}");
}

#[test]
fn skipped() {
    let files = [("tests/a.sh", "exit 77\n"), ("tests/b", "#!/bin/sh\nexit 0\n")];
    let (_, result) = tested(&files, &[]);
    assert!(result.contains("\n=== tests/a.sh: skipped in "), "{result}");
    assert!(last_line(&result).starts_with("verdict: passed: 1 passed, 0 failed, 1 skipped in "));
}

#[test]
fn a_signal_is_named() {
    let (_, result) = tested(&[("tests/a", "#!/bin/sh\nkill -SEGV $$\n")], &[]);
    assert!(result.contains(": ended by SIGSEGV\n"), "{result}");
    assert!(last_line(&result).starts_with("verdict: failed: 0 passed, 1 failed"));
}

#[test]
fn a_missing_interpreter_is_nobodys_failure() {
    let (_, result) = tested(&[("tests/a", "#!/usr/bin/env no-such-thing\n")], &[]);
    let said = "verdict: error: tests/a: its interpreter no-such-thing is missing";
    assert_eq!(last_line(&result), said);
    let (_, result) = tested(&[("tests/a", "#!/no/such/thing\n")], &[]);
    let said = "verdict: error: tests/a: its interpreter /no/such/thing is missing";
    assert_eq!(last_line(&result), said);
}

#[test]
fn tests_run_is_the_whole_suite() {
    let files = [
        ("tests/run", "#!/bin/sh\necho all of it in \"$(pwd)\"\n"),
        ("tests/test_fail.py", "raise SystemExit(1)\n"),
    ];
    let (_, result) = tested(&files, &[]);
    assert!(result.contains("/slot-1/tree\n"), "{result}");
    assert!(last_line(&result).starts_with("verdict: passed: 1 passed, 0 failed"));
}

#[test]
fn what_a_unit_finds_around_it() {
    let look = "#!/bin/sh\nenv | grep -E '^(CI|PONTUS_|GIT_)' | sort\ncat\ngit log --format=%H\n";
    let (commit, result) = tested(&[("tests/look", look)], &[]);
    let expected = format!(
        "=== tests/look\nCI=true\nPONTUS_BRANCH=main\nPONTUS_COMMIT={commit}\n\
         PONTUS_PROJECT=test_repo\nPONTUS_UNIT=tests/look\n{commit}\n"
    );
    assert!(result.contains(&expected), "{result}");
}

#[test]
fn output_is_kept_as_it_came() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    // More than the 1 KiB that this program's ancestor lost, bytes that are no text, and a verdict of its own.
    let script = "#!/bin/sh\nseq 1 20000\nprintf 'a\\377\\000b\\nverdict: passed: a lie'\nexit 1\n";
    let commit = yard.commit(&[("tests/print", script)]);
    let _runner = yard.runner(&[]);
    let _observer = yard.observer(&[]);
    let result = yard.result(&dispatcher, &commit);
    let bytes = std::fs::read(yard.path().join("test_results").join(&commit)).unwrap();
    let numbers: String = (1..=20000).map(|number| format!("{number}\n")).collect();
    let mut expected = b"=== tests/print\n".to_vec();
    expected.extend(numbers.as_bytes());
    expected.extend(b"a\xff\0b\nverdict: passed: a lie\n=== tests/print: failed in ");
    assert!(bytes.windows(expected.len()).any(|window| window == expected));
    assert!(last_line(&result).starts_with("verdict: failed: "));
}

#[test]
fn output_beyond_the_limit_is_cut_in_the_middle() {
    let files = [("tests/print", "#!/bin/sh\nseq 1 200000\n")];
    let (_, result) = tested(&files, &["--output-limit", "64KiB"]);
    assert!(result.contains("=== tests/print\n1\n2\n3\n"), "the head is missing");
    assert!(result.contains("\n199999\n200000\n=== tests/print: passed"), "the tail is missing");
    assert!(result.contains(" bytes of output are missing here\n"), "the cut is not told");
    assert!(result.len() < 70 * 1024, "{} bytes", result.len());
}

#[test]
fn skipped_commits_are_named() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let first = yard.commit(&[("tests/a.sh", "true\n")]);
    let mut observer = yard.observer(&["--once"]);
    assert!(observer.wait().success());
    let second = yard.commit(&[]);
    let third = yard.commit(&[]);
    let newest = yard.commit(&[]);
    let _runner = yard.runner(&[]);
    let mut observer = yard.observer(&["--once"]);
    assert!(observer.wait().success());
    let result = yard.result(&dispatcher, &newest);
    assert!(result.contains(&format!("\nskipped   {second}\nskipped   {third}\n\n")), "{result}");
    yard.result(&dispatcher, &first);
    assert_eq!(yard.results().len(), 2);
}

#[test]
fn every_commit_if_asked_for() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    yard.commit(&[("tests/a.sh", "true\n")]);
    yard.hand_in(&[]);
    let commits: Vec<_> = (0..3).map(|_| yard.commit(&[])).collect();
    yard.hand_in(&["--every-commit"]);
    let _runner = yard.runner(&[]);
    for commit in &commits {
        let result = yard.result(&dispatcher, commit);
        assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
    }
}

#[test]
fn two_runners_at_once() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let script = checkpoint.script();
    let runners = [yard.runner(&[]), yard.runner(&[])];
    let _observer = yard.observer(&["--every-commit"]);
    let one = yard.commit(&[("tests/wait", &script)]);
    let (first, came_first) = checkpoint.arrival();
    let two = yard.commit(&[]);
    // Both are inside a test now: the second commit did not wait for the first.
    let (second, came_second) = checkpoint.arrival();
    assert_eq!((&came_first, &came_second), (&one, &two));
    second.leave_with(1);
    let result_two = yard.result(&dispatcher, &two);
    assert!(yard.result_now(&one).is_none());
    first.leave_with(0);
    let result_one = yard.result(&dispatcher, &one);
    assert!(last_line(&result_one).starts_with("verdict: passed: "), "{result_one}");
    assert!(last_line(&result_two).starts_with("verdict: failed: "), "{result_two}");
    let names = [&result_one, &result_two].map(|result| result.lines().nth(3).unwrap().to_owned());
    assert!(names.contains(&"runner    oak/1".to_owned()), "{names:?}");
    assert!(names.contains(&"runner    oak/2".to_owned()), "{names:?}");
    drop(runners);
}

#[test]
fn slots_are_runners() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    let commits: Vec<_> = (0..3).map(|_| yard.commit(&[])).collect();
    yard.hand_in(&["--every-commit"]);
    let runner = yard.runner(&["--slots", "4"]);
    let visitors: Vec<_> = (0..4).map(|_| checkpoint.arrival().0).collect();
    visitors.into_iter().for_each(|visitor| visitor.leave_with(0));
    for commit in &commits {
        yard.result(&dispatcher, commit);
    }
    // One fetch was enough for all of them.
    assert_eq!(runner.log().iter().filter(|line| line.contains(": fetching")).count(), 1);
}
