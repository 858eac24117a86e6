//! The ledger: which runs of tests there really were, written by the runners and read by the checkers.

use pontus_proto::{Attempt, CommitId, InstanceId};

/// One run, by its place in the ledger. It stands for the report that came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId(usize);

/// A run of a commit's tests.
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    pub commit: CommitId,
    pub attempt: Attempt,
    pub instance: InstanceId,
    pub finished: bool,
}

/// All runs, in the order in which they began.
#[derive(Debug, Default)]
pub struct Ledger(Vec<Run>);

impl Ledger {
    pub fn begin(&mut self, commit: CommitId, attempt: Attempt, instance: InstanceId) -> RunId {
        self.0.push(Run { commit, attempt, instance, finished: false });
        RunId(self.0.len() - 1)
    }

    pub fn finish(&mut self, run: RunId) {
        self.0[run.0].finished = true;
    }

    pub fn run(&self, run: RunId) -> &Run {
        &self.0[run.0]
    }
}
