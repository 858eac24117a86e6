//! The messages: what a client may ask ([`Request`]) and what the dispatcher may answer ([`Reply`]).
//!
//! `PROTOCOL.md` says what each is for. Unknown fields are ignored, so a message may grow.

mod bytes;
mod parse;
mod report;
mod shown;
mod submission;

use serde::{Deserialize, Serialize};

pub use self::bytes::Bytes;
pub use self::parse::{
    KNOWN_TYPES, ParseError, decode_greeting, decode_reply, decode_request, encode,
};
pub use self::report::{
    CaseOutcome, CaseReport, Counts, Outcome, Progress, Report, UnitReport, Verdict,
};
pub use self::shown::{
    AttemptLine, CommitLine, Decided, Fate, RunnerLine, Shown, State, Status, WaitsFor,
};
pub use self::submission::{About, Submission};
use crate::id::{
    Attempt, BranchName, CommitId, CommitPrefix, HostName, InstanceId, Label, ProjectName,
    RunnerName,
};
use crate::trust::{Nonce, Proof};

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
        /// What it calls itself; a runner has to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<HostName>,
        /// What it drew, where it knows the token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nonce: Option<Nonce>,
    },
    /// To a `challenge`: the client knows the token, too.
    Prove {
        /// Over both nonces.
        proof: Proof,
    },
    /// A commit is handed in.
    Submit(Submission),
    /// A runner says who it is; again after each reconnection.
    Register {
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
        /// How far it has come, for whoever waits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        progress: Option<Progress>,
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
    /// A client asks how things are.
    Status {
        /// How many commits to list, at most [`STATUS_COMMITS_MAX`](crate::limits::STATUS_COMMITS_MAX).
        commits: u32,
    },
    /// A client asks for the runners, in order of their names.
    Runners {
        /// Those after this one; from the first on where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<RunnerName>,
    },
    /// A client asks which commit begins with these digits.
    Find {
        /// The first digits of its id.
        prefix: CommitPrefix,
    },
    /// A client asks for all that is known of a commit, except its units and its output.
    Show {
        /// Which one.
        commit: CommitId,
    },
    /// A client asks how the units of an attempt ended.
    Units {
        /// Which commit.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
    },
    /// A client asks for output.
    Log {
        /// Which commit.
        commit: CommitId,
        /// Which try of it; the newest where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<Attempt>,
        /// How many bytes of it the client has.
        offset: u64,
        /// How long the answer may wait for more, in milliseconds, at most [`POLL_MS_MAX`](crate::limits::POLL_MS_MAX).
        wait_ms: u64,
    },
    /// A client waits for a verdict.
    Wait {
        /// Of which commit.
        commit: CommitId,
        /// How long the answer may wait for it, in milliseconds, at most [`POLL_MS_MAX`](crate::limits::POLL_MS_MAX).
        wait_ms: u64,
    },
    /// A client wants a decided commit tested once more.
    Retry {
        /// Which one.
        commit: CommitId,
    },
    /// A client wants a commit not tested.
    Cancel {
        /// Which one.
        commit: CommitId,
    },
    /// A client wants a runner to finish its commit and leave.
    Drain {
        /// Which one.
        runner: RunnerName,
    },
    /// A client wants no commit handed out until `resume`, over restarts too.
    Pause {},
    /// A client wants commits handed out again.
    Resume {},
}

/// What the dispatcher answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// To `hello`: the dispatcher knows the token, and wants to hear that the client does.
    Challenge {
        /// What it drew.
        nonce: Nonce,
        /// Over both nonces, one for each token that is accepted now, at most [`TOKENS_MAX`](crate::limits::TOKENS_MAX).
        proofs: Vec<Proof>,
    },
    /// To `prove`; to `hello` where nobody has to prove anything.
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
    /// To `ready`: somebody drained this runner; it should leave.
    Leave {},
    /// To `status`.
    Status(Status),
    /// To `runners`.
    Runners {
        /// In order of their names, at most [`RUNNERS_MAX`](crate::limits::RUNNERS_MAX).
        runners: Vec<RunnerLine>,
        /// Whether there are others after the last of these.
        more: bool,
    },
    /// To `find`.
    Found {
        /// The only one that begins so.
        commit: CommitId,
    },
    /// To `show`.
    Shown(Box<Shown>),
    /// To `units`.
    Units {
        /// In the order in which they ran.
        units: Vec<UnitReport>,
    },
    /// To `log`.
    Logged {
        /// Whose output it is; 0 where there was no attempt yet.
        attempt: Attempt,
        /// What follows the bytes that the client has, at most [`OUTPUT_BYTES_MAX`](crate::limits::OUTPUT_BYTES_MAX).
        data: Bytes,
        /// Whether nothing comes after these.
        ended: bool,
    },
    /// To `wait`.
    Waited {
        /// What the commit is doing now.
        state: State,
        /// Its verdict, once it is `done`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<Verdict>,
        /// How far its tests have come, while they run and their runner tells it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        progress: Option<Progress>,
    },
    /// To `retry`, `cancel`, `drain`, `pause` and `resume`: it is done.
    Done {},
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
    /// Asks, and has done what a user wants.
    Client,
}

impl Role {
    /// The word in the protocol, in proofs and for people.
    pub fn word(self) -> &'static str {
        match self {
            Role::Observer => "observer",
            Role::Runner => "runner",
            Role::Client => "client",
        }
    }
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
    /// The client does not know the token, or the dispatcher has none. The connection ends.
    Unauthorized,
    /// A request that this role may not make, or not now.
    Unexpected,
    /// The attempt is not this runner's any more: drop it.
    Stale,
    /// The dispatcher's disk did not take it: nothing was acknowledged, try again.
    StorageFull,
    /// No commit is called that.
    UnknownCommit,
    /// Several commits begin so.
    Ambiguous,
    /// No runner is called that.
    UnknownRunner,
    /// The commit has no verdict yet.
    Undecided,
    /// The commit has its verdict already. Nothing was changed.
    Decided,
    /// As many commits are queued as may be: keep it, try again later.
    QueueFull,
    /// The dispatcher has as many connections as it may have. The connection ends.
    TooManyConnections,
    /// Too long without a line. The connection ends.
    Silent,
    /// The dispatcher is leaving. The connection ends.
    Stopping,
}
