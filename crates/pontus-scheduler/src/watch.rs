//! Who waits for which verdict.

use std::collections::{BTreeMap, BTreeSet};

use pontus_proto::CommitId;

use crate::config::{SessionId, Time};

/// The clients that wait, each for one commit at a time and until a time.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    until: BTreeMap<SessionId, (CommitId, Time)>,
    /// The same, to find all who wait for one commit.
    of_commits: BTreeSet<(CommitId, SessionId)>,
}

impl Watches {
    pub(crate) fn add(&mut self, session: SessionId, commit: CommitId, until: Time) {
        self.until.insert(session, (commit, until));
        self.of_commits.insert((commit, session));
    }

    /// Until when the session would have waited, where it did.
    pub(crate) fn remove(&mut self, session: SessionId) -> Option<Time> {
        let (commit, until) = self.until.remove(&session)?;
        self.of_commits.remove(&(commit, session));
        Some(until)
    }

    pub(crate) fn of(&self, commit: CommitId) -> Vec<SessionId> {
        let all = (commit, SessionId(0))..=(commit, SessionId(u64::MAX));
        self.of_commits.range(all).map(|(_, session)| *session).collect()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.until.is_empty() && self.of_commits.is_empty()
    }
}
