//! Brings the results folder to what the database says: at the start, and after somebody has removed it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use pontus_proto::{Attempt, CommitId};
use pontus_scheduler::{Stored, StoredState};

use crate::clock::wall_ms;
use crate::folder::{Folder, sync_folder};
use crate::retention::{Keep, Retention};
use crate::store::Store;

/// What is known of the results by then.
#[derive(Debug)]
pub struct Repaired {
    /// The commits that have a verdict and perhaps no result that says so. A file that is there is whole, but may be of a
    /// verdict before a retry.
    pub missing: Vec<CommitId>,
    /// Those that are kept.
    pub retention: Retention,
}

/// Removes what belongs to nothing any more: results that `keep` does not keep, output, and what was left half written.
///
/// # Errors
/// Where the folder or the database cannot be read.
pub fn repair(folder: &Folder, store: &Store, stored: &[Stored], keep: Keep) -> Result<Repaired> {
    let Found { expired, missing, retention } = find(folder, store, stored, keep)?;
    for commit in expired {
        fs::remove_file(folder.result(commit)).ok();
    }
    remove_output(folder, stored, &missing)?;
    folder.remember_boot();
    folder.remove_unfinished();
    Ok(Repaired { missing, retention })
}

/// The commits that have a verdict and perhaps no result that says so, while the dispatcher is at work: nothing is removed.
///
/// # Errors
/// Where the folder or the database cannot be read.
pub fn missing(
    folder: &Folder,
    store: &Store,
    stored: &[Stored],
    keep: Keep,
) -> Result<Vec<CommitId>> {
    find(folder, store, stored, keep).map(|found| found.missing)
}

/// What is there, and what is not.
struct Found {
    expired: Vec<CommitId>,
    missing: Vec<CommitId>,
    retention: Retention,
}

fn find(folder: &Folder, store: &Store, stored: &[Stored], keep: Keep) -> Result<Found> {
    let results = results_there(folder)?;
    let (mut retention, now_ms) = (retention(store, keep)?, wall_ms());
    let expired: BTreeSet<_> = std::iter::from_fn(|| retention.take_expired(now_ms)).collect();
    let is_done = |commit: &&Stored| matches!(commit.state, StoredState::Done { .. });
    let may_miss = |commit: &&Stored| commit.is_retried || !results.contains(&commit.commit);
    let kept = stored.iter().filter(is_done).filter(|commit| !expired.contains(&commit.commit));
    let missing = kept.filter(may_miss).map(|commit| commit.commit).collect();
    let expired = results.intersection(&expired).copied().collect();
    Ok(Found { expired, missing, retention })
}

fn retention(store: &Store, keep: Keep) -> Result<Retention> {
    let keeps_all = keep == Keep::default();
    Ok(Retention::of(keep, if keeps_all { Vec::new() } else { store.decided()? }))
}

/// Removes all output but that of running attempts, and what is to go into the `missing` results. Where the machine has been
/// started anew, that of running attempts goes, too: it was not synced yet, so it may have holes, and their runners have it.
fn remove_output(folder: &Folder, stored: &[Stored], missing: &[CommitId]) -> Result<()> {
    let outputs = outputs_there(folder)?;
    if outputs.is_empty() {
        return Ok(());
    }
    // What is in a result goes once the result's name is durable.
    let results = folder.results();
    sync_folder(results).with_context(|| format!("cannot sync {}", results.display()))?;
    let is_trusted = folder.is_of_this_boot();
    let is_running =
        |commit: &&Stored| is_trusted && matches!(commit.state, StoredState::Running { .. });
    let attempt = |commit: &Stored| (commit.commit, Attempt(commit.attempts));
    let running: BTreeMap<_, _> = stored.iter().filter(is_running).map(attempt).collect();
    let missing: BTreeSet<_> = missing.iter().collect();
    for (commit, attempt) in outputs {
        if running.get(&commit) != Some(&attempt) && !missing.contains(&commit) {
            fs::remove_file(folder.output(commit, attempt)).ok();
        }
    }
    Ok(())
}

fn results_there(folder: &Folder) -> Result<BTreeSet<CommitId>> {
    let path = folder.results();
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    let files = entries.flatten().filter(is_file);
    Ok(files.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

fn outputs_there(folder: &Folder) -> Result<Vec<(CommitId, Attempt)>> {
    let path = folder.outputs();
    let entries = fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let parse = |name: &str| {
        let (commit, attempt) = name.split_once('.')?;
        Some((commit.parse().ok()?, Attempt(attempt.parse().ok()?)))
    };
    Ok(entries.flatten().filter_map(|entry| parse(entry.file_name().to_str()?)).collect())
}
