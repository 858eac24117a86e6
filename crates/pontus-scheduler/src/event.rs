//! All that can happen, and all that must be done about it.

use pontus_proto::{
    Attempt, BranchName, CommitId, HostName, InstanceId, Label, ProjectName, RunnerName,
};

use crate::config::SessionId;
use crate::restore::Stored;

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
        /// What it has.
        labels: Vec<Label>,
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
    /// A user wants no verdict of a commit any more.
    Cancelled {
        /// Who.
        session: SessionId,
        /// Which commit.
        commit: CommitId,
    },
    /// A user wants another verdict of a commit.
    Retried {
        /// Who.
        session: SessionId,
        /// Which commit.
        commit: CommitId,
        /// What the disk knows of it; `None` where it knows nothing. The scheduler itself keeps hardly anything of a
        /// commit that has its verdict.
        stored: Option<Stored>,
    },
    /// A user wants a runner to leave once it has tested what it has.
    Drained {
        /// Who.
        session: SessionId,
        /// Which runner.
        runner: RunnerName,
    },
    /// A user wants no commit to be handed out for now, or wants them to be handed out again.
    Paused {
        /// Who.
        session: SessionId,
        /// Which of the two.
        paused: bool,
    },
    /// A client waits for a commit's verdict. A session waits for one at a time.
    Watched {
        /// Who.
        session: SessionId,
        /// Which commit.
        commit: CommitId,
        /// For how long, in milliseconds, at most; [`Config::poll_ms`](crate::Config::poll_ms) bounds it too.
        wait_ms: u64,
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

impl Event {
    /// Who speaks, or has ended.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Event::Submitted { session, .. }
            | Event::Registered { session, .. }
            | Event::Ready { session }
            | Event::Beat { session, .. }
            | Event::Reported { session, .. }
            | Event::GaveBack { session, .. }
            | Event::Cancelled { session, .. }
            | Event::Retried { session, .. }
            | Event::Drained { session, .. }
            | Event::Paused { session, .. }
            | Event::Watched { session, .. }
            | Event::Ended { session, .. } => Some(*session),
            Event::Ticked => None,
        }
    }
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
    /// What its runner has to have.
    pub labels: Vec<Label>,
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
    /// A runner was not heard of in time, or the commit was given back too often. It is queued again.
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
        /// The try that decided it, or the last one; 0 where it was taken back from the queue.
        attempt: Attempt,
        /// Where the verdict comes from.
        why: Why,
    },
    /// A commit that had its verdict is queued again, at the end. What was lost of it is forgotten, its tries go on counting.
    Retried {
        /// Which commit.
        commit: CommitId,
        /// Its new place in the queue.
        place: u64,
    },
    /// Whether commits are handed out: `true` where they are not.
    Paused(bool),
}

/// Where a verdict comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The report that came with the event.
    Report,
    /// So many runners were lost with the commit: the verdict is `error`.
    RunnersLost(u32),
    /// A user wanted none any more: the verdict is `cancelled`.
    Cancelled,
    /// It was still queued when this newer commit of its branch came: the verdict is `cancelled`.
    GaveWay(CommitId),
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
    /// Nothing to test, or no verdict yet; ask again.
    Idle,
    /// The runner was drained and should leave.
    Leave,
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
    /// What the user wanted was done.
    Done,
    /// There is no such commit or runner.
    Unknown,
    /// The commit has no verdict yet, so there is nothing to try again.
    Undecided,
    /// The commit has its verdict.
    Decided,
}
