//! What came of a commit, for the tools that read reports of tests.
//!
//! They look at points and not at a verdict, so the two have to agree: whatever is not `passed` has a point that says so.

pub mod junit;
pub mod tap;

use pontus_proto::{CaseOutcome, CaseReport, Outcome, UnitReport};

/// Why a unit is not as good as all of its named cases are; none where one of them tells.
fn untold(unit: &UnitReport) -> Option<String> {
    let is_told = unit.cases.iter().any(|case| case.outcome == CaseOutcome::Failed);
    match unit.outcome {
        Outcome::Passed | Outcome::Skipped => None,
        Outcome::TimedOut => Some("timed_out".to_owned()),
        _ if is_told => None,
        Outcome::Error => Some("error".to_owned()),
        Outcome::Failed => Some(match unit.exit {
            Some(status) => format!("exit {status}"),
            None => "ended by a signal".to_owned(),
        }),
    }
}

/// Whether a report of these units says that not all is well.
fn is_bad(units: &[UnitReport]) -> bool {
    let is_failed = |case: &CaseReport| case.outcome == CaseOutcome::Failed;
    units.iter().any(|unit| untold(unit).is_some() || unit.cases.iter().any(is_failed))
}
