//! What a result file says before a test's output: which commit it is, where it was seen and who ran it.

use std::fmt;

use pontus_proto::{Attempt, BranchName, CommitId, ProjectName, RunnerName};

use crate::clock;

/// The longest header: the longest names, and as many skipped commits as may be named.
pub const HEADER_BYTES_MAX: u64 = 256 * 1024;

/// A result's header. Printed, it is lines of which none is empty, and an empty one that ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Which commit.
    pub commit: CommitId,
    /// Whose it is.
    pub project: ProjectName,
    /// Where it was seen.
    pub branch: Option<BranchName>,
    /// Commits that it stands for, oldest first.
    pub skipped: Vec<CommitId>,
    /// How many older ones it stands for beside those.
    pub skipped_unnamed: u64,
    /// The attempt that decided it, or the last; 0 where there was none.
    pub attempt: Attempt,
    /// Who ran it, if anybody did.
    pub runner: Option<RunnerName>,
    /// When it began, in milliseconds since 1970.
    pub started_ms: Option<i64>,
}

impl fmt::Display for Header {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |key: &str, value: &dyn fmt::Display| writeln!(out, "{key:<10}{value}");
        line("commit", &self.commit)?;
        line("project", &self.project)?;
        if let Some(branch) = &self.branch {
            line("branch", branch)?;
        }
        if let Some(runner) = &self.runner {
            line("runner", runner)?;
            line("attempt", &self.attempt)?;
        }
        if let Some(ms) = self.started_ms {
            line("started", &clock::shown(ms))?;
        }
        if self.skipped_unnamed > 0 {
            let unnamed = format_args!("{} older commits, not named", self.skipped_unnamed);
            line("skipped", &unnamed)?;
        }
        self.skipped.iter().try_for_each(|commit| line("skipped", commit))?;
        writeln!(out)
    }
}

/// Where the header ends that `text` begins with, in bytes; none where it does not end in it.
pub fn end_in(text: &[u8]) -> Option<usize> {
    text.windows(2).position(|pair| pair == b"\n\n").map(|at| at + 2)
}
