//! The thread that publishes results, many at a time, so that no verdict waits behind another's disk. It is also the one
//! that removes what is kept no longer.

use std::collections::VecDeque;
use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Result;
use log::{debug, error, info, warn};
use pontus_proto::{Attempt, CommitId};
use pontus_scheduler::Answer;

use crate::clock::wall_ms;
use crate::exit::{self, DiskFailed};
use crate::folder::Folder;
use crate::mailbox::Address;
use crate::results::{self, Facts, NotPublished};
use crate::retention::Retention;
use crate::store::LazyReader;

/// How long to wait before results that could not be written are tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Jobs that are done together, with one sync of the folder. More would only make the first of them wait.
const BATCH_MAX: usize = 256;

/// Results that are made up for between two batches: whoever waits for an answer does not wait for more of them.
const SLICE_MAX: usize = 32;

/// What the publisher is to do.
#[derive(Debug)]
pub enum Job {
    /// A verdict is there.
    Publish(Box<Publication>),
    /// This may be said once what came before it is there.
    Say(Address, Answer),
    /// These have a verdict, and perhaps no result that says so.
    Repair(Vec<CommitId>),
    /// Nobody wants to know any more what this attempt has printed: the commit has another.
    Forget(CommitId, Attempt),
}

/// A result to publish, and what may be said once it is there.
#[derive(Debug)]
pub struct Publication {
    /// What the result says.
    pub facts: Facts,
    /// Who waits for it.
    pub answers: Vec<(Address, Answer)>,
    /// Is dropped when it is done.
    pub unwritten: Arc<()>,
}

/// What the thread works with.
#[derive(Debug)]
pub struct Publisher {
    folder: Arc<Folder>,
    retention: Retention,
    /// Results that are still to be written. What they say is read when their turn comes: it may be another verdict by then.
    pending: VecDeque<CommitId>,
    /// When the pending ones are next tried, after none of them could be written.
    rests_until: Option<Instant>,
    /// For the pending ones.
    reader: LazyReader,
}

impl Publisher {
    /// A publisher that has done nothing yet.
    pub fn new(folder: Arc<Folder>, retention: Retention, reader: LazyReader) -> Publisher {
        Publisher { folder, retention, pending: VecDeque::new(), rests_until: None, reader }
    }

    /// Publishes until nobody can send jobs any more.
    ///
    /// A result that cannot be written keeps nobody waiting: its verdict is on the disk already, and so is its output: the
    /// answers are given, and the file is tried again until it is there, or else at the next start.
    ///
    /// # Errors
    /// Where the disk cannot say whether it has what was written.
    pub fn run(mut self, jobs: &Receiver<Job>) -> Result<()> {
        loop {
            let first = match self.next(jobs) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            self.work(first.into_iter().chain(jobs.try_iter()).take(BATCH_MAX))?;
            if self.rests_until.is_none_or(|until| until <= Instant::now()) {
                self.catch_up()?;
            }
        }
    }

    fn next(&self, jobs: &Receiver<Job>) -> Result<Job, RecvTimeoutError> {
        match self.patience() {
            Some(patience) => jobs.recv_timeout(patience),
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// How long the next job may let itself be waited for.
    fn patience(&self) -> Option<Duration> {
        let rest = self.rests_until.map(|until| until.saturating_duration_since(Instant::now()));
        let retry = (!self.pending.is_empty()).then_some(rest.unwrap_or(Duration::ZERO));
        retry.into_iter().chain(self.retention.next_in(wall_ms())).min()
    }

    fn work(&mut self, jobs: impl Iterator<Item = Job>) -> Result<()> {
        let (mut all, mut answers, mut unwritten) = (Vec::new(), Vec::new(), Vec::new());
        let mut outlived = Vec::new();
        for job in jobs {
            match job {
                Job::Publish(publication) => {
                    let Publication { facts, answers: heard, unwritten: token } = *publication;
                    self.retention.add(facts.header.commit, facts.decided_ms);
                    // It may have been decided once more meanwhile: only the last word counts.
                    all.retain(|earlier: &Facts| earlier.header.commit != facts.header.commit);
                    all.push(facts);
                    answers.extend(heard);
                    unwritten.push(token);
                }
                Job::Say(mailbox, answer) => answers.push((mailbox, answer)),
                Job::Repair(commits) => self.pending.extend(commits),
                Job::Forget(commit, attempt) => outlived.push((commit, attempt)),
            }
        }
        self.expire();
        let failed = self.publish(all, true)?;
        self.pending.extend(failed);
        drop(unwritten);
        for (mailbox, answer) in answers {
            mailbox.say(answer);
        }
        for (commit, attempt) in outlived {
            // It may have printed nothing. What cannot be removed now is found at the next start.
            fs::remove_file(self.folder.output(commit, attempt)).ok();
        }
        Ok(())
    }

    /// Writes some of the pending results.
    fn catch_up(&mut self) -> Result<()> {
        let slice: Vec<_> = self.pending.drain(..self.pending.len().min(SLICE_MAX)).collect();
        let (mut facts, mut failed) = (Vec::new(), Vec::new());
        for commit in &slice {
            match self.facts(*commit) {
                Ok(found) => facts.extend(found),
                Err(error) => {
                    debug!("cannot publish yet: {error:#}");
                    failed.push(*commit);
                }
            }
        }
        let is_there = |facts: &Facts| results::is_of(&self.folder, facts);
        let (there, missing): (Vec<_>, Vec<_>) = facts.into_iter().partition(is_there);
        failed.extend(self.forget_outputs(&there)?);
        failed.extend(self.publish(missing, false)?);
        let none_was = !slice.is_empty() && failed.len() == slice.len();
        self.rests_until = none_was.then(|| Instant::now() + RETRY);
        self.pending.extend(failed);
        Ok(())
    }

    /// What the result of a commit is to say; none where there is no verdict any more.
    fn facts(&mut self, commit: CommitId) -> Result<Option<Facts>> {
        self.reader.of(&self.folder.database())?.facts(commit)
    }

    /// Removes the output of those whose results are there, once the names of these are durable. Returns those that have to wait.
    fn forget_outputs(&self, published: &[Facts]) -> Result<Vec<CommitId>> {
        if published.is_empty() {
            return Ok(Vec::new());
        }
        if let Err(error) = results::settle(&self.folder) {
            wait_or_fail(error, self.folder.results())?;
            return Ok(published.iter().map(|facts| facts.header.commit).collect());
        }
        published.iter().for_each(|facts| results::forget_output(&self.folder, facts));
        Ok(Vec::new())
    }

    /// Removes the results that are kept no longer.
    fn expire(&mut self) {
        let now_ms = wall_ms();
        while let Some(commit) = self.retention.take_expired(now_ms) {
            let path = self.folder.result(commit);
            debug!("{commit}: its result is kept no longer");
            match fs::remove_file(&path) {
                Ok(()) => {}
                // It was not written yet, or somebody else removed it.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => warn!("cannot remove {}: {error}", path.display()),
            }
        }
    }

    /// Publishes all of them with one sync of the folder. Returns those that could not be; `say` whether to log why.
    fn publish(&self, all: Vec<Facts>, say: bool) -> Result<Vec<CommitId>> {
        // A result that is kept no longer is not even begun.
        let (all, mut published): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|facts| self.retention.keeps(facts.header.commit));
        let mut failed = Vec::new();
        let results = results::publish(&self.folder, &all);
        for (facts, result) in all.into_iter().zip(results) {
            let path = self.folder.result(facts.header.commit);
            match result {
                Ok(()) => published.push(facts),
                Err(NotPublished::Unsynced(error)) => return Err(unsynced(error, &path)),
                Err(NotPublished::Refused(error)) => {
                    failed.push(facts.header.commit);
                    if say {
                        error!("cannot write {}: {error}; trying until it can be", path.display());
                    }
                }
            }
        }
        let waiting = self.forget_outputs(&published)?;
        if waiting.is_empty() {
            for facts in &published {
                info!("{}: verdict {}", facts.header.commit, facts.verdict.word());
            }
        }
        failed.extend(waiting);
        Ok(failed)
    }
}

/// The folder is full or gone, or there is no descriptor left, which may pass; or else the disk has failed.
///
/// # Errors
/// Where it has failed: then nothing can be relied on that was written to `path`.
pub fn wait_or_fail(error: std::io::Error, path: &std::path::Path) -> Result<()> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied => Ok(()),
        kind if exit::is_full_kind(kind) || exit::is_out_of_descriptors(&error) => Ok(()),
        _ => Err(unsynced(error, path)),
    }
}

fn unsynced(error: std::io::Error, path: &std::path::Path) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("cannot sync {}", path.display())).context(DiskFailed)
}
