//! A commit as it is handed in.

use serde::{Deserialize, Serialize};

use crate::id::{Author, BranchName, CommitId, Label, ProjectName, Subject, TreeId};

/// A commit to test, and all that its observer knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// What to test.
    pub commit: CommitId,
    /// Whose commit it is.
    pub project: ProjectName,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchName>,
    /// What was handed in of the branch before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<CommitId>,
    /// Commits that this one stands for, oldest first, at most [`SKIPPED_MAX`](crate::limits::SKIPPED_MAX).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<CommitId>,
    /// How many older ones it stands for beside those, which are too many to be named.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped_unnamed: u64,
    /// What its runner has to have, at most [`LABELS_MAX`](crate::limits::LABELS_MAX).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// What the commit says of itself, where it was there to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What it holds.
    pub tree: TreeId,
    /// The first line of its message, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Who wrote it: `Ada <ada@example.org>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// When it was committed, by the committer's clock, in milliseconds since 1970.
    pub committed_ms: i64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
