//! The disk: what was remembered, folded to what a restart reads, with enough of its history for the checkers.

use std::collections::BTreeMap;

use pontus_proto::{Attempt, CommitId, InstanceId, RunnerName};
use pontus_scheduler::{Record, Stored, StoredState, Submission, Time, Why};

use crate::ledger::RunId;

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Running,
    Lost,
    GivenBack,
    Reported,
}

#[derive(Debug)]
pub struct Try {
    pub attempt: Attempt,
    pub runner: RunnerName,
    pub instance: InstanceId,
    pub since: Time,
    pub fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What a run said.
    Ran(Attempt, RunId),
    RunnersLost,
}

/// All that is known of one commit.
#[derive(Debug)]
pub struct Entry {
    pub submission: Submission,
    pub place: u64,
    pub tries: Vec<Try>,
    pub verdict: Option<Verdict>,
    pub is_published: bool,
}

impl Entry {
    pub fn running(&self) -> Option<&Try> {
        self.tries.last().filter(|last| last.fate == Fate::Running)
    }

    pub fn find(&self, attempt: Attempt) -> Option<&Try> {
        self.tries.iter().find(|found| found.attempt == attempt)
    }

    pub fn lost(&self) -> u32 {
        self.tries.iter().filter(|found| found.fate == Fate::Lost).count() as u32
    }

    fn end(&mut self, attempt: Attempt, fate: Fate) {
        if let Some(found) = self.tries.iter_mut().find(|found| found.attempt == attempt) {
            found.fate = fate;
        }
    }

    fn stored(&self) -> Stored {
        Stored {
            commit: self.submission.commit,
            project: self.submission.project.clone(),
            branch: self.submission.branch.clone(),
            labels: Vec::new(),
            is_retried: false,
            place: self.place,
            attempts: self.tries.last().map_or(0, |last| last.attempt.0),
            lost: self.lost(),
            state: self.state(),
        }
    }

    fn state(&self) -> StoredState {
        match (self.verdict, self.running()) {
            (Some(Verdict::Ran(attempt, _)), _) => StoredState::Done { reported: Some(attempt) },
            (Some(Verdict::RunnersLost), _) => StoredState::Done { reported: None },
            (None, Some(Try { runner, instance, .. })) => {
                StoredState::Running { runner: runner.clone(), instance: instance.clone() }
            }
            (None, None) => StoredState::Queued,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Disk(BTreeMap<CommitId, Entry>);

impl Disk {
    pub fn entry(&self, commit: CommitId) -> Option<&Entry> {
        self.0.get(&commit)
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.values()
    }

    /// Every try that has not ended, and its commit.
    pub fn running(&self) -> impl Iterator<Item = (CommitId, &Try)> {
        self.0.iter().filter_map(|(commit, entry)| Some((*commit, entry.running()?)))
    }

    pub fn stored(&self) -> Vec<Stored> {
        self.entries().map(Entry::stored).collect()
    }

    /// Makes a record durable; `run` is the report that came with its event.
    pub fn remember(&mut self, now: Time, record: Record, run: Option<RunId>) {
        if let Record::Submitted { submission, place } = record {
            let commit = submission.commit;
            let (tries, verdict, is_published) = (Vec::new(), None, false);
            self.0.insert(commit, Entry { submission, place, tries, verdict, is_published });
            return;
        }
        let entry = self.0.get_mut(&commit_of(&record)).expect("the checker knows the commit");
        match record {
            Record::Submitted { .. } | Record::Retried { .. } | Record::Paused(_) => {}
            Record::Assigned { attempt, runner, instance, .. } => {
                let fate = Fate::Running;
                entry.tries.push(Try { attempt, runner, instance, since: now, fate });
            }
            Record::Lost { attempt, .. } => entry.end(attempt, Fate::Lost),
            Record::GivenBack { attempt, .. } => entry.end(attempt, Fate::GivenBack),
            Record::Decided { attempt, why: Why::Report, .. } => {
                entry.end(attempt, Fate::Reported);
                entry.verdict = run.map(|run| Verdict::Ran(attempt, run));
            }
            Record::Decided { .. } => {
                entry.verdict = Some(Verdict::RunnersLost);
            }
        }
    }

    /// Writes a commit's result file. Doing so twice is harmless.
    pub fn publish(&mut self, commit: CommitId) {
        if let Some(entry) = self.0.get_mut(&commit) {
            entry.is_published = true;
        }
    }
}

pub fn commit_of(record: &Record) -> CommitId {
    match record {
        Record::Submitted { submission, .. } => submission.commit,
        Record::Paused(_) => unreachable!("nobody pauses"),
        Record::Retried { commit, .. }
        | Record::Assigned { commit, .. }
        | Record::Lost { commit, .. }
        | Record::GivenBack { commit, .. }
        | Record::Decided { commit, .. } => *commit,
    }
}
