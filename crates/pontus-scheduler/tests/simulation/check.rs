//! The checkers: what must hold at every moment, whatever goes wrong. They judge by the disk, the ledger and the
//! questions alone, and know nothing of the scheduler's inside.

use std::collections::BTreeSet;

use pontus_proto::{Attempt, CommitId, InstanceId};
use pontus_scheduler::{Answer, Config, Event, Record, SessionId, Time, Why};

use crate::disk::{Disk, Entry, Fate, Try, Verdict, commit_of};
use crate::ledger::{Ledger, RunId};
use crate::questions::{Question, Questions};

/// The shortest absence of its own, in milliseconds, that the scheduler has to notice. It looks at the clock once a
/// second, and forgives one second's lateness as a busy machine's.
const ABSENCE_MS: u64 = 2_000;

/// A rule that does not hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken(pub String);

pub fn hold(rule: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if rule { Ok(()) } else { Err(Broken(what())) }
}

/// See the module.
#[derive(Debug)]
pub struct Check {
    config: Config,
    questions: Questions,
    /// Attempts that nobody heard of.
    unheard: BTreeSet<(CommitId, Attempt)>,
    started: Time,
    /// When a whole lease was last owed to everybody: at a start, or at the end of an absence.
    woke: Time,
    /// When the dispatcher last went on after any pause, however short.
    rested: Time,
}

impl Check {
    pub fn new(config: Config, now: Time) -> Check {
        let (questions, unheard) = (Questions::default(), BTreeSet::new());
        Check { config, questions, unheard, started: now, woke: now, rested: now }
    }

    /// The dispatcher is back with nothing but its disk.
    pub fn restarted(&mut self, now: Time) {
        *self = Check::new(self.config, now);
    }

    /// The dispatcher goes on after so many milliseconds in which it saw nothing.
    pub fn was_away(&mut self, now: Time, ms: u64) {
        self.rested = now;
        if ms > ABSENCE_MS {
            self.woke = now;
        }
    }

    pub fn heard(&mut self, now: Time, disk: &Disk, event: &Event) -> Result<(), Broken> {
        if let Event::Ended { session, unheard: true } = event {
            let theirs = |found: &Try| self.questions.session(&found.instance) == Some(*session);
            let unheard = disk.running().filter(|(_, found)| theirs(found));
            self.unheard.extend(unheard.map(|(commit, found)| (commit, found.attempt)));
        }
        self.questions.hear(now, event)
    }

    pub fn session(&self, instance: &InstanceId) -> Option<SessionId> {
        self.questions.session(instance)
    }

    /// The scheduler wants this said. What was asked has to be on the disk only when it is said.
    pub fn answers(
        &mut self,
        now: Time,
        disk: &Disk,
        session: SessionId,
        answer: &Answer,
    ) -> Result<Question, Broken> {
        let question = self.questions.answer(now, &self.config, session, answer)?;
        match (answer, subject(&question.event)) {
            (Answer::Kept, Some((commit, attempt))) => {
                // Nobody can beat for an attempt that he was not told of, so that it is on disk already.
                let is_holder = holder(disk, commit, attempt) == question.instance.as_ref();
                hold(is_holder, || format!("{commit:?}/{attempt} is kept for a stranger"))?;
            }
            (Answer::Stale, Some((commit, attempt))) => {
                let is_recorded = is_recorded(disk, commit, attempt);
                hold(!is_recorded, || format!("{commit:?}/{attempt} is recorded, and said stale"))?;
            }
            (Answer::Accepted { commit, new: true }, _) => {
                let is_new = disk.entry(*commit).is_none();
                hold(is_new, || format!("{commit:?} is known, and said to be new"))?;
            }
            _ => {}
        }
        Ok(question)
    }

    /// The answer goes out now: what it says is on disk.
    pub fn told(&self, disk: &Disk, question: &Question, answer: &Answer) -> Result<(), Broken> {
        let is_true = match (answer, subject(&question.event)) {
            (Answer::Accepted { commit, .. }, _) => disk.entry(*commit).is_some(),
            (Answer::Assigned { commit, attempt, .. }, _) => {
                let found = disk.entry(*commit).and_then(|entry| entry.find(*attempt));
                found.is_some_and(|found| Some(&found.instance) == question.instance.as_ref())
            }
            (Answer::Recorded, Some((commit, attempt))) => is_recorded(disk, commit, attempt),
            (Answer::Returned, Some((commit, attempt))) => {
                let found = disk.entry(commit).and_then(|entry| entry.find(attempt));
                found.is_some_and(|found| found.fate == Fate::GivenBack)
            }
            (Answer::Stale, Some((commit, attempt))) => {
                let holder = holder(disk, commit, attempt);
                holder.is_none() || holder != question.instance.as_ref()
            }
            _ => true,
        };
        hold(is_true, || format!("{answer:?} is said, and the disk says otherwise"))
    }

    /// A record becomes durable now.
    pub fn record(
        &self,
        now: Time,
        disk: &Disk,
        ledger: &Ledger,
        record: &Record,
        run: Option<RunId>,
    ) -> Result<(), Broken> {
        let commit = commit_of(record);
        let Some(entry) = disk.entry(commit) else { return is_first(disk, record) };
        hold(entry.verdict.is_none(), || {
            format!("{commit:?} has its verdict, and now {record:?}")
        })?;
        match record {
            Record::Paused(_)
            | Record::Retried { .. }
            | Record::Decided { why: Why::Cancelled | Why::GaveWay(_), .. } => Ok(()),
            Record::Submitted { .. } => Err(Broken(format!("{commit:?} is submitted twice"))),
            Record::Assigned { attempt, runner, instance, .. } => {
                let name = runner.as_str();
                self.may_be_assigned(disk, entry, *attempt, name, instance)
            }
            Record::Lost { attempt, .. } => {
                let running = still_running(entry, *attempt)?;
                let unheard = self.unheard.contains(&(commit, *attempt));
                hold(!unheard, || format!("{commit:?}/{attempt} is lost, and nobody had it"))?;
                let earliest = self.earliest_loss(running);
                hold(now >= earliest, || {
                    format!("{commit:?}/{attempt} is lost before {} ms", earliest.0)
                })
            }
            Record::GivenBack { attempt, .. } => still_running(entry, *attempt).map(drop),
            Record::Decided { attempt, why: Why::Report, .. } => {
                let running = still_running(entry, *attempt)?;
                was_run(ledger, commit, running, run)
            }
            Record::Decided { why: Why::RunnersLost(lost), .. } => {
                let spent = entry.lost() == *lost && *lost == self.config.attempts_max;
                hold(spent && entry.running().is_none(), || format!("{commit:?} is given up early"))
            }
        }
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
        let is_oldest = queued(disk).all(|other| {
            other.submission.project != entry.submission.project || other.place >= entry.place
        });
        hold(is_oldest, || format!("{commit:?} is not the oldest of its project"))?;
        let grows = entry.tries.last().is_none_or(|last| last.attempt < attempt);
        hold(grows, || format!("attempt {attempt} of {commit:?} is not above those before"))?;
        for (other, running) in disk.running() {
            hold(running.instance != *instance, || format!("{runner} holds {other:?} already"))?;
            let is_unique = running.runner.as_str() != runner;
            hold(is_unique, || format!("two runners are {runner}, one with {other:?}"))?;
        }
        let known = self.questions.runner(instance);
        let is_ours = known.is_some_and(|known| known.project == entry.submission.project);
        hold(is_ours, || format!("{commit:?} is not of the project of {runner}"))
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
    fn latest_loss(&self, running: &Try) -> Time {
        let Config { lease_ms, reconnect_grace_ms, attempt_ms_max, .. } = self.config;
        let known = self.questions.runner(&running.instance);
        let heard = known.map_or(running.since, |known| known.heard.max(running.since));
        let silent = heard.max(self.rested).after(lease_ms);
        let ended = known.and_then(|known| known.ended).filter(|ended| *ended > self.rested);
        let spent = running.since.max(self.started).after(attempt_ms_max);
        let gone = ended.map_or(silent, |ended| ended.after(reconnect_grace_ms));
        silent.min(gone).min(spent.max(self.rested.after(lease_ms)))
    }

    /// The dispatcher has looked, and sleeps until something comes or a deadline does.
    pub fn rests(&self, now: Time, disk: &Disk, wakes: Option<Time>) -> Result<(), Broken> {
        hold(wakes.is_none_or(|at| at > now), || {
            "the next deadline has passed already".to_owned()
        })?;
        self.questions.none_is_overdue(now, &self.config)?;
        queued(disk).try_for_each(|entry| {
            let waits = self.questions.waits(&entry.submission.project);
            hold(!waits, || format!("{:?} and a runner both wait", entry.submission.commit))
        })?;
        disk.running().try_for_each(|(commit, running)| {
            let overdue = now >= self.latest_loss(running);
            hold(!overdue, || format!("{commit:?}/{} is kept for too long", running.attempt))
        })
    }

    /// A result file is written now.
    pub fn published(&self, disk: &Disk, commit: CommitId) -> Result<(), Broken> {
        let is_decided = disk.entry(commit).is_some_and(|entry| entry.verdict.is_some());
        hold(is_decided, || format!("{commit:?} is published without a verdict on disk"))
    }
}

fn queued(disk: &Disk) -> impl Iterator<Item = &Entry> {
    disk.entries().filter(|entry| entry.verdict.is_none() && entry.running().is_none())
}

fn is_recorded(disk: &Disk, commit: CommitId, attempt: Attempt) -> bool {
    let verdict = disk.entry(commit).and_then(|entry| entry.verdict);
    matches!(verdict, Some(Verdict::Ran(by, _)) if by == attempt)
}

/// Whose an attempt is, while it is running.
fn holder(disk: &Disk, commit: CommitId, attempt: Attempt) -> Option<&InstanceId> {
    let running = disk.entry(commit)?.running()?;
    (running.attempt == attempt).then_some(&running.instance)
}

/// Which attempt a question is about.
fn subject(question: &Event) -> Option<(CommitId, Attempt)> {
    match question {
        Event::Beat { commit, attempt, .. }
        | Event::Reported { commit, attempt, .. }
        | Event::GaveBack { commit, attempt, .. } => Some((*commit, *attempt)),
        _ => None,
    }
}

fn is_first(disk: &Disk, record: &Record) -> Result<(), Broken> {
    let Record::Submitted { place, .. } = record else {
        return Err(Broken(format!("{record:?}, and the disk does not know the commit")));
    };
    let is_last = disk.entries().all(|entry| entry.place < *place);
    hold(is_last, || format!("place {place} is not behind all others"))
}

fn still_running(entry: &Entry, attempt: Attempt) -> Result<&Try, Broken> {
    let running = entry.running().filter(|running| running.attempt == attempt);
    let commit = entry.submission.commit;
    running.ok_or_else(|| Broken(format!("{commit:?}/{attempt} ends, and is not running")))
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
        run.finished
            && run.commit == commit
            && run.attempt == attempt
            && run.instance == running.instance
    });
    hold(is_true, || format!("the verdict of {commit:?}/{attempt} is that of {run:?}"))
}
