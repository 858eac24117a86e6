//! Brings the results folder to what the database says: at the start, and after somebody has removed it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::mpsc::Sender;

use anyhow::{Context, Result};
use pontus_proto::{Attempt, CommitId};
use pontus_scheduler::{Stored, StoredState};

use crate::clock::wall_ms;
use crate::folder::Folder;
use crate::publisher::Job;
use crate::results;
use crate::retention::{Keep, Retention};
use crate::store::Store;

/// A verdict without its file gets it, and output that belongs to nothing any more is removed. A file that is there is
/// whole, so it is never written again, unless it is that of a verdict before a retry. Those that `keep` does not keep go.
///
/// # Errors
/// Where the folder or the database cannot be read.
pub fn repair(
    folder: &Folder,
    store: &Store,
    stored: &[Stored],
    keep: Keep,
    publisher: &Sender<Job>,
) -> Result<()> {
    let results = results_there(folder)?;
    let expired = expired(store, keep)?;
    for commit in results.intersection(&expired) {
        fs::remove_file(folder.result(*commit)).ok();
    }
    let mut wanted = BTreeSet::new();
    for commit in stored {
        match commit.state {
            StoredState::Done { .. } if expired.contains(&commit.commit) => {}
            StoredState::Done { .. } => {
                let is_there = results.contains(&commit.commit);
                if is_there && !commit.is_retried {
                    continue;
                }
                let Some(facts) = store.facts(commit.commit)? else { continue };
                if is_there && results::is_of(folder, &facts) {
                    continue;
                }
                wanted.insert((commit.commit, facts.attempt));
                let job = Job { facts, answers: Vec::new() };
                publisher.send(job).expect("the publisher lives until the engine drops its end");
            }
            StoredState::Running { .. } => {
                wanted.insert((commit.commit, Attempt(commit.attempts)));
            }
            StoredState::Queued => {}
        }
    }
    for (commit, attempt) in outputs_there(folder)? {
        if !wanted.contains(&(commit, attempt)) {
            fs::remove_file(folder.output(commit, attempt)).ok();
        }
    }
    Ok(())
}

/// The commits whose results are kept no longer.
fn expired(store: &Store, keep: Keep) -> Result<BTreeSet<CommitId>> {
    if keep == Keep::default() {
        return Ok(BTreeSet::new());
    }
    let (mut retention, now_ms) = (Retention::of(keep, store.decided()?), wall_ms());
    Ok(std::iter::from_fn(|| retention.take_expired(now_ms)).collect())
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
