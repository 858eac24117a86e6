//! The clone that the runner was given: where commits come from. All its slots share it, and one fetch serves them all.

use std::sync::{Mutex, PoisonError};

use log::info;
use pontus_exec::{Git, GitError, Tracked};
use pontus_proto::CommitId;

use crate::attempt::Patience;

/// Where the branches of the origin are kept once they had to be fetched: never among the clone's own.
const FETCHED: &str = "refs/pontus/fetched";

/// A clone.
#[derive(Debug)]
pub struct Clone {
    git: Git,
    fetching: Mutex<()>,
}

impl Clone {
    /// The clone that `git` works in.
    pub fn new(git: Git) -> Clone {
        Clone { git, fetching: Mutex::new(()) }
    }

    /// What git tracks in the commit's `tests/`.
    ///
    /// # Errors
    /// One sentence for the verdict.
    pub fn tests_of(
        &self,
        commit: CommitId,
        patience: &Patience<'_>,
    ) -> Result<Vec<Tracked>, String> {
        let git = patience.give(self.git.clone());
        git.tracked(&commit.to_string(), "tests").map_err(|error| error.to_string())
    }

    /// Sees to it that the commit is in the clone: it is there, or is fetched by its id, or with all branches.
    ///
    /// # Errors
    /// One sentence for the verdict.
    pub fn bring(&self, commit: CommitId, patience: &Patience<'_>) -> Result<(), String> {
        let id = commit.to_string();
        let git = patience.give(self.git.clone());
        let is_here = || git.has_commit(&id).map_err(|error| error.to_string());
        if is_here()? {
            return Ok(());
        }
        // Whoever waits here finds what the one before it has fetched.
        let _turn = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if is_here()? {
            return Ok(());
        }
        info!("{commit}: fetching");
        let fetched = fetch(&git, &id);
        if is_here()? {
            return Ok(());
        }
        match fetched {
            Ok(()) => Err("no such commit at the origin".to_owned()),
            Err(error) => Err(format!("no such commit here, and {error}")),
        }
    }
}

/// The commit and, in the same breath, all branches: other slots are about to ask for what is on them. Not every server gives out
/// a commit by its id; its branches it always does.
fn fetch(git: &Git, id: &str) -> Result<(), GitError> {
    git.fetch_commit_and_heads(id, FETCHED).or_else(|_| git.fetch_heads(FETCHED))
}
