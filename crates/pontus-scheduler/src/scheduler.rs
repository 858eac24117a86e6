//! The state machine: what is known of each commit and each runner, and what follows from an event.

mod clients;
mod commits;
mod leases;
mod runners;

use std::collections::BTreeMap;

use pontus_proto::{Attempt, BranchName, CommitId, InstanceId, ProjectName, RunnerName};

use crate::config::{ABSENCE_MS, Config, SessionId, Time};
use crate::event::{Answer, Effect, Event, Submission};
use crate::queue::{Labels, Queues};
use crate::timers::{Timer, Timers};
use crate::watch::Watches;
use runners::Introduction;

/// Who tests what. See the crate's description.
#[derive(Debug)]
pub struct Scheduler {
    config: Config,
    /// Commits without a verdict.
    pub(crate) commits: BTreeMap<CommitId, Commit>,
    /// Commits with one.
    pub(crate) decided: BTreeMap<CommitId, Decided>,
    /// Runners that are connected or hold a commit.
    pub(crate) runners: BTreeMap<InstanceId, Runner>,
    /// The same by their names, of which no two are alike.
    pub(crate) names: BTreeMap<RunnerName, InstanceId>,
    /// Which runner a connection belongs to.
    sessions: BTreeMap<SessionId, InstanceId>,
    pub(crate) queues: Queues,
    watches: Watches,
    timers: Timers,
    /// Whether no commit is handed out, at a user's word.
    pub(crate) is_paused: bool,
    /// The next commit's place in the queue.
    pub(crate) next_place: u64,
    /// The turn of the next runner that waits.
    next_turn: u64,
    /// When it was last told anything.
    stepped: Time,
}

/// A commit without a verdict. It is running where it has a lease, and queued where it has none.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) project: ProjectName,
    pub(crate) branch: Option<BranchName>,
    pub(crate) labels: Labels,
    pub(crate) place: u64,
    pub(crate) attempts: u32,
    pub(crate) lost: u32,
    /// Whether a user had it queued again.
    pub(crate) is_retried: bool,
    pub(crate) lease: Option<Lease>,
}

/// What is kept of a commit that has its verdict.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) attempts: u32,
    /// The try whose report it is.
    pub(crate) reported: Option<Attempt>,
}

#[derive(Debug)]
pub(crate) struct Lease {
    holder: InstanceId,
    pub(crate) since: Time,
    expires: Time,
    /// No beat prolongs it beyond this.
    ends: Time,
}

#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) name: RunnerName,
    pub(crate) project: ProjectName,
    pub(crate) labels: Labels,
    pub(crate) session: Option<SessionId>,
    pub(crate) testing: Option<CommitId>,
    /// Where its `ready` wants an answer.
    pub(crate) waiting: Option<Waiting>,
    pub(crate) heard: Time,
    /// Whether a user wants it to leave. It is never given a commit then.
    pub(crate) is_draining: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    turn: u64,
    until: Time,
}

type Effects = Vec<Effect>;

impl Commit {
    fn new(submission: &Submission, place: u64) -> Commit {
        Commit {
            project: submission.project.clone(),
            branch: submission.branch.clone(),
            labels: submission.labels.iter().cloned().collect(),
            place,
            attempts: 0,
            lost: 0,
            is_retried: false,
            lease: None,
        }
    }

    /// The branch on which it may be outdated. A retried commit never is: it is queued by the user's own word.
    pub(crate) fn gives_way_on(&self) -> Option<&BranchName> {
        self.branch.as_ref().filter(|_| !self.is_retried)
    }
}

impl Scheduler {
    pub(crate) fn new(config: Config, is_paused: bool, now: Time) -> Self {
        Scheduler {
            config,
            commits: BTreeMap::new(),
            decided: BTreeMap::new(),
            runners: BTreeMap::new(),
            names: BTreeMap::new(),
            sessions: BTreeMap::new(),
            queues: Queues::default(),
            watches: Watches::default(),
            timers: Timers::default(),
            is_paused,
            next_place: 1,
            next_turn: 1,
            stepped: now,
        }
    }

    /// What follows from `event`. It cannot fail: a refusal is an answer.
    #[must_use]
    pub fn step(&mut self, now: Time, event: Event) -> Vec<Effect> {
        self.notice_absence(now);
        self.hear(now, &event);
        let mut effects = Effects::new();
        self.follow(now, event, &mut effects);
        effects
    }

    fn follow(&mut self, now: Time, event: Event, out: &mut Effects) {
        match event {
            Event::Submitted { session, submission } => {
                self.submitted(now, session, submission, out);
            }
            Event::Registered { session, name, instance, project, labels } => {
                let labels = labels.into_iter().collect();
                let said = Introduction { host: name, project, labels };
                self.registered(now, session, instance, said, out);
            }
            Event::Ready { session } => self.ready(now, session, out),
            Event::Beat { session, commit, attempt } => {
                self.beat(now, session, commit, attempt, out);
            }
            Event::Reported { session, commit, attempt } => {
                self.reported(session, commit, attempt, out);
            }
            Event::GaveBack { session, commit, attempt } => {
                self.gave_back(now, session, commit, attempt, out);
            }
            Event::Cancelled { session, commit } => self.cancelled(session, commit, out),
            Event::Retried { session, commit, stored } => {
                self.retried(now, session, commit, stored, out);
            }
            Event::Drained { session, runner } => self.drained(session, &runner, out),
            Event::Paused { session, paused } => self.paused(now, session, paused, out),
            Event::Watched { session, commit, wait_ms } => {
                let until = now.after(wait_ms.min(self.config.poll_ms));
                self.watched(until, session, commit, out);
            }
            Event::Ended { session, unheard } => self.ended(now, session, unheard, out),
            Event::Ticked => self.ticked(now, out),
        }
    }

    /// When the scheduler wants an [`Event::Ticked`]: when something is due, and once in `ABSENCE_MS` while anything
    /// will be. Without the latter, an absence that ends just before a deadline could not be told from a runner's silence.
    pub fn next_deadline(&self) -> Option<Time> {
        let due = self.timers.earliest()?;
        Some(due.min(self.stepped.after(ABSENCE_MS)))
    }

    /// Where we were away ourselves, what our runners said meanwhile is still on its way to us.
    fn notice_absence(&mut self, now: Time) {
        if self.next_deadline().is_some_and(|at| now > at.after(ABSENCE_MS)) {
            self.renew_all(now);
        }
        self.stepped = now;
    }

    /// Whatever a runner says is a sign of life; that its connection has ended is none.
    fn hear(&mut self, now: Time, event: &Event) {
        let speaker = event.session().filter(|_| !matches!(event, Event::Ended { .. }));
        if let Some(runner) = speaker.and_then(|session| self.runner_of(session)) {
            runner.heard = now;
        }
    }

    fn ticked(&mut self, now: Time, out: &mut Effects) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Poll(session) => {
                    self.stop_waiting(session);
                    out.push(Effect::Say(session, Answer::Idle));
                }
                Timer::Watch(session) => {
                    self.stop_watching(session);
                    out.push(Effect::Say(session, Answer::Idle));
                }
                Timer::Lease(commit) => self.lose(now, commit, out),
            }
        }
    }
}

#[cfg(test)]
mod tests;
