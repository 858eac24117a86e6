//! What people read.

use pontus_proto::Verdict;

use super::super::testing::{shown, units};
use super::*;

#[test]
fn all_that_is_known() {
    let expected = "\
commit    abababababababababababababababababababab
project   test_repo
branch    main
subject   Count from one
author    Ada <ada@example.org>
committed 2026-11-22T14:13:03Z
label     gpu
skipped   8999 older commits, not named
skipped   cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd

attempts
  1  oak/1  lost    2026-11-22T14:14:03Z  for 2.500s
  2  elm/1  failed  2026-11-22T14:14:05Z  for 3.500s

timings
  queued        2026-11-22T14:14:03Z
  assigned      2.600s later
  checked out   2.641s later
  first output  2.655s later
  done          6.101s later

units
  tests/test_a.py  failed     exit 1       0.112s  1 passed, 1 failed, 1 skipped
    failed: test_no <&\"#\\ 'ü' # TODO
  tests/lying.t    failed                  0.112s  0 passed, 1 failed, 0 skipped
  tests/hang       timed_out               0.112s  0 passed, 1 failed, 0 skipped
  tests/killed     failed     by a signal  0.112s  0 passed, 1 failed, 0 skipped
  tests/ok.sh      passed                  0.112s  1 passed, 0 failed, 0 skipped
  tests/other.sh   skipped    exit 77      0.112s  0 passed, 0 failed, 1 skipped
  tests/x.bats     error                   0.112s  0 passed, 1 failed, 0 skipped

verdict: failed: 2 passed, 2 failed, 2 skipped in 3.412s
";
    assert_eq!(show(&shown(), &units(), Paint::default()), expected);
}

#[test]
fn a_commit_that_waits() {
    let mut shown = shown();
    shown.state = State::Queued;
    shown.waits_for = Some(WaitsFor::Resume);
    shown.decided = None;
    shown.attempts.clear();
    let text = show(&shown, &[], Paint::default());
    assert!(!text.contains("attempts") && !text.contains("units"), "{text}");
    assert!(text.ends_with("\n\nqueued: nothing is handed out until resume\n"), "{text}");
}

#[test]
fn colours_and_escapes() {
    let mut shown = shown();
    let decided = shown.decided.as_mut().unwrap();
    decided.verdict = Verdict::Error;
    decided.reason = Some("cannot \u{1b}[2J".to_owned());
    assert_eq!(
        verdict_line(decided, Paint::default()),
        "verdict: error: cannot \\u{1b}[2J; 2 passed, 2 failed, 2 skipped in 3.412s\n"
    );
    decided.counts = Counts::default();
    let line = verdict_line(decided, Paint { on: true });
    assert_eq!(line, "verdict: \u{1b}[35merror\u{1b}[0m: cannot \\u{1b}[2J\n");
    let text = show(&shown, &units(), Paint { on: true });
    assert!(text.contains("\u{1b}[1munits\u{1b}[0m\n"), "{text}");
    assert!(text.contains("\u{1b}[31mtimed_out\u{1b}[0m  "), "{text}");
}
