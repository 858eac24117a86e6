//! Points, and whether they say what the verdict says.

use super::super::super::testing::{shown, unit, units};
use super::*;

#[test]
fn a_point_for_each_case_and_for_each_unit_without_any() {
    let expected = "\
TAP version 13
1..10
ok 1 - tests/test_a.py: test_yes (test_a.A.test_yes)
not ok 2 - tests/test_a.py: test_no <&\"\\#\\\\ 'ü' \\# TODO
ok 3 - tests/test_a.py: test_later # SKIP
ok 4 - tests/lying.t: all is well
not ok 5 - tests/lying.t: exit 0
not ok 6 - tests/hang: timed_out
not ok 7 - tests/killed: ended by a signal
ok 8 - tests/ok.sh
ok 9 - tests/other.sh # SKIP
not ok 10 - tests/x.bats: error
";
    assert_eq!(tap(&shown().decided.unwrap(), &units()), expected);
}

#[test]
fn points_and_verdict_agree() {
    let mut decided = shown().decided.unwrap();
    let good = [unit("tests/a", Outcome::Passed, Some(0))];
    let verdicts = [Verdict::Failed, Verdict::TimedOut, Verdict::Error, Verdict::Cancelled];
    for verdict in verdicts {
        decided.verdict = verdict;
        for units in [&good[..], &[]] {
            let last = format!("not ok {} - verdict {1}: {1}\n", units.len() + 1, verdict.word());
            let report = tap(&decided, units);
            assert!(report.ends_with(&last), "{report}");
            assert!(report.contains(&format!("\n1..{}\n", units.len() + 1)), "{report}");
        }
        // Where a point tells already, nothing is added.
        assert_eq!(tap(&decided, &units()).matches("verdict").count(), 0);
    }
    decided.reason = Some("no tests # TODO\u{1b}".to_owned());
    let report = tap(&decided, &[]);
    let line = "not ok 1 - verdict cancelled: no tests \\# TODO\\\\u{1b}\n";
    assert!(report.ends_with(line), "{report}");
    decided.verdict = Verdict::Passed;
    assert_eq!(tap(&decided, &good), "TAP version 13\n1..1\nok 1 - tests/a\n");
}
