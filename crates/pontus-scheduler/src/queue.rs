//! Who waits for whom: the queued commits of one project, and its runners that have nothing to do.

use std::collections::{BTreeSet, VecDeque};

use pontus_proto::CommitId;

use crate::config::SessionId;

/// One project's queue. Between two steps at most one of its two sides has somebody in it.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// By place: a commit that lost its runner is as old as before.
    commits: BTreeSet<(u64, CommitId)>,
    /// Longest waiting first.
    runners: VecDeque<SessionId>,
}

impl Queue {
    pub(crate) fn add_commit(&mut self, place: u64, commit: CommitId) {
        self.commits.insert((place, commit));
    }

    pub(crate) fn add_runner(&mut self, session: SessionId) {
        self.runners.push_back(session);
    }

    pub(crate) fn remove_runner(&mut self, session: SessionId) {
        self.runners.retain(|waiting| *waiting != session);
    }

    /// The oldest commit and the runner that has waited longest, where there are both.
    pub(crate) fn take_pair(&mut self) -> Option<(CommitId, SessionId)> {
        let session = *self.runners.front()?;
        let (_, commit) = self.commits.pop_first()?;
        self.runners.pop_front();
        Some((commit, session))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.commits.is_empty() && self.runners.is_empty()
    }
}
