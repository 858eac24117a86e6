//! The disk as it should be: what was made durable, folded to what a restart should read, with enough of its history for the
//! checkers.

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
    /// Its commit got another verdict meanwhile.
    Dropped,
}

#[derive(Debug)]
pub struct Try {
    pub attempt: Attempt,
    pub runner: RunnerName,
    pub instance: InstanceId,
    pub since: Time,
    pub fate: Fate,
}

/// How far a commit's result file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    Not,
    InPart,
    Whole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What a run said.
    Ran(Attempt, RunId),
    /// What the dispatcher said, and why.
    Ours(Why),
}

/// All that is known of one commit.
#[derive(Debug)]
pub struct Entry {
    pub submission: Submission,
    pub place: u64,
    pub tries: Vec<Try>,
    /// How many tries were lost since the last retry.
    pub lost: u32,
    pub verdict: Option<Verdict>,
    /// When a user had it queued again.
    pub retried: Option<Time>,
    pub published: Published,
}

impl Entry {
    fn new(submission: Submission, place: u64) -> Entry {
        Entry {
            submission,
            place,
            tries: Vec::new(),
            lost: 0,
            verdict: None,
            retried: None,
            published: Published::Not,
        }
    }

    pub fn running(&self) -> Option<&Try> {
        self.tries.last().filter(|last| last.fate == Fate::Running)
    }

    pub fn is_queued(&self) -> bool {
        self.verdict.is_none() && self.running().is_none()
    }

    pub fn find(&self, attempt: Attempt) -> Option<&Try> {
        self.tries.iter().find(|found| found.attempt == attempt)
    }

    /// The number of the last try; 0 where there was none.
    pub fn last_attempt(&self) -> Attempt {
        self.tries.last().map_or(Attempt(0), |last| last.attempt)
    }

    fn end(&mut self, attempt: Attempt, fate: Fate) {
        if let Some(found) = self.tries.iter_mut().find(|found| found.attempt == attempt) {
            found.fate = fate;
        }
    }

    pub fn stored(&self) -> Stored {
        Stored {
            commit: self.submission.commit,
            project: self.submission.project.clone(),
            branch: self.submission.branch.clone(),
            labels: self.submission.labels.clone(),
            place: self.place,
            attempts: self.last_attempt().0,
            lost: self.lost,
            is_retried: self.retried.is_some(),
            state: self.state(),
        }
    }

    fn state(&self) -> StoredState {
        match (self.verdict, self.running()) {
            (Some(Verdict::Ran(attempt, _)), _) => StoredState::Done { reported: Some(attempt) },
            (Some(Verdict::Ours(_)), _) => StoredState::Done { reported: None },
            (None, Some(Try { runner, instance, .. })) => {
                StoredState::Running { runner: runner.clone(), instance: instance.clone() }
            }
            (None, None) => StoredState::Queued,
        }
    }

    fn follow(&mut self, now: Time, record: Record, run: Option<RunId>) {
        match record {
            Record::Submitted { .. } | Record::Paused(_) => {}
            Record::Assigned { attempt, runner, instance, .. } => {
                let fate = Fate::Running;
                self.tries.push(Try { attempt, runner, instance, since: now, fate });
            }
            Record::Lost { attempt, .. } => {
                self.end(attempt, Fate::Lost);
                self.lost += 1;
            }
            Record::GivenBack { attempt, .. } => self.end(attempt, Fate::GivenBack),
            Record::Decided { attempt, why: Why::Report, .. } => {
                self.end(attempt, Fate::Reported);
                self.verdict = run.map(|run| Verdict::Ran(attempt, run));
            }
            Record::Decided { attempt, why, .. } => {
                if self.running().is_some() {
                    self.end(attempt, Fate::Dropped);
                }
                self.verdict = Some(Verdict::Ours(why));
            }
            Record::Retried { place, .. } => {
                (self.place, self.retried, self.lost) = (place, Some(now), 0);
                (self.verdict, self.published) = (None, Published::Not);
            }
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Disk {
    commits: BTreeMap<CommitId, Entry>,
    is_paused: bool,
}

impl Disk {
    pub fn entry(&self, commit: CommitId) -> Option<&Entry> {
        self.commits.get(&commit)
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.commits.values()
    }

    pub fn queued(&self) -> impl Iterator<Item = &Entry> {
        self.entries().filter(|entry| entry.is_queued())
    }

    /// Every try that has not ended, and its commit.
    pub fn running(&self) -> impl Iterator<Item = (CommitId, &Try)> {
        self.commits.iter().filter_map(|(commit, entry)| Some((*commit, entry.running()?)))
    }

    /// Since when an attempt runs, or ran.
    pub fn since(&self, attempt: Option<(CommitId, Attempt)>) -> Option<Time> {
        let (commit, attempt) = attempt?;
        self.entry(commit)?.find(attempt).map(|found| found.since)
    }

    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    pub fn stored(&self) -> Vec<Stored> {
        self.entries().map(Entry::stored).collect()
    }

    /// Makes a record durable; `run` is the report that came with its event.
    pub fn remember(&mut self, now: Time, record: Record, run: Option<RunId>) {
        match record {
            Record::Submitted { submission, place } => {
                self.commits.insert(submission.commit, Entry::new(submission, place));
            }
            Record::Paused(is_paused) => self.is_paused = is_paused,
            _ => {
                let entry = commit_of(&record).and_then(|commit| self.commits.get_mut(&commit));
                entry.expect("the checker knows the commit").follow(now, record, run);
            }
        }
    }

    /// Writes a commit's result file, where it has its verdict. Doing so twice is harmless.
    pub fn publish(&mut self, commit: CommitId, published: Published) {
        if let Some(entry) = self.commits.get_mut(&commit).filter(|it| it.verdict.is_some()) {
            entry.published = published;
        }
    }
}

/// Which commit a record is about, where it is about one.
pub fn commit_of(record: &Record) -> Option<CommitId> {
    match record {
        Record::Submitted { submission, .. } => Some(submission.commit),
        Record::Assigned { commit, .. }
        | Record::Lost { commit, .. }
        | Record::GivenBack { commit, .. }
        | Record::Decided { commit, .. }
        | Record::Retried { commit, .. } => Some(*commit),
        Record::Paused(_) => None,
    }
}
