//! What the cases are called.

use pontus_cases::CaseOutcome::{self, Failed, Passed, Skipped};
use pontus_cases::Found;

use crate::{cases, read};

#[test]
fn names_of_unittest() {
    let found = read("unittest-basic-3.11");
    let expected = [
        ("Basic.test_described", Passed),
        ("Basic.test_described_fails", Failed),
        ("Basic.test_expected_failure", Skipped),
        ("Basic.test_fails", Failed),
        ("Basic.test_passes", Passed),
        ("Basic.test_raises", Failed),
        ("Basic.test_skipped_by_decorator", Skipped),
        ("Basic.test_skipped_inside", Skipped),
        ("Basic.test_unexpected_success", Failed),
        ("SkippedClass.test_one", Skipped),
        ("SkippedClass.test_two", Skipped),
        ("TearsDownBadly.test_fails_once", Failed),
        ("TearsDownBadly.test_fails_twice", Failed),
        ("TearsDownBadly.test_fails_twice", Failed),
    ];
    let expected = expected.map(|(name, outcome)| (format!("test_basic.{name}"), outcome));
    let named = |found: &Found| -> Vec<_> {
        found.cases.iter().map(|case| (case.name.clone(), case.outcome)).collect()
    };
    assert_eq!(named(&found), expected);
    // Before 3.11 the second outcome of one test has no name.
    assert_eq!(named(&read("unittest-basic-3.10")), expected[..13]);
}

#[test]
fn names_of_unittests_subtests_and_fixtures() {
    let id = |rest: &str| format!("test_subtests.Subtests.{rest}");
    let expected = [
        (id("test_all_pass"), Passed),
        (id("test_some_fail [of four] (i=1)"), Failed),
        (id("test_some_fail [of four] (i=3)"), Failed),
        (id("test_some_raise (name='a b')"), Failed),
        (id("test_some_raise (name='(c) ... ok')"), Failed),
        (id("test_some_skipped (i=0)"), Skipped),
        (id("test_some_skipped (i=1)"), Skipped),
        (id("test_subtest_and_itself (i=1)"), Failed),
        (id("test_subtest_and_itself"), Failed),
        (id("test_zz_after"), Passed),
    ];
    let found = read("unittest-subtests-3.11");
    assert_eq!(cases(&found), expected.each_ref().map(|(name, outcome)| (name.as_str(), *outcome)));
    let older = read("unittest-subtests-3.10");
    let whole = |name: &str| older.cases.iter().find(|case| case.name == id(name)).unwrap().outcome;
    assert_eq!(whole("test_some_fail"), Failed);
    assert_eq!(whole("test_some_raise"), Failed);
    assert_eq!(whole("test_all_pass"), Passed);
    let fixtures = read("unittest-fixtures-3.11");
    let expected = [
        ("test_fixtures.Absent.setUpClass", Skipped),
        ("test_fixtures.Broken.setUpClass", Failed),
        ("test_fixtures.Left.test_passes", Passed),
        ("test_fixtures.Left.tearDownClass", Failed),
        ("test_fixtures.tearDownModule", Failed),
    ];
    assert_eq!(cases(&fixtures), expected);
    assert_eq!(cases(&read("unittest-unloadable-3.11")), [("test_unloadable", Failed)]);
}

#[test]
fn what_tests_print_does_not_change_their_outcome() {
    for python in ["3.6", "3.10", "3.11", "3.12", "3.13"] {
        let found = read(&format!("unittest-noise-{python}"));
        let failed: Vec<_> = found.cases.iter().filter(|case| case.outcome == Failed).collect();
        assert_eq!(failed.len(), 1, "{python}");
        assert_eq!(failed[0].name, "test_noise.Noise.test_says_ok_and_fails");
    }
    let expected = [("a_line", Passed), ("half_a_line", Passed), ("says_passed", Failed)];
    let expected =
        expected.map(|(name, outcome)| (format!("pytest-noise.py::test_{name}"), outcome));
    let found = read("pytest-noise");
    assert_eq!(cases(&found), expected.each_ref().map(|(name, outcome)| (name.as_str(), *outcome)));
}

#[test]
fn names_of_pytest() {
    let found = read("pytest-basic");
    let expected = [
        ("test_passes", Passed),
        ("test_fails", Failed),
        ("test_skipped", Skipped),
        ("test_skipped_at_length", Skipped),
        ("test_xfail", Skipped),
        ("test_xpass", Passed),
        ("test_xpass_strict", Failed),
        ("test_setup_error", Failed),
        ("test_teardown_error", Passed),
        ("test_teardown_error", Failed),
        ("test_fails_and_teardown_error", Failed),
        ("test_fails_and_teardown_error", Failed),
        ("TestInside::test_passes", Passed),
        ("TestInside::test_parametrised[a b]", Passed),
        ("TestInside::test_parametrised[[x] - y]", Failed),
        ("TestInside::test_parametrised[PASSED (z)]", Passed),
        ("TestInside::test_parametrised[::]", Passed),
        (r"TestInside::test_parametrised[caf\xe9]", Passed),
        (r"TestInside::test_parametrised[\x1b[31m\n]", Passed),
    ];
    let expected = expected.map(|(name, outcome)| (format!("pytest-basic.py::{name}"), outcome));
    let expected = expected.each_ref().map(|(name, outcome)| (name.as_str(), *outcome));
    assert_eq!(cases(&found), expected);
    assert_eq!(cases(&read("pytest-colour")), expected);
    assert_eq!(cases(&read("pytest-wordy")), expected);
    let sorted = |mut cases: Vec<(String, String)>| {
        cases.sort();
        cases
    };
    let owned = |all: &[(&str, CaseOutcome)]| {
        sorted(
            all.iter().map(|(name, outcome)| (name.to_string(), format!("{outcome:?}"))).collect(),
        )
    };
    let of_workers = read("pytest-xdist");
    // Under xdist the last word on a test is its report, so that its call and its tear-down are two as well.
    assert_eq!(owned(&cases(&of_workers)), owned(&expected));
}

#[test]
fn failures_without_a_line_of_their_own() {
    assert_eq!(cases(&read("pytest-uncollectable")), [("pytest-uncollectable.py", Failed)]);
    let quiet = read("pytest-quiet");
    let names: Vec<_> = quiet.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), 7);
    assert_eq!(names[0], "pytest-basic.py::test_fails");
    let found = read("pytest-subtests");
    let failed: Vec<_> = found.cases.iter().filter(|case| case.outcome == Failed).collect();
    let names: Vec<_> = failed.iter().map(|case| case.name.as_str()).collect();
    let expected = [
        "pytest-subtests.py::test_fixture_fails (i=1)",
        "pytest-subtests.py::test_fixture_fails",
        "pytest-subtests.py::TestSubtests::test_unittest [message] (i=1)",
    ];
    assert_eq!(names, expected);
}

#[test]
fn names_of_libtest() {
    let expected = [
        ("fails_with_error", Failed),
        ("fails", Failed),
        ("ignored", Skipped),
        ("ignored_with_a_reason", Skipped),
        ("panics_as_it_should", Passed),
        ("passes", Passed),
        ("should_panic_and_does_not", Failed),
    ];
    let sorted = |found: &Found| {
        let mut all: Vec<_> = found.cases.iter().map(|c| (c.name.clone(), c.outcome)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    let mut all = expected.map(|(name, outcome)| (name.to_owned(), outcome));
    all.sort_by(|a, b| a.0.cmp(&b.0));
    for how in ["suite", "colour", "nocapture", "showoutput", "times"] {
        assert_eq!(sorted(&read(&format!("libtest-{how}"))), all, "{how}");
    }
    let times = read("libtest-times");
    assert!(times.cases.iter().all(|c| c.duration_ms.is_some() == (c.outcome != Skipped)));
    let unit = read("libtest-unit");
    assert!(cases(&unit).contains(&("tests::overflows", Passed)));
    let doc = read("libtest-doc");
    assert!(cases(&doc).contains(&("src/lib.rs - add (line 13)", Passed)));
    assert_eq!(cases(&read("libtest-abort")), [("a_passes", Passed), ("b_aborts", Failed)]);
}

#[test]
fn names_of_node() {
    let found = read("tap-node");
    let expected = [
        ("passes", Passed),
        (r"has a # and a \ in its name", Passed),
        ("fails", Failed),
        ("skipped", Skipped),
        ("skipped with a reason", Skipped),
        ("todo", Skipped),
        ("failing todo", Skipped),
        ("outer > first", Passed),
        ("outer > second > deep", Passed),
        ("outer > second > deep failure", Failed),
        ("outer > second", Failed),
        ("outer", Failed),
        ("suite > passes in a suite", Passed),
        ("suite > inner suite > is at the bottom", Passed),
        ("suite > inner suite > takes 50 ms", Passed),
        ("suite with a broken hook > is cancelled", Failed),
    ];
    assert_eq!(cases(&found), expected);
    assert!(found.cases.iter().all(|case| case.duration_ms.is_some()));
    let slow = found.cases.iter().find(|case| case.name.ends_with("takes 50 ms")).unwrap();
    assert!(slow.duration_ms.is_some_and(|ms| (49..5_000).contains(&ms)), "{slow:?}");
}

#[test]
fn names_of_perl_and_bats() {
    let expected = [
        ("passes", Passed),
        ("a # in the name", Passed),
        ("test 3", Passed),
        ("fails", Failed),
        ("test 5", Skipped),
        ("test 6", Skipped),
        ("failing todo", Skipped),
        ("passing todo", Skipped),
        ("todo as a whole > inside a todo", Skipped),
        ("outer > first", Passed),
        ("outer > inner > deep", Passed),
        ("outer > inner > deep failure", Failed),
        ("outer > last", Passed),
        ("skipped as a whole", Skipped),
    ];
    assert_eq!(cases(&read("tap-perl")), expected);
    let expected = [
        ("passes", Passed),
        (r"a name with # and 'quotes' and \ backslashes", Passed),
        ("fails", Failed),
        ("skipped", Skipped),
        ("skipped with a reason", Skipped),
        ("prints to the terminal", Passed),
    ];
    assert_eq!(cases(&read("tap-bats")), expected);
}
