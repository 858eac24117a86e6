//! The rules of the records: what may become durable, given what is durable already.

use pontus_proto::{Attempt, CommitId, InstanceId};
use pontus_scheduler::{Config, Policy, Record, Submission, Time, Why};

use crate::check::{Broken, Check, hold};
use crate::disk::{Disk, Entry, Try, commit_of};
use crate::ledger::{Course, Ledger, RunId};
use crate::words;

impl Check {
    /// A record becomes durable now.
    pub fn record(
        &mut self,
        now: Time,
        disk: &Disk,
        ledger: &Ledger,
        record: &Record,
        run: Option<RunId>,
    ) -> Result<(), Broken> {
        let Some(commit) = commit_of(record) else { return changes_something(disk, record) };
        let Some(entry) = disk.entry(commit) else { return self.is_first(disk, record) };
        if let Record::Retried { place, .. } = record {
            return may_be_retried(disk, entry, *place);
        }
        hold(entry.verdict.is_none(), || {
            format!("{commit:?} has its verdict, and now: {}", words::record(record))
        })?;
        match record {
            Record::Assigned { attempt, runner, instance, .. } => {
                let name = runner.as_str();
                self.may_be_assigned(disk, entry, *attempt, name, instance)
            }
            Record::Lost { attempt, .. } => self.may_be_lost(now, entry, *attempt),
            Record::GivenBack { attempt, .. } => still_running(entry, *attempt).map(drop),
            Record::Decided { attempt, why: Why::Report, .. } => {
                let running = still_running(entry, *attempt)?;
                was_run(ledger, commit, running, run)
            }
            Record::Decided { attempt, why, .. } => {
                // What is taken back from the queue blames none of its earlier tries.
                let is_queued = entry.running().is_none() && !matches!(why, Why::RunnersLost(_));
                let by = if is_queued { Attempt(0) } else { entry.last_attempt() };
                hold(*attempt == by, || format!("{commit:?} is decided by {attempt}, not {by}"))?;
                self.may_be_decided(disk, entry, *why)
            }
            Record::Submitted { .. } | Record::Retried { .. } | Record::Paused(_) => {
                let now = words::record(record);
                Err(Broken::new(format!("{commit:?} is known, and now: {now}")))
            }
        }
    }

    fn is_first(&mut self, disk: &Disk, record: &Record) -> Result<(), Broken> {
        let Record::Submitted { submission, place } = record else {
            let fact = words::record(record);
            return Err(Broken::new(format!("{fact}, and the disk does not know the commit")));
        };
        if self.config.policy == Policy::Newest {
            let gives_way = |entry: &&Entry| {
                entry.retried.is_none() && is_outdated_by(&entry.submission, submission)
            };
            let outdated = disk.queued().filter(gives_way);
            self.outdated.extend(outdated.map(|entry| entry.submission.commit));
        }
        is_last(disk, *place)
    }

    fn may_be_assigned(
        &self,
        disk: &Disk,
        entry: &Entry,
        attempt: Attempt,
        runner: &str,
        instance: &InstanceId,
    ) -> Result<(), Broken> {
        let commit = entry.submission.commit;
        hold(entry.running().is_none(), || format!("{commit:?} has two leases"))?;
        hold(!disk.is_paused(), || format!("{commit:?} is handed out while paused"))?;
        let grows = entry.last_attempt() < attempt;
        hold(grows, || format!("attempt {attempt} of {commit:?} is not above those before"))?;
        for (other, running) in disk.running() {
            hold(running.instance != *instance, || format!("{runner} holds {other:?} already"))?;
            let is_unique = running.runner.as_str() != runner;
            hold(is_unique, || format!("two runners are {runner}, one with {other:?}"))?;
        }
        let known = self.questions.runner(instance);
        let known = known.ok_or_else(|| Broken::new(format!("{runner} is nobody")))?;
        hold(known.may_test(&entry.submission), || {
            let (wanted, labels) = (words::submission(&entry.submission), known.labels());
            format!("it is not for {runner}, which has {}: {wanted}", words::listed(labels))
        })?;
        let mut older = disk.queued().filter(|other| other.place < entry.place);
        let is_oldest = !older.any(|other| known.may_test(&other.submission));
        hold(is_oldest, || format!("{commit:?} is not the oldest that {runner} may test"))
    }

    fn may_be_lost(&self, now: Time, entry: &Entry, attempt: Attempt) -> Result<(), Broken> {
        let commit = entry.submission.commit;
        let running = still_running(entry, attempt)?;
        let unheard = self.unheard.contains(&(commit, attempt));
        hold(!unheard, || format!("{commit:?}/{attempt} is lost, and nobody had it"))?;
        let earliest = self.earliest_loss(running);
        hold(now >= earliest, || {
            format!("{commit:?}/{attempt} is lost {} ms too early", earliest.0 - now.0)
        })
    }

    /// Where no report decides.
    fn may_be_decided(&mut self, disk: &Disk, entry: &Entry, why: Why) -> Result<(), Broken> {
        let commit = entry.submission.commit;
        match why {
            Why::Report | Why::Cancelled => Ok(()),
            Why::RunnersLost(lost) => {
                let spent = entry.lost == lost && lost == self.config.attempts_max;
                hold(spent && entry.running().is_none(), || format!("{commit:?} is given up early"))
            }
            Why::GaveWay(newer) => {
                let owed = self.outdated.remove(&commit);
                hold(owed, || format!("{commit:?} gives way, and need not"))?;
                let newer = disk.entry(newer);
                let is_newer = |newer: &Entry| {
                    newer.place > entry.place
                        && is_outdated_by(&entry.submission, &newer.submission)
                };
                hold(newer.is_some_and(is_newer), || {
                    format!("{commit:?} gives way to what is not newer")
                })
            }
        }
    }

    /// When a try may be given up: after a lease of silence, a grace without a connection, or at the longest time that
    /// an attempt may take; and never within a lease of a start or of an absence of our own.
    fn earliest_loss(&self, running: &Try) -> Time {
        let Config { lease_ms, reconnect_grace_ms, attempt_ms_max, .. } = self.config;
        let known = self.questions.runner(&running.instance);
        let heard = known.map_or(running.since, |known| known.heard.max(running.since));
        let silent = heard.max(self.woke).after(lease_ms);
        let ended = known.and_then(|known| known.ended).filter(|ended| *ended >= self.woke);
        let begun = running.since.max(self.woke);
        let spent = running.since.after(attempt_ms_max).max(begun.after(lease_ms));
        let gone = ended.map_or(silent, |ended| ended.after(reconnect_grace_ms));
        silent.min(gone).min(spent)
    }

    /// When a try must have been given up, if nothing more is heard of its runner, or whatever is.
    pub fn latest_loss(&self, running: &Try) -> Time {
        let Config { lease_ms, reconnect_grace_ms, attempt_ms_max, .. } = self.config;
        let known = self.questions.runner(&running.instance);
        let heard = known.map_or(running.since, |known| known.heard.max(running.since));
        let silent = heard.max(self.rested).after(lease_ms);
        let ended = known.and_then(|known| known.ended).filter(|ended| *ended > self.rested);
        let spent = running.since.max(self.started).after(attempt_ms_max);
        let gone = ended.map_or(silent, |ended| ended.after(reconnect_grace_ms));
        silent.min(gone).min(spent.max(self.rested.after(lease_ms)))
    }
}

fn changes_something(disk: &Disk, record: &Record) -> Result<(), Broken> {
    let changes = *record == Record::Paused(!disk.is_paused());
    hold(changes, || format!("it is {}, as it was", words::record(record)))
}

fn may_be_retried(disk: &Disk, entry: &Entry, place: u64) -> Result<(), Broken> {
    let commit = entry.submission.commit;
    hold(entry.verdict.is_some(), || format!("{commit:?} is retried without a verdict"))?;
    is_last(disk, place)
}

fn is_last(disk: &Disk, place: u64) -> Result<(), Broken> {
    let is_last = disk.entries().all(|entry| entry.place < place);
    hold(is_last, || format!("place {place} is not behind all others"))
}

fn is_outdated_by(old: &Submission, new: &Submission) -> bool {
    old.branch.is_some() && (&old.project, &old.branch) == (&new.project, &new.branch)
}

fn still_running(entry: &Entry, attempt: Attempt) -> Result<&Try, Broken> {
    let running = entry.running().filter(|running| running.attempt == attempt);
    let commit = entry.submission.commit;
    running.ok_or_else(|| Broken::new(format!("{commit:?}/{attempt} ends, and is not running")))
}

/// A verdict is what a run said that there was, of this attempt, to its end.
fn was_run(
    ledger: &Ledger,
    commit: CommitId,
    running: &Try,
    run: Option<RunId>,
) -> Result<(), Broken> {
    let attempt = running.attempt;
    let run = run.map(|run| ledger.run(run));
    let is_true = run.is_some_and(|run| {
        run.course == Course::Finished
            && run.commit == commit
            && run.attempt == attempt
            && run.instance == running.instance
    });
    hold(is_true, || {
        let ran = run.map_or_else(|| "no run".to_owned(), words::run);
        format!("the verdict of {commit:?}/{attempt} is that of {ran}")
    })
}
