//! A store: what a dispatcher remembers with, and what the next one finds. There is a model of it here; the dispatcher's own
//! tests bring theirs.

use std::collections::BTreeMap;

use pontus_proto::CommitId;
use pontus_scheduler::{Record, Stored, StoredState, Submission, Why};

use crate::ledger::RunId;

/// Facts are added to an open batch, which becomes durable as a whole or not at all.
pub trait Store: std::fmt::Debug {
    /// Adds a fact to the open batch; `run` is the one whose report came with its event.
    ///
    /// # Errors
    /// Why it is not taken, in words: the fact contradicts what is there.
    fn remember(&mut self, record: &Record, run: Option<RunId>) -> Result<(), String>;
    /// Makes the open batch durable.
    ///
    /// # Errors
    /// Why it cannot, in words. A disk that refuses is the world's doing, and asks nobody here.
    fn commit(&mut self) -> Result<(), String>;
    /// Forgets the open batch.
    fn roll_back(&mut self);
    /// The process is killed. The next one finds what is durable, and nothing of the open batch.
    fn crash(&mut self);
    /// The power fails while the open batch is made durable: `share` thousandths of it, less than all, have come to the disk.
    fn tear(&mut self, share: u16);
    /// What a scheduler goes on from, in the order of commits.
    fn stored(&self) -> Vec<Stored>;
    /// The same of one commit, the open batch included.
    fn stored_one(&self, commit: CommitId) -> Option<Stored>;
    /// Whether nothing is to be handed out.
    fn is_paused(&self) -> bool;
    /// The run by whose report a commit is decided; none where it is not, or without one.
    fn decided_by(&self, commit: CommitId) -> Option<RunId>;
}

/// What there is at one time.
#[derive(Debug, Clone, Default)]
struct Facts {
    commits: BTreeMap<CommitId, Stored>,
    decided_by: BTreeMap<CommitId, RunId>,
    is_paused: bool,
}

/// The simplest store that there can be.
#[derive(Debug, Default)]
pub struct Model {
    durable: Facts,
    /// The same with the open batch.
    open: Facts,
    batch: Vec<(Record, Option<RunId>)>,
}

impl Store for Model {
    fn remember(&mut self, record: &Record, run: Option<RunId>) -> Result<(), String> {
        self.batch.push((record.clone(), run));
        self.open.follow(record.clone(), run)
    }

    fn commit(&mut self) -> Result<(), String> {
        self.batch.drain(..).try_for_each(|(record, run)| self.durable.follow(record, run))
    }

    fn roll_back(&mut self) {
        self.batch.clear();
        self.open = self.durable.clone();
    }

    fn crash(&mut self) {
        self.roll_back();
    }

    fn tear(&mut self, _share: u16) {
        self.roll_back();
    }

    fn stored(&self) -> Vec<Stored> {
        self.durable.commits.values().cloned().collect()
    }

    fn stored_one(&self, commit: CommitId) -> Option<Stored> {
        self.open.commits.get(&commit).cloned()
    }

    fn is_paused(&self) -> bool {
        self.durable.is_paused
    }

    fn decided_by(&self, commit: CommitId) -> Option<RunId> {
        self.durable.decided_by.get(&commit).copied()
    }
}

impl Facts {
    fn follow(&mut self, record: Record, run: Option<RunId>) -> Result<(), String> {
        match record {
            Record::Submitted { submission, place } => {
                let new = queued(submission, place);
                let old = self.commits.insert(new.commit, new);
                return old.map_or(Ok(()), |_| Err("there is such a commit".to_owned()));
            }
            Record::Assigned { commit, attempt, runner, instance } => {
                let stored = self.one(commit)?;
                stored.attempts = attempt.0;
                stored.state = StoredState::Running { runner, instance };
            }
            Record::Lost { commit, .. } => {
                let stored = self.one(commit)?;
                (stored.state, stored.lost) = (StoredState::Queued, stored.lost + 1);
            }
            Record::GivenBack { commit, .. } => self.one(commit)?.state = StoredState::Queued,
            Record::Decided { commit, attempt, why } => {
                let reported = (why == Why::Report).then_some(attempt);
                self.one(commit)?.state = StoredState::Done { reported };
                self.decided_by.extend(reported.and(run).map(|run| (commit, run)));
            }
            Record::Retried { commit, place } => {
                let stored = self.one(commit)?;
                (stored.state, stored.place) = (StoredState::Queued, place);
                (stored.lost, stored.is_retried) = (0, true);
                self.decided_by.remove(&commit);
            }
            Record::Paused(is_paused) => self.is_paused = is_paused,
        }
        Ok(())
    }

    fn one(&mut self, commit: CommitId) -> Result<&mut Stored, String> {
        self.commits.get_mut(&commit).ok_or_else(|| "there is no such commit".to_owned())
    }
}

fn queued(submission: Submission, place: u64) -> Stored {
    let Submission { commit, project, branch, labels } = submission;
    let (attempts, lost, is_retried, state) = (0, 0, false, StoredState::Queued);
    Stored { commit, project, branch, labels, place, attempts, lost, is_retried, state }
}
