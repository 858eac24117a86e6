//! One unit, run to its end.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use pontus_cases::{Found, Reader};
use pontus_exec::{Ended, How, Job, RunError, Spare, Stop, signal_name};
use pontus_proto::{CaseReport, Counts, Outcome, UnitReport, escaped, seconds};

use crate::cases;
use crate::command;
use crate::course::{Course, milliseconds};
use crate::spool::Writer;
use crate::suite::{Kind, Unit};

/// From TERM to KILL, for whatever a unit has started.
const GRACE: Duration = Duration::from_secs(5);

/// The exit status by which a unit says that it does not apply here. (As automake and many others have it.)
const SKIPPED: i32 = 77;

/// How long Python may take to say whether it has pytest.
const PYTEST_CHECK: Duration = Duration::from_secs(60);

/// How a unit ended, and what is to be said about it beyond its outcome.
#[derive(Debug)]
pub struct UnitEnd {
    /// For the dispatcher.
    pub report: UnitReport,
    /// Why, where the outcome does not say it.
    pub why: Option<String>,
}

/// Where units run, and what ends them.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The checkout.
    pub tree: &'a Path,
    /// The whole environment, without what is different for each unit.
    pub env: &'a [(OsString, OsString)],
    /// Ends a unit early.
    pub stop: &'a Stop,
}

/// Runs `unit` with its output in the spool between two lines of our own; under `supervisor`, where one is there, which it is
/// afterwards, too, if the unit has ended by itself.
pub fn run(
    unit: &Unit,
    supervisor: &mut Option<Spare>,
    surroundings: &Surroundings<'_>,
    timeout: Duration,
    course: &mut Course,
    writer: &mut Writer,
) -> UnitEnd {
    writer.publish(course.inside(&unit.name, Counts::default()));
    writer.write_line(&format!("=== {}", unit.name));
    let mut reader = command::format(unit.kind).map(Reader::new);
    let ended = match missing(unit, surroundings, supervisor) {
        Some(why) => Err(why),
        None => {
            let mut sink = |data: &[u8]| {
                course.printed();
                writer.write(data);
                if let Some(reader) = &mut reader {
                    reader.push(data);
                    writer.publish(course.inside(&unit.name, so_far(reader)));
                }
            };
            let job = surroundings.job(unit, command::command(unit, surroundings.tree), timeout);
            let ended = pontus_exec::run_under(supervisor, &job, surroundings.stop, &mut sink);
            ended.map_err(|error| why_not(unit, &error))
        }
    };
    let end = judge(unit, ended, reader.map(Reader::finish), timeout);
    writer.write_line(&closing_line(&end));
    course.unit_ended(end.report.counts);
    writer.publish(course.between());
    end
}

/// The cases that have ended, while others may follow.
fn so_far(reader: &Reader) -> Counts {
    let pontus_cases::Counts { passed, failed, skipped } = reader.so_far();
    Counts { passed, failed, skipped }
}

impl Surroundings<'_> {
    fn job(
        &self,
        unit: &Unit,
        (program, args): (OsString, Vec<OsString>),
        timeout: Duration,
    ) -> Job {
        let unit_name = (OsString::from("PONTUS_UNIT"), OsString::from(unit.name.as_str()));
        let env = self.env.iter().cloned().chain([unit_name]).collect();
        Job { program, args, dir: self.tree.to_owned(), env, timeout, grace: GRACE, merge: true }
    }
}

/// What the unit needs and is not here, as one sentence.
fn missing(
    unit: &Unit,
    surroundings: &Surroundings<'_>,
    supervisor: &mut Option<Spare>,
) -> Option<String> {
    let path = surroundings.env.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or(OsStr::new(""), |(_, value)| value);
    if let Some(name) = command::missing_interpreter(unit, surroundings.tree, path) {
        return Some(format!("{}: its interpreter {} is missing", unit.name, name.display()));
    }
    if unit.kind == Kind::Pytest && !has_pytest(unit, surroundings, supervisor) {
        return Some(format!("{}: pytest is missing: pip install pytest", unit.name));
    }
    None
}

/// A Python without pytest ends with the exit status of a red test, so it is asked beforehand. Where there is no Python either,
/// the unit itself will say so.
fn has_pytest(
    unit: &Unit,
    surroundings: &Surroundings<'_>,
    supervisor: &mut Option<Spare>,
) -> bool {
    let look = "import importlib.util, sys; sys.exit(not importlib.util.find_spec('pytest'))";
    let command = ("python3".into(), ["-c", look].map(OsString::from).into());
    let job = surroundings.job(unit, command, PYTEST_CHECK);
    let ended = pontus_exec::run_under(supervisor, &job, surroundings.stop, &mut |_| {});
    !matches!(ended, Ok(Ended { how: How::Exited(1), .. }))
}

fn why_not(unit: &Unit, error: &RunError) -> String {
    match error {
        RunError::ProgramMissing { program } => {
            format!("{}: {} is missing", unit.name, program.display())
        }
        RunError::InterpreterMissing { interpreter, .. } => {
            format!("{}: its interpreter {interpreter} is missing", unit.name)
        }
        other => format!("{}: {other}", unit.name),
    }
}

/// What an end means: exit status 0 is passed, 77 skipped, anything else the test's no. What was read can only make it worse.
fn judge(
    unit: &Unit,
    ended: Result<Ended, String>,
    found: Option<Found>,
    timeout: Duration,
) -> UnitEnd {
    let (how, lasted) = match ended {
        Ok(Ended { how, lasted }) => (how, lasted),
        Err(why) => return UnitEnd::not_run(unit, why),
    };
    let objection = found.as_ref().and_then(|found| cases::objection(unit.kind, how, found));
    let ran_nothing = found.as_ref().is_some_and(|found| cases::ran_nothing(unit.kind, found));
    let (outcome, exit, why) = match how {
        How::Exited(status @ (0 | SKIPPED)) if objection.is_some() => {
            (Outcome::Failed, Some(status), objection)
        }
        How::Exited(0) if ran_nothing => (Outcome::Skipped, Some(0), None),
        How::Exited(0) => (Outcome::Passed, Some(0), None),
        How::Exited(SKIPPED) => (Outcome::Skipped, Some(SKIPPED), None),
        How::Exited(status) => {
            (Outcome::Failed, Some(status), Some(format!("exit status {status}")))
        }
        How::Signalled(signal) => {
            (Outcome::Failed, None, Some(format!("ended by {}", signal_name(signal))))
        }
        How::TimedOut => {
            let why = format!("{} took longer than {timeout:?}", unit.name);
            (Outcome::TimedOut, None, Some(why))
        }
        How::Stopped => (Outcome::Error, None, Some("stopped".to_owned())),
    };
    let counts = cases::counts(outcome, found.as_ref());
    let cases = found.map_or_else(Vec::new, |found| cases::reports(found.cases));
    UnitEnd::new(unit, outcome, exit, lasted, why).with_cases(counts, cases)
}

impl UnitEnd {
    fn new(
        unit: &Unit,
        outcome: Outcome,
        exit: Option<i32>,
        lasted: Duration,
        why: Option<String>,
    ) -> UnitEnd {
        let duration_ms = milliseconds(lasted);
        let report = UnitReport {
            unit: unit.name.clone(),
            outcome,
            exit,
            duration_ms,
            counts: Counts::default(),
            cases: Vec::new(),
        };
        UnitEnd { report, why }
    }

    fn not_run(unit: &Unit, why: String) -> UnitEnd {
        UnitEnd::new(unit, Outcome::Error, None, Duration::ZERO, Some(escaped(&why)))
    }

    fn with_cases(mut self, counts: Counts, cases: Vec<CaseReport>) -> UnitEnd {
        self.report.counts = counts;
        self.report.cases = cases;
        self
    }
}

fn closing_line(end: &UnitEnd) -> String {
    let UnitReport { unit, outcome, duration_ms, .. } = &end.report;
    let took = seconds(Duration::from_millis(*duration_ms));
    match (outcome, &end.why) {
        (Outcome::Failed, Some(why)) => format!("=== {unit}: failed in {took}: {why}"),
        (Outcome::Error, Some(why)) => format!("=== {unit}: error: {why}"),
        _ => format!("=== {unit}: {} in {took}", outcome.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(how: How, found: Option<Found>, kind: Kind) -> String {
        let ended = Ended { how, lasted: Duration::from_millis(112) };
        let unit = Unit { name: "tests/a".parse().unwrap(), path: "tests/a".into(), kind };
        closing_line(&judge(&unit, Ok(ended), found, Duration::from_secs(600)))
    }

    #[test]
    fn an_exit_status_is_an_outcome() {
        let line = |how| line(how, None, Kind::Executable);
        assert_eq!(line(How::Exited(0)), "=== tests/a: passed in 0.112s");
        assert_eq!(line(How::Exited(77)), "=== tests/a: skipped in 0.112s");
        assert_eq!(line(How::Exited(3)), "=== tests/a: failed in 0.112s: exit status 3");
        assert_eq!(line(How::Signalled(9)), "=== tests/a: failed in 0.112s: ended by SIGKILL");
        assert_eq!(line(How::TimedOut), "=== tests/a: timed_out in 0.112s");
    }

    #[test]
    fn tap_is_believed_when_it_says_no() {
        let line = |status, failed| {
            let found = Found { failed, ..Found::default() };
            line(How::Exited(status), Some(found), Kind::Tap)
        };
        let said = "=== tests/a: failed in 0.112s: 77 failed in its TAP";
        assert_eq!(line(77, 77), said);
        assert_eq!(line(0, 77), said);
        assert_eq!(line(1, 77), "=== tests/a: failed in 0.112s: exit status 1");
        // A plan of nothing, `1..0 # SKIP why`, is how TAP itself skips.
        assert_eq!(line(0, 0), "=== tests/a: skipped in 0.112s");
        assert_eq!(line(77, 0), "=== tests/a: skipped in 0.112s");
    }
}
