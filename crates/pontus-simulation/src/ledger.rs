//! The ledger: which runs of tests there really were, written by the runners and read by the checkers.

use pontus_proto::{Attempt, CommitId, InstanceId};

/// One run, by its place in the ledger. It stands for the report that came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId(pub usize);

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    Testing,
    Finished,
    /// Its runner died, or dropped it.
    GivenUp,
}

/// A run of a commit's tests.
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    pub commit: CommitId,
    pub attempt: Attempt,
    pub instance: InstanceId,
    /// How much it prints.
    pub output_bytes: u64,
    pub course: Course,
}

/// All runs, in the order in which they began.
#[derive(Debug, Default)]
pub struct Ledger(Vec<Run>);

impl Ledger {
    pub fn begin(&mut self, run: Run) -> RunId {
        self.0.push(run);
        RunId(self.0.len() - 1)
    }

    /// Whether somebody is testing the commit.
    pub fn is_tested(&self, commit: CommitId) -> bool {
        self.0.iter().any(|run| run.commit == commit && run.course == Course::Testing)
    }

    pub fn finish(&mut self, run: RunId) {
        self.0[run.0].course = Course::Finished;
    }

    /// Its tests end without a report, where they have not ended yet.
    pub fn give_up(&mut self, run: RunId) {
        let course = &mut self.0[run.0].course;
        if *course == Course::Testing {
            *course = Course::GivenUp;
        }
    }

    pub fn run(&self, run: RunId) -> &Run {
        &self.0[run.0]
    }
}
