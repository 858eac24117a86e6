//! How many cases there are, and what is wrong with the whole.

use pontus_cases::CaseOutcome::{Failed, Passed, Skipped};

use crate::{captures, read, read_in};

/// A capture (that of each Python, where the name has no version), and passed, failed and skipped by the tool's own last
/// lines, or by the source where the tool has none. Errors are failures, expected failures are skipped.
const EXPECTED: [(&str, [u32; 3]); 50] = [
    // OK, of three tests.
    ("unittest-blame", [3, 0, 0]),
    // OK, of two tests, of which one runs two more that it counts itself.
    ("unittest-runner", [2, 0, 0]),
    // failures=3, errors=3, unexpected successes=1; skipped=4, expected failures=1; two of the tests are left.
    ("unittest-basic", [2, 7, 5]),
    ("unittest-fixtures", [1, 3, 1]),
    // The interpreter was gone in the second test.
    ("unittest-killed", [1, 1, 0]),
    ("unittest-module", [0, 1, 0]),
    ("unittest-noise", [6, 1, 0]),
    ("unittest-none", [0, 0, 0]),
    // The tool itself ends with a traceback.
    ("unittest-skipped", [0, 0, 0]),
    // failures=4, errors=2, skipped=2 of six tests, of which two have no subtest that failed or was skipped.
    ("unittest-subtests", [2, 6, 2]),
    ("unittest-unbuffered", [6, 1, 0]),
    ("unittest-unloadable", [0, 1, 0]),
    // 4 failed, 8 passed, 2 skipped, 1 xfailed, 1 xpassed, 3 errors.
    ("pytest-basic", [9, 7, 3]),
    ("pytest-both", [2, 2, 0]),
    ("pytest-colour", [9, 7, 3]),
    // The interpreter was gone in the second test.
    ("pytest-killed", [1, 1, 0]),
    ("pytest-noise", [2, 1, 0]),
    ("pytest-none", [0, 0, 0]),
    ("pytest-plain", [9, 7, 3]),
    ("pytest-quiet", [9, 7, 3]),
    // 3 failed, 2 passed, 4 subtests passed.
    ("pytest-subtests", [2, 3, 0]),
    ("pytest-uncollectable", [0, 1, 0]),
    ("pytest-wordy", [9, 7, 3]),
    ("pytest-xdist", [9, 7, 3]),
    // The process was gone in the second of three tests.
    ("libtest-abort", [1, 1, 0]),
    // 3 passed; 2 passed; 2 passed, 3 failed, 2 ignored.
    ("libtest-all", [7, 3, 2]),
    // 1 ignored; 1 measured.
    ("libtest-bench", [1, 0, 1]),
    ("libtest-colour", [2, 3, 2]),
    ("libtest-doc", [4, 0, 1]),
    ("libtest-nocapture", [2, 3, 2]),
    ("libtest-showoutput", [2, 3, 2]),
    ("libtest-suite", [2, 3, 2]),
    ("libtest-times", [2, 3, 2]),
    ("libtest-unit", [3, 0, 0]),
    ("tap-bats", [3, 1, 2]),
    ("tap-bats-setup", [0, 1, 0]),
    ("tap-bats-timing", [3, 1, 2]),
    // pass 7; fail 4, cancelled 1; skipped 2, todo 2.
    ("tap-node", [7, 5, 4]),
    ("tap-node-broken", [0, 1, 0]),
    ("tap-node-good", [3, 0, 0]),
    // The leaves of the source; Perl's harness counts eleven points at the top.
    ("tap-perl", [6, 2, 6]),
    ("tap-perl-bail", [2, 0, 0]),
    ("tap-perl-died", [1, 0, 0]),
    ("tap-perl-none", [0, 0, 0]),
    ("tap-perl-plan", [4, 0, 0]),
    ("tap-perl-skipped", [0, 0, 0]),
    // Thirteen ran, and one of them failed twice.
    ("unittest-quiet", [u32::MAX, 7, 5]),
    ("tap-node-hook", [1, 1, 0]),
    ("tap-perl-noise", [1, 0, 1]),
    ("tap-perl-late", [0, 1, 0]),
];

#[test]
fn the_counts_are_those_of_the_tool() {
    let all = captures();
    assert!(all.len() >= EXPECTED.len() - 1, "where have the captures gone? {}", all.len());
    for (name, bytes) in all {
        let what = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let what = what.strip_suffix('-').unwrap_or(what);
        let expected = EXPECTED.iter().find(|(known, _)| *known == what);
        let [passed, failed, skipped] = expected.unwrap_or_else(|| panic!("{name} is new")).1;
        let found = read_in(&name, &bytes, || usize::MAX);
        // Unittest does not say how many passed, and with its dots alone nothing else does: one test failed twice.
        let passed = if passed == u32::MAX { found.passed.min(2) } else { passed };
        let counts = [found.passed, found.failed, found.skipped];
        assert_eq!(counts, [passed, failed, skipped], "{name}: {:#?}", found.cases);
    }
}

#[test]
fn the_pieces_make_no_difference() {
    let mut random = fastrand::Rng::with_seed(1);
    for (name, bytes) in captures() {
        let whole = read_in(&name, &bytes, || usize::MAX);
        for size in 1..=24 {
            assert_eq!(read_in(&name, &bytes, || size), whole, "{name} in pieces of {size}");
        }
        for _ in 0..8 {
            assert_eq!(read_in(&name, &bytes, || random.usize(1..400)), whole, "{name}");
        }
        let windows = String::from_utf8_lossy(&bytes).replace('\n', "\r\n");
        assert_eq!(read_in(&name, windows.as_bytes(), || 7), whole, "{name} with CRLF");
    }
}

/// Where the tool names each case, there is one case for each that is counted.
#[test]
fn each_case_that_is_counted_is_named() {
    let unnamed = [
        // Nothing but dots.
        "pytest-plain",
        "pytest-quiet",
        "unittest-quiet",
        // A fixture without its name, a subtest that is not printed.
        "unittest-fixtures-3.6",
        "unittest-fixtures-3.10",
        "unittest-module-3.6",
        "unittest-module-3.10",
        "unittest-subtests-3.6",
        "unittest-subtests-3.10",
        "unittest-basic-3.6",
        "unittest-basic-3.10",
        // A skipped class whose first test is printed without its name.
        "unittest-basic-3.12",
        // A test prints what looks like a test, or runs some.
        "unittest-unbuffered",
        "unittest-runner",
    ];
    for (name, bytes) in captures() {
        if unnamed.iter().any(|unnamed| name.starts_with(unnamed)) {
            continue;
        }
        let found = read_in(&name, &bytes, || usize::MAX);
        let count = |outcome| found.cases.iter().filter(|case| case.outcome == outcome).count();
        let named = [Passed, Failed, Skipped].map(|outcome| count(outcome) as u32);
        assert_eq!(named, [found.passed, found.failed, found.skipped], "{name}: {found:#?}");
    }
}

#[test]
fn complaints() {
    let says = |name: &str, complaint: Option<&str>| {
        assert_eq!(read(name).complaint.as_deref(), complaint, "{name}");
    };
    says("tap-perl-plan", Some("planned 5 tests, but 4 ran"));
    says("tap-perl-bail", Some("Bail out! the database is gone"));
    says("tap-perl-died", Some("no plan"));
    for fine in
        ["tap-perl", "tap-perl-none", "tap-perl-skipped", "tap-bats", "tap-bats-setup", "tap-node"]
    {
        says(fine, None);
    }
    for (name, bytes) in captures() {
        let found = read_in(&name, &bytes, || usize::MAX);
        assert!(name.starts_with("tap-") || found.complaint.is_none(), "{name}");
    }
}
