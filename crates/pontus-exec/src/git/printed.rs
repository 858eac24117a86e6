//! What git prints, read by the functions that always read it, but without git: a repository may have git print what a stranger
//! chose, so the readers are fuzzed. Nobody else has a use for this.

use super::error::{self, GitError};
use super::{Described, Head, Tracked, questions, refs};

const TASK: &str = "read what git printed";

/// The one id of `rev-parse`.
///
/// # Errors
/// When that is not what was printed.
pub fn id(out: &[u8]) -> Result<String, GitError> {
    questions::one_id(out.to_vec(), TASK)
}

/// The branches of `ls-remote`.
///
/// # Errors
/// When that is not what was printed.
pub fn branches(out: &[u8]) -> Result<Vec<Head>, GitError> {
    refs::branches(out, TASK)
}

/// The branch of `ls-remote --symref`.
pub fn current_branch(out: &[u8]) -> Option<String> {
    refs::current_branch(out)
}

/// The files of `ls-tree -r -z`.
///
/// # Errors
/// When that is not what was printed.
pub fn files(out: &[u8]) -> Result<Vec<Tracked>, GitError> {
    questions::entries(out, TASK)
}

/// The commits of `rev-list`; none where that is not what was printed.
pub fn commits(out: &[u8]) -> Option<Vec<Described>> {
    questions::described(out)
}

/// The one line that people are shown of git's complaints.
pub fn complaint(complaints: &[u8]) -> String {
    error::useful_line(complaints, 128)
}
