//! What a result file says before a test's output: which commit it is, where it was seen and who ran it.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use pontus_proto::{Attempt, BranchName, CommitId, ProjectName, RunnerName};

use crate::clock;

/// The longest header: the longest names, and as many skipped commits as may be named.
const HEADER_BYTES_MAX: u64 = 256 * 1024;

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

/// How long the header of `commit` is that a file begins with; none where it is not there, or not whole.
///
/// # Errors
/// What the file system says.
pub fn length_in(file: &File, commit: CommitId) -> io::Result<Option<u64>> {
    let (there, first_line) = (file.metadata()?.len(), first_line(commit));
    // Hardly any is longer than a page.
    for most in [4096, HEADER_BYTES_MAX] {
        let mut start = vec![0; there.min(most) as usize];
        file.read_exact_at(&mut start, 0)?;
        if !start.starts_with(first_line.as_bytes()) {
            break;
        }
        // No line of it is empty, so the first empty line ends it.
        if let Some(at) = start.windows(2).position(|pair| pair == b"\n\n") {
            return Ok(Some(at as u64 + 2));
        }
    }
    Ok(None)
}

/// Whether a file begins as the header of `commit` does.
///
/// # Errors
/// What the file system says.
pub fn begins_in(file: &File, commit: CommitId) -> io::Result<bool> {
    let first_line = first_line(commit);
    let mut start = vec![0; first_line.len()];
    match file.read_exact_at(&mut start, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| start == first_line.as_bytes()),
    }
}

fn first_line(commit: CommitId) -> String {
    format!("{:<10}{commit}\n", "commit")
}
