//! The clone that the runner was given: where commits come from. All its slots share it, and one fetch serves them all.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use log::{info, warn};
use pontus_exec::{Git, GitError};
use pontus_proto::CommitId;

use crate::attempt::Patience;

/// Where the branches of the origin are kept once they had to be fetched: never among the clone's own.
const FETCHED: &str = "refs/pontus/fetched";

/// The pauses between tries to reach the origin. Its server may be about to be restarted, or a name may not be found for a moment:
/// that is not worth a verdict that nobody can do anything with.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(7)];

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

    /// Sees to it that the commit is in the clone: it is there, or is fetched by its id, or with all branches. Git is asked whether
    /// it is there, unless it is certain that the clone `lacks` it. An origin that does not answer is asked again a few times.
    ///
    /// # Errors
    /// One sentence for the verdict.
    pub fn bring(
        &self,
        commit: CommitId,
        lacks: &dyn Fn() -> bool,
        patience: &Patience<'_>,
    ) -> Result<(), String> {
        for pause in PAUSES {
            match self.try_to_bring(commit, lacks, patience) {
                Err(miss) if miss.may_pass && !patience.is_over() => {
                    warn!("{commit}: {}; trying again in {pause:?}", miss.why);
                    patience.pause(pause);
                }
                result => return result.map_err(|miss| miss.why),
            }
        }
        self.try_to_bring(commit, lacks, patience).map_err(|miss| miss.why)
    }

    /// Fetches a commit that is in the clone, but without all that belongs to it.
    ///
    /// # Errors
    /// One sentence for the verdict.
    pub fn fetch_again(&self, commit: CommitId, patience: &Patience<'_>) -> Result<(), String> {
        let _turn = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        info!("{commit}: fetching again");
        let git = patience.give(self.git.clone());
        fetch(&git, &commit.to_string()).map(drop).map_err(|error| error.to_string())
    }

    fn try_to_bring(
        &self,
        commit: CommitId,
        lacks: &dyn Fn() -> bool,
        patience: &Patience<'_>,
    ) -> Result<(), Miss> {
        let id = commit.to_string();
        let git = patience.give(self.git.clone());
        let is_here = || git.has_commit(&id).map_err(|error| Miss::for_good(error.to_string()));
        // Whoever waits here finds what the one before it has fetched.
        let _turn = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if !lacks() && is_here()? {
            return Ok(());
        }
        info!("{commit}: fetching");
        match fetch(&git, &id) {
            Ok(Fetched::Commit) => Ok(()),
            Ok(Fetched::Branches) if is_here()? => Ok(()),
            Ok(Fetched::Branches) => Err(Miss::for_good("no such commit at the origin".to_owned())),
            Err(_) if is_here()? => Ok(()),
            Err(error) => Err(Miss::of_origin(&error)),
        }
    }
}

/// Why a commit could not be brought.
struct Miss {
    /// One sentence for the verdict.
    why: String,
    /// Whether another try may fare better.
    may_pass: bool,
}

impl Miss {
    fn for_good(why: String) -> Miss {
        Miss { why, may_pass: false }
    }

    /// Not even the origin's branches could be had, so it is not this commit that is missing there. Git's word for it is not
    /// looked at more closely: it is another one for each transport.
    fn of_origin(error: &GitError) -> Miss {
        let may_pass = matches!(error, GitError::Failed { .. });
        Miss { why: format!("no such commit here, and {error}"), may_pass }
    }
}

/// What came with a fetch that went well.
enum Fetched {
    /// The commit, among others.
    Commit,
    /// Some branches, perhaps with the commit on one of them.
    Branches,
}

/// The commit and, in the same breath, all branches: other slots are about to ask for what is on them. Not every server gives out
/// a commit by its id; its branches it always does.
fn fetch(git: &Git, id: &str) -> Result<Fetched, GitError> {
    let both = git.fetch_commit_and_heads(id, FETCHED).map(|()| Fetched::Commit);
    both.or_else(|_| git.fetch_heads(FETCHED).map(|()| Fetched::Branches))
}
