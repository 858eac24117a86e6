//! All that can happen, and all that must be done about it.

use pontus_proto::{Attempt, BranchName, CommitId, HostName, InstanceId, ProjectName, RunnerName};

use crate::config::SessionId;

/// Something that happened. Who did it is the session's word, never a field that the peer filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An observer handed a commit in.
    Submitted {
        /// Who.
        session: SessionId,
        /// What.
        submission: Submission,
    },
    /// A runner said who it is.
    Registered {
        /// On which connection.
        session: SessionId,
        /// What its process is called.
        name: HostName,
        /// Which process it is.
        instance: InstanceId,
        /// Whose commits it tests.
        project: ProjectName,
    },
    /// A runner waits for a commit.
    Ready {
        /// Which one.
        session: SessionId,
    },
    /// A runner is still testing.
    Beat {
        /// Which one.
        session: SessionId,
        /// What it tests.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
    },
    /// A runner has a verdict. The report itself stays with whoever asks the scheduler.
    Reported {
        /// Which one.
        session: SessionId,
        /// What it tested.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
    },
    /// A runner leaves without a verdict.
    GaveBack {
        /// Which one.
        session: SessionId,
        /// What it was testing.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
    },
    /// A connection ended. Nothing more comes from it, and nothing may be said to it.
    Ended {
        /// Which one.
        session: SessionId,
        /// Whether it ended before an [`Answer::Assigned`] could be written to it: then nobody has begun the attempt.
        unheard: bool,
    },
    /// A deadline has come.
    Ticked,
}

/// A commit that an observer hands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// What to test.
    pub commit: CommitId,
    /// Whose it is.
    pub project: ProjectName,
    /// Where it was seen.
    pub branch: Option<BranchName>,
}

/// Something that must be done, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Make this durable before any effect that follows it.
    Remember(Record),
    /// Write the result file of a commit that has its verdict.
    Publish(CommitId),
    /// Answer the one open question of a session.
    Say(SessionId, Answer),
}

/// A fact for the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A commit is queued.
    Submitted {
        /// As it was handed in.
        submission: Submission,
        /// Its place in the queue: lower comes first.
        place: u64,
    },
    /// A commit is running.
    Assigned {
        /// Which commit.
        commit: CommitId,
        /// The number of the try; it is used up even when nobody hears of it.
        attempt: Attempt,
        /// Who tests it, for people.
        runner: RunnerName,
        /// Who tests it, for the next start.
        instance: InstanceId,
    },
    /// A runner was not heard of in time. The commit is queued again.
    Lost {
        /// Which commit.
        commit: CommitId,
        /// Which try.
        attempt: Attempt,
    },
    /// A runner left, or never heard of its commit. The commit is queued again, and nothing is counted.
    GivenBack {
        /// Which commit.
        commit: CommitId,
        /// Which try.
        attempt: Attempt,
    },
    /// A commit has its verdict.
    Decided {
        /// Which commit.
        commit: CommitId,
        /// The try that decided it, or the last that was lost.
        attempt: Attempt,
        /// Where the verdict comes from.
        why: Why,
    },
}

/// Where a verdict comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The report that came with the event.
    Report,
    /// So many runners were lost with the commit: the verdict is `error`.
    RunnersLost(u32),
}

/// What is said to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The commit is on disk.
    Accepted {
        /// Which commit.
        commit: CommitId,
        /// Whether it was unknown.
        new: bool,
    },
    /// As many commits as may be are without a verdict. Nothing was taken.
    Full {
        /// How many that is.
        undecided_max: usize,
    },
    /// The runner may go on.
    Registered {
        /// What it is called.
        runner: RunnerName,
    },
    /// Test this.
    Assigned {
        /// Which commit.
        commit: CommitId,
        /// Which try.
        attempt: Attempt,
        /// Where it was seen.
        branch: Option<BranchName>,
    },
    /// Nothing to test; ask again.
    Idle,
    /// The lease goes on.
    Kept,
    /// The verdict is on disk.
    Recorded,
    /// The commit is queued again.
    Returned,
    /// The attempt is not this session's.
    Stale,
    /// Only a registered runner may say that.
    Unregistered,
    /// The same runner has dialled again; this connection is of no use any more.
    Replaced,
}
