//! Documents that no captured tool prints: those of TAP's specification, and names made to deceive.

use pontus_cases::CaseOutcome::{self, Failed, Passed, Skipped};
use pontus_cases::{Format, Found, Reader};

fn read(text: &str) -> Found {
    let mut reader = Reader::new(Format::Tap);
    reader.push(text.as_bytes());
    reader.finish()
}

fn cases(found: &Found) -> Vec<(&str, CaseOutcome)> {
    found.cases.iter().map(|case| (case.name.as_str(), case.outcome)).collect()
}

fn is(text: &str, expected: &[(&str, CaseOutcome)], complaint: Option<&str>) {
    let found = read(text);
    assert_eq!(cases(&found), expected, "{text}");
    assert_eq!(found.complaint.as_deref(), complaint, "{text}");
    let count = |outcome| found.cases.iter().filter(|case| case.outcome == outcome).count() as u32;
    let counted = [found.passed, found.failed, found.skipped];
    assert_eq!(counted, [Passed, Failed, Skipped].map(count), "{text}");
}

/// Section "Subtests".
#[test]
fn subtests() {
    is(
        "TAP version 14\n        ok 1 - nested twice\n        1..1\n    ok 1 - nested parent\n    1..1\n\
         ok 1 - double nest passing\n1..1\n",
        &[("double nest passing > nested parent > nested twice", Passed)],
        None,
    );
    is(
        "TAP version 14\n\nok 1 - in the parent\n\n# Subtest: nested\n    1..1\n    ok 1 - in the subtest\nok 2 - nested\n\n\
         # Subtest: empty\n    1..0\nok 3 - empty\n\n# Subtest\n    ok 1 - name is optional\n    1..1\nok 4\n\n1..4\n",
        &[
            ("in the parent", Passed),
            ("nested > in the subtest", Passed),
            ("empty", Passed),
            ("test 4 > name is optional", Passed),
        ],
        None,
    );
    is(
        "TAP version 14\n1..2\n\n# Subtest: foo.tap\n    1..2\n    ok 1\n    ok 2 - this passed\nok 1 - foo.tap\n\n\
         # Subtest: bar.tap\n    ok 1 - object should be a Bar\n    not ok 2 - object.isBar should return true\n      ---\n\
         \x20     found: false\n      at:\n        file: test/bar.ts\n        line: 43\n      ...\n\
         \x20   ok 3 - object can bar bears # TODO\n    1..3\nnot ok 2 - bar.tap\n  ---\n  fail: 1\n  todo: 1\n  ...\n",
        &[
            ("foo.tap > test 1", Passed),
            ("foo.tap > this passed", Passed),
            ("bar.tap > object should be a Bar", Passed),
            ("bar.tap > object.isBar should return true", Failed),
            ("bar.tap > object can bar bears", Skipped),
        ],
        None,
    );
}

#[test]
fn the_point_that_sums_up_is_the_authority() {
    is("    not ok 1 - a\nok 1 - p\n1..1\n", &[("p > a", Skipped)], None);
    is("    not ok 1 - a\nnot ok 1 - p # TODO\n1..1\n", &[("p > a", Skipped)], None);
    is("    ok 1 - a\nnot ok 1 - p\n1..1\n", &[("p > a", Passed), ("p", Failed)], None);
    // No point sums them up: they are not TAP, unless the stream broke off.
    is("1..1\nok 1 - p\n    not ok 1 - a\n", &[("p", Passed)], None);
    is("ok 1 - p\n    ok 1 - a\n", &[("p", Passed), ("a", Passed)], Some("no plan"));
}

/// Section "Giving up", and "Subtest Bailouts".
#[test]
fn bailing_out() {
    let text =
        "1..573\nnot ok 1 - database handle\nBail out! Couldn't connect to database.\nok 2\n";
    let reason = "Bail out! Couldn't connect to database.";
    is(text, &[("database handle", Failed)], Some(reason));
    is("1..1\n    BAIL OUT! \\# and \\\\\nok 1\n", &[], Some("Bail out! # and \\"));
    is("Bail out!\n", &[], Some("Bail out!"));
}

#[test]
fn what_is_not_tap() {
    is("", &[], Some("no plan"));
    is("1..0 # WWW::Mechanize not installed\n", &[], None);
    let noise = "okay\n  ok 1\n\tok 1\npragma +strict\nTAP version 13\nwarning: ok\n# ok 3\nnot okay\n1..2 things\n";
    is(&format!("{noise}1..1\nok 1 - a\n"), &[("a", Passed)], None);
    // Only behind a point is it YAML, and one that never ends hides no point.
    is("1..2\n  ---\nok 1 - a\n  ---\n  ok: 1\nok 2 - b\n", &[("a", Passed), ("b", Passed)], None);
    let deep = format!("{}ok 1\n1..0\n", " ".repeat(400));
    is(&deep, &[], None);
}

#[test]
fn durations() {
    let found = read(
        "ok 1 - a\n  ---\n  duration_ms: 12.6\n  at:\n    duration_ms: 7\n  ...\nok 2 - b # time=3ms\n1..2\n",
    );
    assert_eq!(found.cases.iter().map(|c| c.duration_ms).collect::<Vec<_>>(), [Some(13), Some(3)]);
}

#[test]
fn the_plan() {
    let two = [("a", Passed), ("b", Passed)];
    is("ok - a\nok - b\n1..2\n", &two, None);
    is("1..2\nok 2 - a\nok 1 - b\n", &two, None);
    is("1..2\nok 1 - a\nok 1 - b\n", &two, Some("test 1 came twice"));
    is("1..2\nok 1 - a\nok 3 - b\n", &two, Some("test 3 is outside the plan of 2"));
    is("1..6\nok 1 - a\nok 2 - b\n", &two, Some("planned 6 tests, but 2 ran"));
    is("1..2\nok 1 - a\n1..2\nok 2 - b\n", &two, Some("the plan came twice"));
}

#[test]
fn parameters_that_look_like_outcomes() {
    let mut reader = Reader::new(Format::Pytest);
    reader.push(b"a.py::t[[x] SKIPPED (y)] PASSED   [ 50%]\na.py::u[b] <- c.py PASSED   [100%]\n");
    let found = reader.finish();
    assert_eq!(cases(&found), [("a.py::t[[x] SKIPPED (y)]", Passed), ("a.py::u[b]", Passed)]);
}

/// Each line of a document, and what has been counted when it has come.
fn counts_grow(format: Format, lines: &[(&str, (u32, u32, u32))]) {
    let mut reader = Reader::new(format);
    for (line, expected) in lines {
        reader.push(format!("{line}\n").as_bytes());
        let counts = reader.so_far();
        assert_eq!((counts.passed, counts.failed, counts.skipped), *expected, "{line}");
    }
}

#[test]
fn what_is_counted_is_known_while_the_output_comes() {
    counts_grow(
        Format::Tap,
        &[
            ("1..3", (0, 0, 0)),
            ("ok 1", (1, 0, 0)),
            ("    not ok 1 - in a subtest", (1, 1, 0)),
            ("not ok 2 - with a subtest", (1, 1, 0)),
            ("ok 3 # SKIP", (1, 1, 1)),
        ],
    );
    counts_grow(
        Format::Unittest,
        &[
            ("test_a (m.T.test_a) ... ok", (1, 0, 0)),
            ("test_b (m.T.test_b) ... said", (1, 0, 0)),
            ("FAIL", (1, 0, 0)),
            ("test_c (m.T.test_c) ... skipped 'why'", (1, 1, 1)),
        ],
    );
    counts_grow(
        Format::Pytest,
        &[
            ("tests/test_a.py::test_a PASSED [ 50%]", (1, 0, 0)),
            ("tests/test_a.py::test_b FAILED [100%]", (1, 1, 0)),
        ],
    );
    counts_grow(
        Format::Libtest,
        &[
            ("running 2 tests", (0, 0, 0)),
            ("test a ... ok", (1, 0, 0)),
            ("test b ... ignored", (1, 0, 1)),
            (
                "test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                (1, 0, 1),
            ),
            ("running 1 test", (1, 0, 1)),
            ("test c ... FAILED", (1, 1, 1)),
        ],
    );
}
