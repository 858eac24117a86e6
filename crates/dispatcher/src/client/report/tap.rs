//! The Test Anything Protocol, version 13: a point for each case, and for each unit without any.
//!
//! A verdict that no test stands behind is a point that is not ok. `Bail out!` would say the same, and have a harness drop
//! the reports that it reads besides.

use pontus_proto::{CaseOutcome, Decided, Outcome, UnitReport, Verdict, escaped};

use super::{is_bad, untold};

/// One point.
struct Point {
    is_ok: bool,
    is_skipped: bool,
    what: String,
}

/// The report of a commit that has its verdict.
pub fn tap(decided: &Decided, units: &[UnitReport]) -> String {
    let mut points: Vec<_> = units.iter().flat_map(points_of).collect();
    let is_passed = decided.verdict == Verdict::Passed;
    if points.is_empty() || (!is_passed && !is_bad(units)) {
        let reason = decided.reason.as_deref().unwrap_or(decided.verdict.word());
        let what = format!("verdict {}: {reason}", decided.verdict.word());
        points.push(Point { is_ok: is_passed, is_skipped: false, what });
    }
    let head = format!("TAP version 13\n1..{}\n", points.len());
    let lines = points.iter().zip(1..).map(|(point, number)| line(point, number));
    head + &lines.collect::<String>()
}

fn points_of(unit: &UnitReport) -> Vec<Point> {
    let cases = unit.cases.iter().map(|case| Point {
        is_ok: case.outcome != CaseOutcome::Failed,
        is_skipped: case.outcome == CaseOutcome::Skipped,
        what: format!("{}: {}", unit.unit, case.name),
    });
    let itself = match untold(unit) {
        Some(why) => {
            let what = format!("{}: {why}", unit.unit);
            Some(Point { is_ok: false, is_skipped: false, what })
        }
        None if unit.cases.is_empty() => {
            let is_skipped = unit.outcome == Outcome::Skipped;
            Some(Point { is_ok: true, is_skipped, what: unit.unit.to_string() })
        }
        None => None,
    };
    cases.chain(itself).collect()
}

fn line(point: &Point, number: usize) -> String {
    let word = if point.is_ok { "ok" } else { "not ok" };
    let skip = if point.is_skipped { " # SKIP" } else { "" };
    // A # of its own would begin a directive, and a test could say of itself that it is only to be done.
    let what = escaped(&point.what).replace('\\', "\\\\").replace('#', "\\#");
    format!("{word} {number} - {what}{skip}\n")
}

#[cfg(test)]
#[path = "tap_tests.rs"]
mod tests;
