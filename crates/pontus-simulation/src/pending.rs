//! What the scheduler has decided in this batch, and the disk does not know yet.

use std::collections::BTreeSet;

use pontus_proto::CommitId;
use pontus_scheduler::Record;

use crate::disk::{Disk, commit_of};

/// In the order of deciding.
#[derive(Debug, Default)]
pub struct Pending(Vec<Record>);

impl Pending {
    pub fn add(&mut self, record: &Record) {
        self.0.push(record.clone());
    }

    /// The batch is on disk.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether a commit has its verdict, in the scheduler's eyes; `None` where it knows no such commit.
    pub fn is_decided(&self, disk: &Disk, commit: CommitId) -> Option<bool> {
        let stored = disk.entry(commit).map(|entry| entry.verdict.is_some());
        let of_it = self.0.iter().filter(|record| commit_of(record) == Some(commit));
        of_it.fold(stored, |known, record| match record {
            Record::Submitted { .. } | Record::Retried { .. } => Some(false),
            Record::Decided { .. } => Some(true),
            _ => known,
        })
    }

    /// How many commits have no verdict, in the scheduler's eyes.
    pub fn undecided(&self, disk: &Disk) -> usize {
        let on_disk = disk.entries().map(|entry| entry.submission.commit);
        let commits: BTreeSet<_> = on_disk.chain(self.0.iter().filter_map(commit_of)).collect();
        let is_undecided = |commit: &&CommitId| self.is_decided(disk, **commit) == Some(false);
        commits.iter().filter(is_undecided).count()
    }

    pub fn is_retried(&self, id: CommitId) -> bool {
        let retried =
            |record: &Record| matches!(record, Record::Retried { commit, .. } if *commit == id);
        self.0.iter().any(retried)
    }

    pub fn is_paused(&self, disk: &Disk) -> bool {
        let paused = |record: &Record| match record {
            Record::Paused(paused) => Some(*paused),
            _ => None,
        };
        self.0.iter().rev().find_map(paused).unwrap_or_else(|| disk.is_paused())
    }
}
