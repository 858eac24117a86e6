//! The XML, read by a parser that knows what CI tools read.

use junit_parser::{TestStatus, TestSuites};

use super::super::super::testing::{shown, unit, units};
use super::*;

fn read(shown: &Shown, units: &[UnitReport]) -> TestSuites {
    let xml = junit(shown, shown.decided.as_ref().unwrap(), units).unwrap();
    junit_parser::from_reader(xml.as_bytes()).unwrap_or_else(|error| panic!("{error}: {xml}"))
}

#[test]
fn suites_cases_and_how_they_ended() {
    let report = read(&shown(), &units());
    assert_eq!(report.name, "test_repo");
    assert_eq!((report.tests, report.failures, report.errors), (10, 4, 1));
    let names: Vec<_> = report.suites.iter().map(|suite| suite.name.as_str()).collect();
    let expected: Vec<_> = units().iter().map(|unit| unit.unit.to_string()).collect();
    assert_eq!(names, expected);
    let python = &report.suites[0];
    assert_eq!((python.tests, python.failures, python.skipped), (3, 1, 1));
    assert_eq!(python.time, 0.112);
    assert_eq!(python.timestamp.as_deref(), Some("2026-11-22T14:14:05.600+00:00"));
    let [yes, no, later] = &python.cases[..] else { panic!("{python:?}") };
    assert_eq!(yes.original_name, "test_yes (test_a.A.test_yes)");
    assert_eq!(yes.classname.as_deref(), Some("tests/test_a.py"));
    assert!(yes.status.is_success());
    assert_eq!(yes.time, 0.012);
    assert_eq!(no.original_name, "test_no <&\"#\\ 'ü' # TODO");
    assert!(no.status.is_failure() && later.status.is_skipped());
}

#[test]
fn units_that_are_worse_than_their_cases() {
    let report = read(&shown(), &units());
    let failure = |suite: usize| match &report.suites[suite].cases.last().unwrap().status {
        TestStatus::Failure(failure) => (failure.failure_type.clone(), failure.message.clone()),
        status => panic!("{status:?}"),
    };
    let pair = |kind: &str, message: &str| (kind.to_owned(), message.to_owned());
    assert_eq!(report.suites[1].tests, 2);
    assert_eq!(failure(1), pair("failed", "exit 0"));
    assert_eq!(failure(2), pair("timed_out", "timed_out"));
    assert_eq!(failure(3), pair("failed", "ended by a signal"));
    assert!(report.suites[4].cases[0].status.is_success());
    assert!(report.suites[5].cases[0].status.is_skipped());
    assert!(report.suites[6].cases[0].status.is_error());
}

#[test]
fn properties_say_which_commit_it_was() {
    let report = read(&shown(), &units()[..1]);
    let properties = &report.suites[0].properties.vec;
    let commit = "ab".repeat(20);
    let expected = [
        ("commit", commit.as_str()),
        ("project", "test_repo"),
        ("branch", "main"),
        ("runner", "elm/1"),
        ("attempt", "2"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(properties, &expected);
}

#[test]
fn report_and_verdict_agree() {
    let mut shown = shown();
    let good = [unit("tests/a", Outcome::Passed, Some(0))];
    let verdicts = [
        (Verdict::Failed, 1, 0),
        (Verdict::TimedOut, 1, 0),
        (Verdict::Error, 0, 1),
        (Verdict::Cancelled, 0, 1),
    ];
    for (verdict, failures, errors) in verdicts {
        let decided = shown.decided.as_mut().unwrap();
        decided.verdict = verdict;
        decided.reason = Some("no tests \u{1b}[2J".to_owned());
        for units in [&good[..], &[]] {
            let report = read(&shown, units);
            assert_eq!((report.failures, report.errors), (failures, errors), "{verdict:?}");
            let last = report.suites.last().unwrap();
            assert_eq!((last.name.as_str(), last.cases.len()), ("pontus", 1));
            if let TestStatus::Error(error) = &last.cases[0].status {
                assert_eq!(error.message, "no tests \\u{1b}[2J");
            }
        }
    }
    shown.decided.as_mut().unwrap().verdict = Verdict::Passed;
    let report = read(&shown, &good);
    assert_eq!((report.tests, report.failures, report.errors), (1, 0, 0));
}

/// What the schema of Jenkins' xUnit plugin, junit-10.xsd, knows of an element.
fn known(element: &str) -> &'static [&'static str] {
    match element {
        "testsuites" => &["name", "time", "tests", "failures", "errors"],
        "testsuite" => {
            &["name", "tests", "failures", "errors", "time", "skipped", "timestamp", "hostname"]
        }
        "testcase" => &["name", "time", "classname"],
        "failure" | "error" | "skipped" => &["type", "message"],
        "property" => &["name", "value"],
        "properties" => &[],
        _ => panic!("{element} is not known"),
    }
}

#[test]
fn there_is_nothing_that_a_strict_reader_does_not_know() {
    let shown = shown();
    let xml = junit(&shown, shown.decided.as_ref().unwrap(), &units()).unwrap();
    let tags = xml.lines().skip(1).map(|line| line.trim_start().trim_start_matches('<'));
    let mut seen = 0;
    for tag in tags.filter(|tag| !tag.starts_with('/')) {
        let (element, rest) = tag.split_once([' ', '/', '>']).unwrap();
        // Outside of the values, only the names of attributes stand before a =.
        for name in rest.split('"').step_by(2).filter_map(|text| text.strip_suffix('=')) {
            assert!(known(element).contains(&name.trim_start()), "{name} in {tag}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen} attributes in {xml}");
}
