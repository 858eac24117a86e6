//! The simulation, over the real database: what it remembers is what the model of a disk does, also when the process is killed
//! or the power fails.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use pontus_proto::{CommitId, Counts, Report, Submission, Verdict};
use pontus_scheduler::{Record, Stored, Why};
use pontus_simulation::{Player, RunId};
use tempfile::TempDir;

use super::Store;
use super::files::beside;
use crate::engine::Enclosed;

/// How many seeds are played. Each of them has some sixty syncs.
const SEEDS: u64 = 200;

const PLAYER: Player = Player {
    store: Simulated::empty,
    command: "cargo test -p dispatcher the_named_seed -- --nocapture",
};

/// A database in a folder of its own, and each that comes after it in another.
#[derive(Debug)]
struct Simulated {
    folder: TempDir,
    restarts: u32,
    store: Store,
}

#[test]
fn seeds_hold_over_the_database() {
    for seed in 0..SEEDS {
        PLAYER.play(seed).unwrap_or_else(|story| panic!("{story}"));
    }
}

/// The seed that `PONTUS_SEED` names, with its whole trace.
#[test]
fn the_named_seed() {
    PLAYER.play_named().unwrap_or_else(|story| panic!("{story}"));
}

impl Simulated {
    fn empty() -> Box<dyn pontus_simulation::Store> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("0.db")).unwrap();
        Box::new(Simulated { folder, restarts: 0, store })
    }

    /// What lies on the disk at this moment, under the name of the next start.
    fn copied(&mut self) -> PathBuf {
        self.restarts += 1;
        let copy = self.folder.path().join(format!("{}.db", self.restarts));
        fs::copy(&self.store.path, &copy).unwrap();
        let [log, _] = beside(&self.store.path);
        let [log_copy, _] = beside(&copy);
        fs::copy(log, log_copy).unwrap();
        copy
    }

    /// The process is gone without having closed anything, and the next one opens what it left.
    fn reopen(&mut self, copy: &Path) {
        let old = std::mem::replace(&mut self.store, Store::open(copy).unwrap());
        let path = old.path.clone();
        drop(old);
        fs::remove_file(path).unwrap();
    }

    fn log_bytes(&self) -> u64 {
        let [log, _] = beside(&self.store.path);
        fs::metadata(log).unwrap().len()
    }
}

impl pontus_simulation::Store for Simulated {
    fn remember(&mut self, record: &Record, run: Option<RunId>) -> Result<(), String> {
        let taken = self.store.remember(record, &enclosed(record, run), 1_000);
        taken.map_err(|error| format!("{error:#}"))
    }

    fn commit(&mut self) -> Result<(), String> {
        self.store.commit().map_err(|error| format!("{error:#}"))
    }

    fn roll_back(&mut self) {
        self.store.roll_back();
    }

    fn crash(&mut self) {
        let copy = self.copied();
        self.reopen(&copy);
    }

    /// What a commit adds to the log is there in part. Where it begins the log anew, nothing of it is.
    fn tear(&mut self, share: u16) {
        let (before, bytes) = (self.copied(), self.log_bytes());
        self.store.commit().unwrap();
        let added = self.log_bytes() - bytes;
        if added == 0 {
            return self.reopen(&before);
        }
        let torn = self.copied();
        let [log, _] = beside(&torn);
        let left = bytes + added * u64::from(share) / 1_000;
        File::options().write(true).open(log).unwrap().set_len(left).unwrap();
        self.reopen(&torn);
    }

    fn stored(&self) -> Vec<Stored> {
        let mut stored = self.store.stored().unwrap();
        stored.sort_by_key(|stored| stored.commit);
        stored
    }

    fn stored_one(&self, commit: CommitId) -> Option<Stored> {
        self.store.stored_one(commit).unwrap()
    }

    fn is_paused(&self) -> bool {
        self.store.is_paused().unwrap()
    }

    fn decided_by(&self, commit: CommitId) -> Option<RunId> {
        let facts = self.store.facts(commit).unwrap()?;
        // Only a report says how much output there is, and ours say by it which run they are of.
        facts.output_bytes.map(|number| RunId(number as usize))
    }
}

/// What comes with the event of which `record` is made. A report says which run it is of in place of how much that has printed.
fn enclosed(record: &Record, run: Option<RunId>) -> Enclosed {
    match (record, run) {
        (Record::Submitted { submission, .. }, _) => {
            Enclosed::Submission(Box::new(submitted(submission)))
        }
        (Record::Decided { why: Why::Report, .. }, Some(RunId(number))) => {
            Enclosed::Report(Box::new(report(number as u64)))
        }
        _ => Enclosed::Nothing,
    }
}

fn submitted(submission: &pontus_scheduler::Submission) -> Submission {
    Submission {
        commit: submission.commit,
        project: submission.project.clone(),
        branch: submission.branch.clone(),
        previous: None,
        skipped: Vec::new(),
        skipped_unnamed: 0,
        labels: submission.labels.clone(),
        about: None,
    }
}

fn report(output_bytes: u64) -> Report {
    Report {
        verdict: Verdict::Passed,
        reason: None,
        counts: Counts::default(),
        duration_ms: 0,
        checked_out_ms: None,
        first_output_ms: None,
        output_bytes,
        units: Vec::new(),
    }
}
