//! JUnit's XML, as CI tools read it: a suite for each unit, a test case for each case, and for each unit without any.

use std::time::Duration;

use anyhow::Result;
use pontus_proto::{
    CaseOutcome, CaseReport, Decided, Outcome, Shown, UnitReport, Verdict, escaped,
};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::super::json::attempt_of;
use super::{is_bad, untold};
use crate::clock;

/// The report of a commit that has its verdict.
///
/// # Errors
/// What the library says.
pub fn junit(shown: &Shown, decided: &Decided, units: &[UnitReport]) -> Result<String> {
    let mut suites: Vec<_> = units.iter().map(suite_of).collect();
    let is_passed = decided.verdict == Verdict::Passed;
    if suites.is_empty() || (!is_passed && !is_bad(units)) {
        suites.push(suite_of_verdict(decided));
    }
    let mut report = Report::new(shown.submission.project.as_str());
    report.set_time(Duration::from_millis(decided.duration_ms));
    for mut suite in suites {
        for (name, value) in facts(shown) {
            suite.add_property((name, value.as_str()));
        }
        if let Some(attempt) = attempt_of(shown) {
            suite.timestamp = clock::exact(attempt.started_ms).parse().ok();
        }
        report.add_test_suite(suite);
    }
    Ok(without_total_of_skipped(&report.to_string()?, report.skipped))
}

/// The schema of Jenkins' xUnit plugin, whose readers are the strictest, knows that number of a suite and not of the whole.
fn without_total_of_skipped(xml: &str, skipped: usize) -> String {
    // Its first occurrence is that of the root: no attribute's value has a quotation mark in it.
    xml.replacen(&format!(" skipped=\"{skipped}\""), "", 1)
}

/// What holds for all suites: the report has no place for it.
fn facts(shown: &Shown) -> Vec<(&'static str, String)> {
    let submission = &shown.submission;
    let mut facts = vec![
        ("commit", submission.commit.to_string()),
        ("project", submission.project.to_string()),
    ];
    facts.extend(submission.branch.as_ref().map(|branch| ("branch", branch.to_string())));
    if let Some(attempt) = attempt_of(shown) {
        facts.push(("runner", attempt.runner.to_string()));
        facts.push(("attempt", attempt.attempt.to_string()));
    }
    facts
}

fn suite_of(unit: &UnitReport) -> TestSuite {
    let mut suite = TestSuite::new(unit.unit.as_str());
    suite.set_time(Duration::from_millis(unit.duration_ms));
    suite.add_test_cases(unit.cases.iter().map(|case| case_of(unit, case)));
    let itself = match untold(unit) {
        Some(why) => Some(bad(bad_kind(unit.outcome), unit.outcome.word(), Some(&why))),
        None if !unit.cases.is_empty() => None,
        None if unit.outcome == Outcome::Skipped => Some(TestCaseStatus::skipped()),
        None => Some(TestCaseStatus::success()),
    };
    if let Some(status) = itself {
        let mut case = TestCase::new(unit.unit.as_str(), status);
        case.set_classname(unit.unit.as_str());
        case.set_time(Duration::from_millis(unit.duration_ms));
        suite.add_test_case(case);
    }
    suite
}

fn case_of(unit: &UnitReport, case: &CaseReport) -> TestCase {
    let status = match case.outcome {
        CaseOutcome::Passed => TestCaseStatus::success(),
        CaseOutcome::Failed => bad(NonSuccessKind::Failure, case.outcome.word(), None),
        CaseOutcome::Skipped => TestCaseStatus::skipped(),
    };
    let mut written = TestCase::new(case.name.as_str(), status);
    written.set_classname(unit.unit.as_str());
    if let Some(ms) = case.duration_ms {
        written.set_time(Duration::from_millis(ms));
    }
    written
}

/// A verdict that no unit stands behind.
fn suite_of_verdict(decided: &Decided) -> TestSuite {
    let word = decided.verdict.word();
    let reason = decided.reason.as_deref().map_or_else(|| word.to_owned(), escaped);
    let status = match decided.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed | Verdict::TimedOut => bad(NonSuccessKind::Failure, word, Some(&reason)),
        Verdict::Error | Verdict::Cancelled => bad(NonSuccessKind::Error, word, Some(&reason)),
    };
    let mut case = TestCase::new("verdict", status);
    case.set_classname("pontus");
    let mut suite = TestSuite::new("pontus");
    suite.add_test_case(case);
    suite
}

fn bad_kind(outcome: Outcome) -> NonSuccessKind {
    match outcome {
        Outcome::Error => NonSuccessKind::Error,
        _ => NonSuccessKind::Failure,
    }
}

fn bad(kind: NonSuccessKind, word: &str, why: Option<&str>) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(word);
    if let Some(why) = why {
        status.set_message(why);
    }
    status
}

#[cfg(test)]
#[path = "junit_tests.rs"]
mod tests;
