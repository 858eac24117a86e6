//! What came of a commit, a unit, a case.

use serde::{Deserialize, Serialize};

use crate::id::{CaseName, UnitName};

/// What is said of a commit in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All tests said yes.
    Passed,
    /// A test said no.
    Failed,
    /// A unit or the attempt took too long.
    TimedOut,
    /// Nobody could say.
    Error,
    /// Somebody took the commit back. Never in a runner's report.
    Cancelled,
}

impl Verdict {
    /// The word in results, in the database and in the protocol.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::TimedOut => "timed_out",
            Verdict::Error => "error",
            Verdict::Cancelled => "cancelled",
        }
    }
}

/// How one unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Exit status 0.
    Passed,
    /// Any other exit status, or a signal.
    Failed,
    /// Exit status 77.
    Skipped,
    /// Ended by the runner.
    TimedOut,
    /// It could not be run.
    Error,
}

impl Outcome {
    /// The word in results, in the database and in the protocol.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
            Outcome::TimedOut => "timed_out",
            Outcome::Error => "error",
        }
    }
}

/// How many passed, failed (those that timed out included) and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// How many passed.
    pub passed: u32,
    /// How many failed or took too long.
    pub failed: u32,
    /// How many asked not to be counted.
    pub skipped: u32,
}

/// How far the tests of a commit have come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What runs now; left out between two units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitName>,
    /// How many units have ended.
    pub units_done: u32,
    /// How many there are.
    pub units: u32,
    /// What was counted so far, the cases of the running unit included.
    pub counts: Counts,
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What the runner says of the commit; never `cancelled`.
    pub verdict: Verdict,
    /// Why, where the counts do not say it: one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was counted.
    pub counts: Counts,
    /// From the assignment's arrival to the last unit's end, in milliseconds.
    pub duration_ms: u64,
    /// From the assignment's arrival until the commit was checked out, in milliseconds; left out where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_out_ms: Option<u64>,
    /// From the assignment's arrival until a test first printed something, in milliseconds; left out where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_output_ms: Option<u64>,
    /// How many bytes of output there are. The dispatcher has to have them before it is told this.
    pub output_bytes: u64,
    /// What was run, in order, at most [`UNITS_MAX`](crate::limits::UNITS_MAX).
    pub units: Vec<UnitReport>,
}

/// What came of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitReport {
    /// Its path in the repository.
    pub unit: UnitName,
    /// How it ended.
    pub outcome: Outcome,
    /// Its exit status, where it came to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// What was counted in it.
    pub counts: Counts,
    /// Its cases, where its output names them and they fit; the counts hold for all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseReport>,
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseReport {
    /// As its tool names it.
    pub name: CaseName,
    /// How it ended.
    pub outcome: CaseOutcome,
    /// How long it ran, in milliseconds, where its tool says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// How one case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseOutcome {
    /// It said yes.
    Passed,
    /// It said no, or broke.
    Failed,
    /// It was not run, or its failure was expected.
    Skipped,
}

impl CaseOutcome {
    /// The word in results, in the database and in the protocol.
    pub fn word(self) -> &'static str {
        match self {
            CaseOutcome::Passed => "passed",
            CaseOutcome::Failed => "failed",
            CaseOutcome::Skipped => "skipped",
        }
    }
}
