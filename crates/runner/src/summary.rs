//! What is said of a commit, given how its units ended: a pure decision.

use std::time::Duration;

use pontus_proto::limits::REASON_BYTES_MAX;
use pontus_proto::{Counts, Outcome, Report, Verdict, escaped};

use crate::cases;
use crate::course::milliseconds;
use crate::unit::UnitEnd;

/// The report of an attempt that ran its units; `timeout` where the attempt as a whole ran out of time.
///
/// A test that said no outweighs all else: nothing that went wrong beside it can make the commit good.
pub fn of_units(ends: Vec<UnitEnd>, timeout: Option<Duration>, took: Duration) -> Report {
    let counts = ends.iter().map(|end| end.report.counts).fold(Counts::default(), cases::sum);
    let first = |outcome| ends.iter().find(|end| end.report.outcome == outcome);
    let why = |end: &UnitEnd| end.why.clone();
    let (verdict, reason) = if first(Outcome::Failed).is_some() {
        (Verdict::Failed, None)
    } else if let Some(timeout) = timeout {
        (Verdict::TimedOut, Some(format!("the commit took longer than {timeout:?}")))
    } else if let Some(end) = first(Outcome::TimedOut) {
        (Verdict::TimedOut, why(end))
    } else if let Some(end) = first(Outcome::Error) {
        (Verdict::Error, why(end))
    } else {
        (Verdict::Passed, None)
    };
    let units = ends.into_iter().map(|end| end.report).collect();
    let mut report = report(verdict, reason, counts, took, units);
    cases::fit(&mut report);
    report
}

/// The report of an attempt that did not come to its units.
pub fn of_error(reason: &str, took: Duration) -> Report {
    report(Verdict::Error, Some(reason.to_owned()), Counts::default(), took, Vec::new())
}

fn report(
    verdict: Verdict,
    reason: Option<String>,
    counts: Counts,
    took: Duration,
    units: Vec<pontus_proto::UnitReport>,
) -> Report {
    Report {
        verdict,
        reason: reason.map(|reason| one_line(&reason)),
        counts,
        duration_ms: milliseconds(took),
        checked_out_ms: None,
        first_output_ms: None,
        output_bytes: 0,
        units,
    }
}

/// A reason as the protocol takes it: one line, not too long.
fn one_line(reason: &str) -> String {
    let mut line = escaped(reason);
    line.truncate(line.floor_char_boundary(REASON_BYTES_MAX));
    line
}

#[cfg(test)]
mod tests {
    use pontus_proto::UnitReport;

    use super::*;

    fn verdict(outcomes: &[Outcome], timeout: Option<Duration>) -> (Verdict, Option<String>) {
        let end = |(number, outcome): (usize, &Outcome)| UnitEnd {
            report: UnitReport {
                unit: format!("tests/{number}").parse().unwrap(),
                outcome: *outcome,
                exit: None,
                duration_ms: 1,
                counts: Counts::default(),
                cases: Vec::new(),
            },
            why: Some(format!("why {number}")),
        };
        let ends = outcomes.iter().enumerate().map(end).collect();
        let report = of_units(ends, timeout, Duration::from_secs(1));
        (report.verdict, report.reason)
    }

    #[test]
    fn a_no_outweighs_all_else() {
        use Outcome::{Error, Failed, Passed, Skipped, TimedOut};
        let why = |number: u32| Some(format!("why {number}"));
        assert_eq!(verdict(&[Passed, Skipped], None), (Verdict::Passed, None));
        assert_eq!(verdict(&[Skipped], None), (Verdict::Passed, None));
        assert_eq!(verdict(&[Error, TimedOut, Failed, Passed], None), (Verdict::Failed, None));
        assert_eq!(verdict(&[Error, TimedOut, Passed], None), (Verdict::TimedOut, why(1)));
        assert_eq!(verdict(&[Passed, Error], None), (Verdict::Error, why(1)));
        let hour = Some(Duration::from_secs(3600));
        let reason = Some("the commit took longer than 3600s".to_owned());
        assert_eq!(verdict(&[Passed], hour), (Verdict::TimedOut, reason));
        assert_eq!(verdict(&[Failed], hour), (Verdict::Failed, None));
    }

    #[test]
    fn the_counts_are_those_of_all_units() {
        let end = |counts| UnitEnd {
            report: UnitReport {
                unit: "tests/a".parse().unwrap(),
                outcome: Outcome::Passed,
                exit: None,
                duration_ms: 1,
                counts,
                cases: Vec::new(),
            },
            why: None,
        };
        let counts = |passed, failed, skipped| Counts { passed, failed, skipped };
        let ends = vec![end(counts(1, 2, 3)), end(counts(10, 20, u32::MAX))];
        let report = of_units(ends, None, Duration::ZERO);
        assert_eq!(report.counts, counts(11, 22, u32::MAX));
    }

    #[test]
    fn a_reason_keeps_to_its_limits() {
        let report = of_error(&"ä\n".repeat(REASON_BYTES_MAX), Duration::ZERO);
        let reason = report.reason.unwrap();
        assert!(reason.len() <= REASON_BYTES_MAX && reason.len() > REASON_BYTES_MAX - 3);
        assert!(reason.starts_with("ä\\nä"));
    }
}
