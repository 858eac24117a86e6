//! The checkers: what must hold at every moment, whatever goes wrong. They judge by the disk, the ledger and the
//! questions alone, and know nothing of the scheduler's inside.

use std::collections::BTreeSet;

use pontus_proto::{Attempt, CommitId, InstanceId};
use pontus_scheduler::{Answer, Config, Event, Record, SessionId, Time};

use crate::disk::{Disk, Entry, Fate, Try, Verdict};
use crate::pending::Pending;
use crate::questions::{Question, Questions};
use crate::roster::Roster;
use crate::words;

/// The shortest absence of its own, in milliseconds, that the scheduler has to notice. It looks at the clock once a
/// second, and forgives one second's lateness as a busy machine's.
const ABSENCE_MS: u64 = 2_000;

/// A rule that does not hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken(
    /// In words.
    pub String,
);

impl Broken {
    pub(crate) fn new(what: String) -> Broken {
        Broken(words::short(&what))
    }
}

pub fn hold(rule: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if rule { Ok(()) } else { Err(Broken::new(what())) }
}

/// See the module. What it asks of each record stands in `records`.
#[derive(Debug)]
pub struct Check {
    pub config: Config,
    pub questions: Questions,
    pub roster: Roster,
    pending: Pending,
    /// Commits that give way to one of this batch, and have not yet.
    pub outdated: BTreeSet<CommitId>,
    /// Attempts that nobody heard of.
    pub unheard: BTreeSet<(CommitId, Attempt)>,
    pub started: Time,
    /// When a whole lease was last owed to everybody: at a start, or at the end of an absence.
    pub woke: Time,
    /// When the dispatcher last went on after any pause, however short.
    pub rested: Time,
}

impl Check {
    /// The dispatcher begins with nothing but its disk.
    pub fn new(config: Config, now: Time, disk: &Disk) -> Check {
        Check {
            config,
            questions: Questions::default(),
            roster: Roster::restored(disk),
            pending: Pending::default(),
            outdated: BTreeSet::new(),
            unheard: BTreeSet::new(),
            started: now,
            woke: now,
            rested: now,
        }
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
        let speaker = event.session().and_then(|session| self.questions.instance(session));
        let is_strange = subject(event)
            .is_some_and(|(commit, attempt)| holder(disk, commit, attempt) != speaker);
        self.questions.hear(now, event, is_strange)?;
        self.sweep();
        Ok(())
    }

    pub fn session(&self, instance: &InstanceId) -> Option<SessionId> {
        self.questions.session(instance)
    }

    /// The scheduler wants this remembered.
    pub fn wants(&mut self, record: &Record) -> Result<(), Broken> {
        self.pending.add(record);
        self.roster.follow(record)?;
        self.sweep();
        Ok(())
    }

    fn sweep(&mut self) {
        let Check { roster, questions, .. } = self;
        roster.sweep(|instance| questions.session(instance).is_some());
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
        self.is_answer_of_users(disk, &question.event, answer)?;
        match (answer, subject(&question.event)) {
            (Answer::Kept, Some((commit, attempt))) => {
                // Nobody can beat for an attempt that he was not told of, so that it is on disk already.
                let is_holder = holder(disk, commit, attempt) == question.instance.as_ref();
                hold(is_holder, || format!("{commit:?}/{attempt} is kept for a stranger"))?;
            }
            (Answer::Stale, Some((commit, attempt))) => {
                // What is recorded cannot be given back, so that one hears no more than this.
                let gives_back = matches!(question.event, Event::GaveBack { .. });
                let is_recorded = !gives_back && is_recorded(disk, commit, attempt);
                let is_stale = !is_recorded || self.pending.is_retried(commit);
                hold(is_stale, || format!("{commit:?}/{attempt} is recorded, and said stale"))?;
            }
            (Answer::Accepted { commit, new: true }, _) => {
                let is_new = disk.entry(*commit).is_none();
                hold(is_new, || format!("{commit:?} is known, and said to be new"))?;
                let undecided = self.pending.undecided(disk);
                hold(undecided <= self.config.undecided_max, || {
                    format!("{commit:?} is accepted, and is one too many of {undecided}")
                })?;
            }
            (Answer::Full { undecided_max }, _) => {
                let undecided = self.pending.undecided(disk);
                hold(undecided >= *undecided_max, || {
                    format!("the queue is said to be full, of {undecided} commits")
                })?;
            }
            (Answer::Registered { runner }, _) => {
                if let Some(instance) = &question.instance {
                    self.roster.register(runner, instance);
                }
            }
            (Answer::Recorded, Some((commit, attempt))) => {
                let is_decided = self.pending.is_decided(disk, commit) == Some(true);
                hold(is_decided, || {
                    format!("{commit:?}/{attempt} counts no more, and is recorded")
                })?;
            }
            (Answer::Leave | Answer::Idle | Answer::Assigned { .. }, _) => {
                let instance = question.instance.as_ref();
                let is_drained = instance.is_some_and(|instance| self.roster.is_drained(instance));
                let leaves = *answer == Answer::Leave;
                hold(is_drained == leaves, || {
                    let drained = if is_drained { "drained" } else { "not drained" };
                    format!("{} is said to a runner that is {drained}", words::answer(answer))
                })?;
            }
            _ => {}
        }
        Ok(question)
    }

    /// What users hear is what the scheduler knows.
    fn is_answer_of_users(
        &mut self,
        disk: &Disk,
        question: &Event,
        answer: &Answer,
    ) -> Result<(), Broken> {
        let is_decided = |commit: &CommitId| self.pending.is_decided(disk, *commit);
        let is_true = match (question, answer) {
            (Event::Drained { runner, .. }, _) => {
                return self.roster.drain(runner, *answer == Answer::Done);
            }
            (Event::Paused { paused, .. }, _) => self.pending.is_paused(disk) == *paused,
            (
                Event::Cancelled { commit, .. }
                | Event::Retried { commit, .. }
                | Event::Watched { commit, .. },
                Answer::Unknown,
            ) => is_decided(commit).is_none(),
            (Event::Cancelled { commit, .. }, _) => is_decided(commit) == Some(true),
            (Event::Retried { commit, .. }, _) => is_decided(commit) == Some(false),
            (Event::Watched { commit, .. }, Answer::Decided) => is_decided(commit) == Some(true),
            (Event::Watched { commit, .. }, _) => is_decided(commit) == Some(false),
            _ => true,
        };
        hold(is_true, || {
            let question = words::event(question);
            format!("{} is not true, to {question}", words::answer(answer))
        })
    }

    /// The answer goes out now: what it says is on disk, or was until a user's retry that was asked for later.
    pub fn told(&self, disk: &Disk, question: &Question, answer: &Answer) -> Result<(), Broken> {
        let is_decided = |commit| {
            let is_decided =
                |entry: &Entry| entry.verdict.is_some() || entry.retried >= Some(question.asked);
            disk.entry(commit).is_some_and(is_decided)
        };
        let ended = |commit, attempt, fate| {
            let found = disk.entry(commit).and_then(|entry| entry.find(attempt));
            found.is_some_and(|found| found.fate == fate)
        };
        let is_true = match (answer, subject(&question.event)) {
            (Answer::Accepted { commit, .. }, _) => disk.entry(*commit).is_some(),
            (Answer::Assigned { commit, attempt, .. }, _) => {
                let found = disk.entry(*commit).and_then(|entry| entry.find(*attempt));
                found.is_some_and(|found| Some(&found.instance) == question.instance.as_ref())
            }
            (Answer::Recorded, Some((commit, attempt))) => ended(commit, attempt, Fate::Reported),
            (Answer::Returned, Some((commit, attempt))) => ended(commit, attempt, Fate::GivenBack),
            (Answer::Stale, Some((commit, attempt))) => {
                let holder = holder(disk, commit, attempt);
                holder.is_none() || holder != question.instance.as_ref()
            }
            (Answer::Decided | Answer::Done, None) => match question.event {
                Event::Watched { commit, .. } | Event::Cancelled { commit, .. } => {
                    is_decided(commit)
                }
                Event::Retried { commit, .. } => {
                    disk.entry(commit).is_some_and(|entry| entry.retried >= Some(question.asked))
                }
                _ => true,
            },
            _ => true,
        };
        hold(is_true, || {
            let question = words::event(&question.event);
            let answer = words::answer(answer);
            format!("\"{answer}\" is said to \"{question}\", and the disk says otherwise")
        })
    }

    /// The batch is on disk, all of it.
    pub fn committed(&mut self) -> Result<(), Broken> {
        self.pending.clear();
        hold(self.outdated.is_empty(), || format!("{:?} should give way", self.outdated))
    }

    /// The dispatcher has looked, and sleeps until something comes or a deadline does.
    pub fn rests(&self, now: Time, disk: &Disk, wakes: Option<Time>) -> Result<(), Broken> {
        hold(wakes.is_none_or(|at| at > now), || {
            "the next deadline has passed already".to_owned()
        })?;
        self.questions.none_is_overdue(now, &self.config)?;
        self.nobody_waits_in_vain(disk)?;
        disk.running().try_for_each(|(commit, running)| {
            let overdue = now >= self.latest_loss(running);
            hold(!overdue, || format!("{commit:?}/{} is kept for too long", running.attempt))
        })
    }

    /// No runner waits that could be told something, and no user.
    fn nobody_waits_in_vain(&self, disk: &Disk) -> Result<(), Broken> {
        for (question, runner) in self.questions.of_runners() {
            let is_drained =
                question.instance.as_ref().is_some_and(|it| self.roster.is_drained(it));
            hold(!is_drained, || format!("a runner that is drained waits: {runner:?}"))?;
            let fits = |entry: &&Entry| !disk.is_paused() && runner.may_test(&entry.submission);
            if let Some(entry) = disk.queued().find(fits) {
                let commit = entry.submission.commit;
                return Err(Broken::new(format!("{commit:?} and a runner both wait")));
            }
        }
        self.questions.watched().try_for_each(|commit| {
            let is_undecided = disk.entry(commit).is_some_and(|entry| entry.verdict.is_none());
            hold(is_undecided, || format!("a user waits for {commit:?}, which waits for nothing"))
        })
    }

    /// A result file is written now.
    pub fn published(&self, now: Time, disk: &Disk, commit: CommitId) -> Result<(), Broken> {
        // What is retried in the same batch has its verdict no more.
        let was_decided = |entry: &Entry| entry.verdict.is_some() || entry.retried == Some(now);
        hold(disk.entry(commit).is_some_and(was_decided), || {
            format!("{commit:?} is published without a verdict on disk")
        })
    }
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
pub fn subject(question: &Event) -> Option<(CommitId, Attempt)> {
    match question {
        Event::Beat { commit, attempt, .. }
        | Event::Reported { commit, attempt, .. }
        | Event::GaveBack { commit, attempt, .. } => Some((*commit, *attempt)),
        _ => None,
    }
}
