//! What clients are told of commits and runners.

use serde::{Deserialize, Serialize};

use super::report::{Counts, Verdict};
use super::submission::Submission;
use crate::id::{Attempt, BranchName, CommitId, Label, ProjectName, RunnerName};

/// What a commit is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for a runner.
    Queued,
    /// A runner has it.
    Running,
    /// It has its verdict.
    Done,
}

impl State {
    /// The word in the database, in the protocol and for people.
    pub fn word(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Done => "done",
        }
    }
}

/// Why a queued commit is not running yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// Nothing is handed out until `resume`.
    Resume,
    /// There is no runner of its project.
    Runner,
    /// No runner of its project has its labels.
    Labels,
    /// All runners that could are busy.
    Turn,
}

impl WaitsFor {
    /// The word in the protocol.
    pub fn word(self) -> &'static str {
        match self {
            WaitsFor::Resume => "resume",
            WaitsFor::Runner => "runner",
            WaitsFor::Labels => "labels",
            WaitsFor::Turn => "turn",
        }
    }
}

/// How things are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How many commits wait for a runner.
    pub queued: u64,
    /// How many have one.
    pub running: u64,
    /// How many runners there are.
    pub runners: u64,
    /// Whether nothing is handed out.
    pub paused: bool,
    /// The newest, newest first.
    pub commits: Vec<CommitLine>,
}

/// One commit in a [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitLine {
    /// Which one.
    pub commit: CommitId,
    /// Whose it is.
    pub project: ProjectName,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchName>,
    /// What it is doing.
    pub state: State,
    /// Its verdict, once it is `done`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What it waits for, while it is `queued`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitsFor>,
}

/// One runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerLine {
    /// What it is called.
    pub runner: RunnerName,
    /// Whose commits it tests.
    pub project: ProjectName,
    /// What it has that a commit may ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// What it is testing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub testing: Option<CommitId>,
    /// Since when it has that, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// How long ago it was last heard of, in milliseconds.
    pub last_heard_ms: u64,
    /// Whether it has a connection now.
    pub connected: bool,
    /// Whether it is going to leave after its commit.
    pub draining: bool,
}

/// All that is known of a commit, except its units and its output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// As it was handed in.
    pub submission: Submission,
    /// When it was handed in, in milliseconds since 1970.
    pub submitted_ms: i64,
    /// What it is doing.
    pub state: State,
    /// What it waits for, while it is `queued`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitsFor>,
    /// Its verdict, once it is `done`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// Its attempts, oldest first, at most [`ATTEMPTS_SHOWN_MAX`](crate::limits::ATTEMPTS_SHOWN_MAX): the newest.
    pub attempts: Vec<AttemptLine>,
    /// How long its project's commits usually take, in milliseconds, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_ms: Option<u64>,
}

/// A verdict, and what it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The word.
    pub verdict: Verdict,
    /// Why, where the counts do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The attempt that decided it, or the last one; 0 where there was none.
    pub attempt: Attempt,
    /// What was counted.
    pub counts: Counts,
    /// How long the attempt took, in milliseconds.
    pub duration_ms: u64,
    /// When it was decided, in milliseconds since 1970.
    pub decided_ms: i64,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptLine {
    /// Its number.
    pub attempt: Attempt,
    /// Who tried.
    pub runner: RunnerName,
    /// How it ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
    /// What its report said, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// When it was handed out, in milliseconds since 1970.
    pub started_ms: i64,
    /// From then until the commit was checked out, in milliseconds, where its report says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_out_ms: Option<u64>,
    /// From then to the first output, in milliseconds, where its report says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_output_ms: Option<u64>,
    /// When it ended, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Its runner said what came of it.
    Reported,
    /// Its runner was not heard of in time.
    Lost,
    /// Its runner left, or never heard of it.
    GivenBack,
    /// Somebody took the commit back.
    Cancelled,
}

impl Fate {
    /// The word in the database, in the protocol and for people.
    pub fn word(self) -> &'static str {
        match self {
            Fate::Reported => "reported",
            Fate::Lost => "lost",
            Fate::GivenBack => "given_back",
            Fate::Cancelled => "cancelled",
        }
    }
}
