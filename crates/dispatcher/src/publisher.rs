//! The thread that publishes results, many at a time, so that no verdict waits behind another's disk.

use std::fs;
use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use log::{debug, error, info, warn};
use pontus_proto::CommitId;
use pontus_scheduler::Answer;

use crate::clock::wall_ms;
use crate::folder::Folder;
use crate::results::{self, Facts};
use crate::retention::Retention;

/// How long to wait before a result that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A result to publish, and what may be said once it is there.
#[derive(Debug)]
pub struct Job {
    /// What the result says.
    pub facts: Facts,
    /// Who waits for it.
    pub answers: Vec<(Sender<Answer>, Answer)>,
}

/// Publishes until nobody can send jobs any more.
///
/// A result that cannot be written keeps nobody waiting: its verdict is on the disk already and its output is made so, the
/// answers are given, and the file is tried again until it is there, or else at the next start.
pub fn run(folder: &Folder, jobs: &Receiver<Job>, mut retention: Retention) {
    let mut failed: Vec<Facts> = Vec::new();
    loop {
        let first = match next(jobs, patience(&failed, &retention)) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let arrived: Vec<Job> = first.into_iter().chain(jobs.try_iter()).collect();
        let (mut facts, answers): (Vec<_>, Vec<_>) =
            arrived.into_iter().map(|job| (job.facts, job.answers)).unzip();
        facts.iter().for_each(|facts| retention.add(facts.commit, facts.decided_ms));
        for commit in expired(&mut retention) {
            forget(folder, commit);
            facts.retain(|facts| facts.commit != commit);
            failed.retain(|facts| facts.commit != commit);
        }
        let again = publish_all(folder, std::mem::take(&mut failed), false);
        failed = publish_all(folder, facts, true);
        failed.extend(again);
        for (mailbox, answer) in answers.into_iter().flatten() {
            // A session that ended meanwhile has nobody to tell.
            mailbox.send(answer).ok();
        }
    }
}

/// How long the next job may let itself be waited for.
fn patience(failed: &[Facts], retention: &Retention) -> Option<Duration> {
    let retry = (!failed.is_empty()).then_some(RETRY);
    retry.into_iter().chain(retention.next_in(wall_ms())).min()
}

fn next(jobs: &Receiver<Job>, patience: Option<Duration>) -> Result<Job, RecvTimeoutError> {
    match patience {
        Some(patience) => jobs.recv_timeout(patience),
        None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

fn expired(retention: &mut Retention) -> Vec<CommitId> {
    let now_ms = wall_ms();
    std::iter::from_fn(|| retention.take_expired(now_ms)).collect()
}

/// Removes a result that is kept no longer.
fn forget(folder: &Folder, commit: CommitId) {
    match fs::remove_file(folder.result(commit)) {
        Ok(()) => debug!("{commit}: its result is kept no longer"),
        // It was not written yet, or somebody else removed it.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => warn!("cannot remove {}: {error}", folder.result(commit).display()),
    }
}

/// Publishes all of them with one sync of the folder. Returns those that could not be; `say` whether to log why.
fn publish_all(folder: &Folder, all: Vec<Facts>, say: bool) -> Vec<Facts> {
    let is_published = |facts: &Facts| match results::publish(folder, facts) {
        Ok(()) => true,
        Err(error) => {
            if say {
                let path = folder.result(facts.commit);
                error!("cannot write {}: {error}; trying until it can be", path.display());
                results::sync_output(folder, facts);
            }
            false
        }
    };
    let (published, failed): (Vec<_>, Vec<_>) = all.into_iter().partition(is_published);
    if published.is_empty() {
        return failed;
    }
    if let Err(error) = results::settle(folder) {
        error!("cannot sync {}: {error}", folder.results().display());
        // Their output is still there, so they can be published again.
        return published.into_iter().chain(failed).collect();
    }
    for facts in &published {
        results::forget_output(folder, facts);
        info!("{}: verdict {}", facts.commit, facts.verdict.word());
    }
    failed
}
