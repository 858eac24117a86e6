//! What the cases of a unit mean for it: pure decisions.

use pontus_cases::{Case, Found};
use pontus_exec::How;
use pontus_proto::limits::{CASE_BYTES_MAX, CASES_MAX, LINE_BYTES_MAX};
use pontus_proto::{
    Attempt, CaseOutcome, CaseReport, CommitId, Counts, Outcome, Report, Request, encode,
};

use crate::suite::Kind;

/// What a report may take up of its line with the names of cases; the rest is for everything else.
const CASES_BYTES_MAX: usize = LINE_BYTES_MAX / 2;

/// What a case takes up in a report beside its name.
const CASE_FRAME_BYTES: usize = 80;

/// Why a unit whose exit status was a good one has failed all the same: TAP says itself what is wrong, its exit status need not
/// (perl's is how many failed, be it 77); and a unittest that ran nothing has not passed, which Pythons before 3.12 do not tell. For
/// all others the exit status is what counts.
pub fn objection(kind: Kind, how: How, found: &Found) -> Option<String> {
    match kind {
        Kind::Tap | Kind::Bats | Kind::NodeTest => {
            let failed = (found.failed > 0).then(|| format!("{} failed in its TAP", found.failed));
            found.complaint.clone().or(failed)
        }
        Kind::UnittestModule | Kind::UnittestFile if how == How::Exited(0) => {
            has_no_cases(found).then(|| "no tests were found in it".to_owned())
        }
        _ => None,
    }
}

/// Whether a TAP unit planned nothing, which is how TAP skips a file. (One without a plan is complained of.)
pub fn ran_nothing(kind: Kind, found: &Found) -> bool {
    matches!(kind, Kind::Tap | Kind::Bats | Kind::NodeTest) && has_no_cases(found)
}

fn has_no_cases(found: &Found) -> bool {
    (found.passed, found.failed, found.skipped) == (0, 0, 0)
}

/// What is counted for a unit: its cases, or itself where it has none. A unit that failed has something that failed.
pub fn counts(outcome: Outcome, found: Option<&Found>) -> Counts {
    let mut counts = found.map_or_else(Counts::default, |found| Counts {
        passed: found.passed,
        failed: found.failed,
        skipped: found.skipped,
    });
    let is_bad = matches!(outcome, Outcome::Failed | Outcome::TimedOut);
    if is_bad && counts.failed == 0 {
        counts.failed = 1;
    } else if counts == Counts::default() {
        match outcome {
            Outcome::Passed => counts.passed = 1,
            Outcome::Skipped => counts.skipped = 1,
            _ => {}
        }
    }
    counts
}

/// What two things count for together.
pub fn sum(a: Counts, b: Counts) -> Counts {
    Counts {
        passed: a.passed.saturating_add(b.passed),
        failed: a.failed.saturating_add(b.failed),
        skipped: a.skipped.saturating_add(b.skipped),
    }
}

/// Cases as the protocol has them; one without a name is counted only.
pub fn reports(cases: Vec<Case>) -> Vec<CaseReport> {
    cases.into_iter().filter_map(report).collect()
}

fn report(case: Case) -> Option<CaseReport> {
    let outcome = match case.outcome {
        pontus_cases::CaseOutcome::Passed => CaseOutcome::Passed,
        pontus_cases::CaseOutcome::Failed => CaseOutcome::Failed,
        pontus_cases::CaseOutcome::Skipped => CaseOutcome::Skipped,
    };
    let mut name = case.name;
    name.truncate(name.floor_char_boundary(CASE_BYTES_MAX));
    Some(CaseReport { name: name.parse().ok()?, outcome, duration_ms: case.duration_ms })
}

/// Leaves out of a report what does not fit into its line. The verdict and the counts hold all the same.
pub fn fit(report: &mut Report) {
    let (commit, attempt) = (longest_id(), Attempt(u32::MAX));
    let is_too_long = |report: &Report| {
        encode(&Request::Report { commit, attempt, report: report.clone() }).is_err()
    };
    fit_cases(report);
    if is_too_long(report) {
        // The units take more than the cases left for them.
        report.units.iter_mut().for_each(|unit| unit.cases.clear());
    }
    if is_too_long(report) {
        // Names full of characters that JSON escapes. Whoever has so many such units can do without their list.
        report.units.clear();
    }
}

fn longest_id() -> CommitId {
    "0".repeat(64).parse().expect("64 digits are a commit")
}

/// Leaves out the names of cases that do not fit; those that did not pass have the first places, for they are what is looked for.
fn fit_cases(report: &mut Report) {
    let mut left = Budget { cases: CASES_MAX, bytes: CASES_BYTES_MAX };
    let mut keep: Vec<Vec<bool>> =
        report.units.iter().map(|unit| vec![false; unit.cases.len()]).collect();
    for passed in [false, true] {
        for (unit, keep) in report.units.iter().zip(&mut keep) {
            for (case, keep) in unit.cases.iter().zip(keep) {
                if (case.outcome == CaseOutcome::Passed) == passed {
                    *keep = left.take(case);
                }
            }
        }
    }
    for (unit, keep) in report.units.iter_mut().zip(keep) {
        let mut keep = keep.into_iter();
        unit.cases.retain(|_| keep.next().unwrap_or(false));
    }
}

struct Budget {
    cases: usize,
    bytes: usize,
}

impl Budget {
    /// Whether a case fits into what is left. A character that JSON escapes takes up to six bytes.
    fn take(&mut self, case: &CaseReport) -> bool {
        let escapes =
            case.name.as_str().bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        let bytes = case.name.as_str().len() + escapes + CASE_FRAME_BYTES;
        let fits = self.cases > 0 && self.bytes >= bytes;
        if fits {
            self.cases -= 1;
            self.bytes -= bytes;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pontus_proto::UnitReport;
    use pontus_proto::limits::{UNIT_BYTES_MAX, UNITS_MAX};

    use super::*;
    use crate::summary;

    fn found(passed: u32, failed: u32, complaint: Option<&str>) -> Found {
        Found {
            cases: Vec::new(),
            passed,
            failed,
            skipped: 0,
            complaint: complaint.map(str::to_owned),
        }
    }

    #[test]
    fn tap_objects_to_its_own_exit_status() {
        let bad_plan = found(4, 0, Some("a plan of 5, and 4 ran"));
        let said = "a plan of 5, and 4 ran".to_owned();
        let objection = |kind, found: &Found| objection(kind, How::Exited(0), found);
        assert_eq!(objection(Kind::Tap, &bad_plan), Some(said));
        assert_eq!(objection(Kind::Bats, &found(1, 2, None)), Some("2 failed in its TAP".into()));
        assert_eq!(objection(Kind::Tap, &found(1, 0, None)), None);
        assert_eq!(objection(Kind::Pytest, &found(1, 2, None)), None);
        let said = Some("no tests were found in it".to_owned());
        assert_eq!(objection(Kind::UnittestFile, &found(0, 0, None)), said);
        assert_eq!(objection(Kind::UnittestFile, &found(1, 0, None)), None);
    }

    #[test]
    fn a_unit_counts_its_cases_or_itself() {
        let count = |outcome, found: Option<Found>| {
            let Counts { passed, failed, skipped } = counts(outcome, found.as_ref());
            (passed, failed, skipped)
        };
        assert_eq!(count(Outcome::Passed, None), (1, 0, 0));
        assert_eq!(count(Outcome::Failed, None), (0, 1, 0));
        assert_eq!(count(Outcome::TimedOut, None), (0, 1, 0));
        assert_eq!(count(Outcome::Skipped, None), (0, 0, 1));
        assert_eq!(count(Outcome::Error, None), (0, 0, 0));
        assert_eq!(count(Outcome::Passed, Some(found(14, 0, None))), (14, 0, 0));
        assert_eq!(count(Outcome::Failed, Some(found(14, 2, None))), (14, 2, 0));
        assert_eq!(count(Outcome::Failed, Some(found(14, 0, None))), (14, 1, 0));
        assert_eq!(count(Outcome::TimedOut, Some(found(3, 0, None))), (3, 1, 0));
        assert_eq!(count(Outcome::Passed, Some(found(0, 0, None))), (1, 0, 0));
    }

    #[test]
    fn a_report_always_fits_and_keeps_what_failed() {
        let case = |number: usize| CaseReport {
            name: format!("\"{number:05}\\{}", "x".repeat(200)).parse().unwrap(),
            outcome: if number % 10 == 9 { CaseOutcome::Failed } else { CaseOutcome::Passed },
            duration_ms: Some(u64::MAX),
        };
        let unit = UnitReport {
            unit: "tests/a".parse().unwrap(),
            outcome: Outcome::Failed,
            exit: Some(1),
            duration_ms: 1,
            counts: Counts::default(),
            cases: (0..20_000).map(case).collect(),
        };
        let mut report = summary::of_error("x", Duration::ZERO);
        report.units = vec![unit];
        fit(&mut report);
        let failed = |case: &&CaseReport| case.outcome == CaseOutcome::Failed;
        let kept = &report.units[0].cases;
        // About 1,800 of such names fit, so nothing that passed has a place.
        assert!(kept.len() > 1_500 && kept.len() < 2_000, "{}", kept.len());
        assert_eq!(kept.iter().filter(failed).count(), kept.len());
        assert!(encode(&request(report)).is_ok());
    }

    #[test]
    fn a_report_of_names_full_of_quotes_fits() {
        let unit = UnitReport {
            unit: "\"".repeat(UNIT_BYTES_MAX).parse().unwrap(),
            outcome: Outcome::Failed,
            exit: Some(1),
            duration_ms: 1,
            counts: Counts::default(),
            cases: Vec::new(),
        };
        let mut report = summary::of_error("x", Duration::ZERO);
        report.units = vec![unit; UNITS_MAX];
        assert!(encode(&request(report.clone())).is_err());
        fit(&mut report);
        assert!(encode(&request(report)).is_ok());
    }

    fn request(report: Report) -> Request {
        Request::Report { commit: longest_id(), attempt: Attempt(1), report }
    }
}
