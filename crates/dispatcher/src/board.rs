//! How far the running tests have come, as their runners last said: for whoever waits, and nobody decides by it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pontus_proto::{Attempt, CommitId, Progress};

/// What runners last said.
#[derive(Debug, Default)]
pub struct Board(Mutex<BTreeMap<CommitId, (Attempt, Progress)>>);

impl Board {
    /// Replaces what was said of a commit.
    pub fn post(&self, commit: CommitId, attempt: Attempt, progress: Progress) {
        self.entries().insert(commit, (attempt, progress));
    }

    /// Forgets what was said of an attempt.
    pub fn clear(&self, commit: CommitId, attempt: Attempt) {
        let mut entries = self.entries();
        if entries.get(&commit).is_some_and(|(said_of, _)| *said_of == attempt) {
            entries.remove(&commit);
        }
    }

    /// What was last said of a commit.
    pub fn read(&self, commit: CommitId) -> Option<Progress> {
        self.entries().get(&commit).map(|(_, progress)| progress.clone())
    }

    /// Each change is a single step, so a panic elsewhere leaves nothing half done.
    fn entries(&self) -> MutexGuard<'_, BTreeMap<CommitId, (Attempt, Progress)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
