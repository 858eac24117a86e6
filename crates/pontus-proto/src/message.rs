//! The messages: what a client may ask ([`Request`]) and what the dispatcher may answer ([`Reply`]).
//!
//! `PROTOCOL.md` says what each is for. Unknown fields are ignored, so a message may grow.

mod bytes;
mod parse;
mod report;
mod submission;

use serde::{Deserialize, Serialize};

pub use self::bytes::Bytes;
pub use self::parse::{KNOWN_TYPES, ParseError, decode_reply, decode_request, encode};
pub use self::report::{CaseOutcome, CaseReport, Counts, Outcome, Report, UnitReport, Verdict};
pub use self::submission::{About, Submission};
use crate::id::{
    Attempt, BranchName, CommitId, HostName, InstanceId, Label, ProjectName, RunnerName,
};

/// What a client says. The client speaks first, and each request gets exactly one [`Reply`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// The first line of a connection.
    Hello {
        /// The protocol that the client speaks.
        protocol: u32,
        /// What it is going to be.
        role: Role,
    },
    /// A commit is handed in.
    Submit(Submission),
    /// A runner says who it is; again after each reconnection.
    Register {
        /// What its process calls itself.
        name: HostName,
        /// Which process it is.
        instance: InstanceId,
        /// Whose commits it can test.
        project: ProjectName,
        /// What it has that a commit may ask for, at most [`LABELS_MAX`](crate::limits::LABELS_MAX).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        labels: Vec<Label>,
    },
    /// A runner has nothing to do and waits for a commit.
    Ready {},
    /// A runner is still testing.
    Beat {
        /// What it tests.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
    },
    /// What the tests printed.
    Output {
        /// What is tested.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
        /// How many bytes of the attempt's output come before these.
        offset: u64,
        /// The bytes, at most [`OUTPUT_BYTES_MAX`](crate::limits::OUTPUT_BYTES_MAX).
        data: Bytes,
    },
    /// How the attempt ended.
    Report {
        /// What was tested.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
        /// What came of it.
        report: Report,
    },
    /// A runner leaves, and has no say about its commit: nothing is counted against it.
    GiveBack {
        /// What it was testing.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
    },
}

/// What the dispatcher answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// To `hello`.
    Welcome {
        /// The protocol that the dispatcher speaks.
        protocol: u32,
        /// Its version, for people.
        version: String,
    },
    /// To `submit`: the commit is on disk.
    Accepted {
        /// The commit that was handed in.
        commit: CommitId,
        /// Whether it was unknown until now.
        new: bool,
    },
    /// To `register`.
    Registered {
        /// What the runner is called from here on.
        runner: RunnerName,
        /// The silence, in milliseconds, after which its commit is given to another.
        lease_ms: u64,
    },
    /// To `ready`: test this.
    Assigned {
        /// What to test.
        commit: CommitId,
        /// Which try this is.
        attempt: Attempt,
        /// Where the commit was seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<BranchName>,
        /// How long the attempt may take as a whole, in milliseconds.
        timeout_ms: u64,
    },
    /// To `ready`: there is nothing to test yet; ask again.
    Idle {},
    /// To `beat` and `output`: the lease goes on.
    Kept {
        /// How many bytes of the attempt's output the dispatcher has. The runner sends what follows them.
        output_bytes: u64,
    },
    /// To `report`: the verdict is on disk.
    Recorded {},
    /// To `give_back`: the commit waits for another runner.
    Returned {},
    /// To anything.
    Error {
        /// For programs.
        code: Code,
        /// For people: one sentence.
        message: String,
    },
}

/// What a client is, for the whole connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Hands commits in.
    Observer,
    /// Tests commits.
    Runner,
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Not the JSON of a request.
    Malformed,
    /// A `type` that this dispatcher does not know.
    UnknownType,
    /// Not UTF-8.
    NotUtf8,
    /// Longer than a line may be. The connection ends.
    LineTooLong,
    /// Another protocol. The connection ends.
    ProtocolVersion,
    /// A request that this role may not make, or not now.
    Unexpected,
    /// The attempt is not this runner's any more: drop it.
    Stale,
    /// The dispatcher's disk did not take it: nothing is lost yet, try again.
    Storage,
    /// As many commits are queued as may be: keep it, try again later.
    QueueFull,
    /// The dispatcher has as many connections as it may have. The connection ends.
    TooManyConnections,
    /// Too long without a line. The connection ends.
    Silent,
    /// The dispatcher is leaving. The connection ends.
    Stopping,
}
