//! The state machine: what is known of each commit and each runner, and what follows from an event.

use std::collections::{BTreeMap, BTreeSet};

use pontus_proto::{Attempt, BranchName, CommitId, HostName, InstanceId, ProjectName, RunnerName};

use crate::config::{ABSENCE_MS, Config, SessionId, Time};
use crate::event::{Answer, Effect, Event, Record, Submission, Why};
use crate::queue::Queue;
use crate::restore::{Stored, StoredState};
use crate::timers::{Timer, Timers};

/// Who tests what. See the crate's description.
#[derive(Debug)]
pub struct Scheduler {
    config: Config,
    /// Commits without a verdict.
    pub(crate) commits: BTreeMap<CommitId, Commit>,
    /// Commits with one, and the try whose report it is.
    decided: BTreeMap<CommitId, Option<Attempt>>,
    /// Runners that are connected or hold a commit.
    pub(crate) runners: BTreeMap<InstanceId, Runner>,
    /// Their names, each once.
    names: BTreeSet<RunnerName>,
    /// Which runner a connection belongs to.
    sessions: BTreeMap<SessionId, InstanceId>,
    queues: BTreeMap<ProjectName, Queue>,
    timers: Timers,
    next_place: u64,
    pub(crate) paused: bool,
    /// When it was last told anything.
    pub(crate) stepped: Time,
}

#[derive(Debug)]
pub(crate) struct Commit {
    project: ProjectName,
    branch: Option<BranchName>,
    place: u64,
    attempts: u32,
    lost: u32,
    pub(crate) lease: Option<Lease>,
}

#[derive(Debug)]
pub(crate) struct Lease {
    holder: InstanceId,
    expires: Time,
    /// No beat prolongs it beyond this.
    ends: Time,
}

#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) name: RunnerName,
    pub(crate) project: ProjectName,
    pub(crate) session: Option<SessionId>,
    pub(crate) testing: Option<CommitId>,
    /// Until when its `ready` wants an answer.
    waits_until: Option<Time>,
}

type Effects = Vec<Effect>;

impl Scheduler {
    pub(crate) fn new(config: Config, paused: bool, now: Time) -> Self {
        Scheduler {
            config,
            commits: BTreeMap::new(),
            decided: BTreeMap::new(),
            runners: BTreeMap::new(),
            names: BTreeSet::new(),
            sessions: BTreeMap::new(),
            queues: BTreeMap::new(),
            timers: Timers::default(),
            paused,
            next_place: 1,
            stepped: now,
        }
    }

    /// What follows from `event`. It cannot fail: a refusal is an answer.
    #[must_use]
    pub fn step(&mut self, now: Time, event: Event) -> Vec<Effect> {
        self.notice_absence(now);
        let mut effects = Effects::new();
        let out = &mut effects;
        match event {
            Event::Submitted { session, submission } => {
                self.submitted(now, session, submission, out)
            }
            Event::Registered { session, name, instance, project, .. } => {
                self.registered(now, session, &name, instance, project, out);
            }
            Event::Ready { session } => self.ready(now, session, out),
            Event::Beat { session, commit, attempt } => {
                let answer = self.beat(now, session, commit, attempt);
                out.push(Effect::Say(session, answer));
            }
            Event::Reported { session, commit, attempt } => {
                self.reported(session, commit, attempt, out);
            }
            Event::GaveBack { session, commit, attempt } => {
                self.gave_back(now, session, commit, attempt, out);
            }
            Event::Cancelled { session, .. }
            | Event::Retried { session, .. }
            | Event::Watched { session, .. }
            | Event::Drained { session, .. } => out.push(Effect::Say(session, Answer::Unknown)),
            Event::Paused { session, paused } => {
                self.paused = paused;
                out.push(Effect::Remember(Record::Paused(paused)));
                out.push(Effect::Say(session, Answer::Done));
            }
            Event::Ended { session, unheard } => self.ended(now, session, unheard, out),
            Event::Ticked => self.ticked(now, out),
        }
        effects
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

    fn submitted(&mut self, now: Time, from: SessionId, submission: Submission, out: &mut Effects) {
        let commit = submission.commit;
        let new = !self.decided.contains_key(&commit) && !self.commits.contains_key(&commit);
        let undecided_max = self.config.undecided_max;
        if new && self.commits.len() >= undecided_max {
            return out.push(Effect::Say(from, Answer::Full { undecided_max }));
        }
        if new {
            self.enqueue_new(&submission);
            let place = self.commits[&commit].place;
            out.push(Effect::Remember(Record::Submitted { submission, place }));
        }
        out.push(Effect::Say(from, Answer::Accepted { commit, new }));
        if new {
            let project = self.commits[&commit].project.clone();
            self.match_up(now, &project, out);
        }
    }

    fn enqueue_new(&mut self, submission: &Submission) {
        let place = self.next_place;
        self.next_place += 1;
        let commit = Commit {
            project: submission.project.clone(),
            branch: submission.branch.clone(),
            place,
            attempts: 0,
            lost: 0,
            lease: None,
        };
        self.commits.insert(submission.commit, commit);
        self.enqueue(submission.commit);
    }

    fn registered(
        &mut self,
        now: Time,
        session: SessionId,
        host: &HostName,
        instance: InstanceId,
        project: ProjectName,
        out: &mut Effects,
    ) {
        self.detach(session);
        let known = self.runners.get(&instance);
        let known = known.map(|runner| (runner.name.clone(), runner.testing, runner.session));
        let (name, testing, old) = known.unwrap_or_else(|| (self.free_name(host), None, None));
        if let Some(old) = old
            && self.detach(old)
        {
            out.push(Effect::Say(old, Answer::Replaced));
        }
        let runner = Runner {
            name: name.clone(),
            project,
            session: Some(session),
            testing,
            waits_until: None,
        };
        self.names.insert(name.clone());
        self.sessions.insert(session, instance.clone());
        self.runners.insert(instance, runner);
        if let Some(commit) = testing {
            self.renew(now, commit);
        }
        out.push(Effect::Say(session, Answer::Registered { runner: name }));
    }

    /// The lowest number of this host that nobody has.
    fn free_name(&self, host: &HostName) -> RunnerName {
        (1u32..)
            .map(|number| {
                let name = format!("{host}/{number}");
                name.parse().expect("a host's name with a number keeps to a runner's limits")
            })
            .find(|name| !self.names.contains(name))
            .expect("there are fewer runners than numbers")
    }

    fn ready(&mut self, now: Time, session: SessionId, out: &mut Effects) {
        let poll_ends = now.after(self.config.poll_ms);
        let Some(runner) = self.runner_of(session) else {
            return out.push(Effect::Say(session, Answer::Unregistered));
        };
        if let Some(commit) = runner.testing {
            // It never heard of its commit: the answer was lost with a connection. The try is still the same.
            self.renew(now, commit);
            return out.push(self.say_assigned(session, commit));
        }
        runner.waits_until = Some(poll_ends);
        let project = runner.project.clone();
        self.timers.set(poll_ends, Timer::Poll(session));
        self.queues.entry(project.clone()).or_default().add_runner(session);
        self.match_up(now, &project, out);
    }

    fn beat(&mut self, now: Time, from: SessionId, commit: CommitId, attempt: Attempt) -> Answer {
        if self.holds(from, commit, attempt) {
            self.renew(now, commit);
            return Answer::Kept;
        }
        self.recorded_or_stale(commit, attempt)
    }

    /// What a runner learns of an attempt that it does not hold. Where its own report was recorded, only the answer to
    /// that was lost on its way.
    fn recorded_or_stale(&self, commit: CommitId, attempt: Attempt) -> Answer {
        let is_recorded = self.decided.get(&commit) == Some(&Some(attempt));
        if is_recorded { Answer::Recorded } else { Answer::Stale }
    }

    fn reported(&mut self, from: SessionId, commit: CommitId, attempt: Attempt, out: &mut Effects) {
        let answer = if self.holds(from, commit, attempt) {
            self.decide(commit, Why::Report, out);
            Answer::Recorded
        } else {
            self.recorded_or_stale(commit, attempt)
        };
        out.push(Effect::Say(from, answer));
    }

    fn gave_back(
        &mut self,
        now: Time,
        from: SessionId,
        commit: CommitId,
        attempt: Attempt,
        out: &mut Effects,
    ) {
        if !self.holds(from, commit, attempt) {
            return out.push(Effect::Say(from, Answer::Stale));
        }
        self.take_back(commit, out);
        out.push(Effect::Say(from, Answer::Returned));
        self.requeue(now, commit, out);
    }

    fn ended(&mut self, now: Time, session: SessionId, unheard: bool, out: &mut Effects) {
        let Some(instance) = self.sessions.get(&session).cloned() else { return };
        let testing = self.runners.get(&instance).and_then(|runner| runner.testing);
        match testing {
            Some(commit) if unheard => {
                self.take_back(commit, out);
                self.detach(session);
                self.requeue(now, commit, out);
            }
            Some(commit) => {
                self.shorten(now.after(self.config.reconnect_grace_ms), commit);
                self.detach(session);
            }
            None => {
                self.detach(session);
            }
        }
    }

    fn ticked(&mut self, now: Time, out: &mut Effects) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Poll(session) => {
                    self.stop_waiting(session);
                    out.push(Effect::Say(session, Answer::Idle));
                }
                Timer::Lease(commit) => self.lose(now, commit, out),
            }
        }
    }

    /// Pairs queued commits of a project with its waiting runners for as long as there are both.
    fn match_up(&mut self, now: Time, project: &ProjectName, out: &mut Effects) {
        while let Some((commit, session)) = self.queues.get_mut(project).and_then(Queue::take_pair)
        {
            self.assign(now, commit, session, out);
        }
        self.forget_if_empty(project);
    }

    /// A queue is kept only while somebody is in it: projects are names that any peer may make up.
    fn forget_if_empty(&mut self, project: &ProjectName) {
        if self.queues.get(project).is_some_and(Queue::is_empty) {
            self.queues.remove(project);
        }
    }

    fn assign(&mut self, now: Time, id: CommitId, session: SessionId, out: &mut Effects) {
        self.stop_waiting(session);
        let holder = self.sessions[&session].clone();
        let runner = self.runners.get_mut(&holder).expect("a session belongs to a runner");
        runner.testing = Some(id);
        let name = runner.name.clone();
        let commit = self.commits.get_mut(&id).expect("a queued commit is known");
        commit.attempts += 1;
        let attempt = Attempt(commit.attempts);
        self.lend(now, id, holder.clone());
        out.push(Effect::Remember(Record::Assigned {
            commit: id,
            attempt,
            runner: name,
            instance: holder,
        }));
        out.push(self.say_assigned(session, id));
    }

    fn say_assigned(&self, session: SessionId, id: CommitId) -> Effect {
        let commit = &self.commits[&id];
        let attempt = Attempt(commit.attempts);
        Effect::Say(
            session,
            Answer::Assigned { commit: id, attempt, branch: commit.branch.clone() },
        )
    }

    fn lose(&mut self, now: Time, id: CommitId, out: &mut Effects) {
        let attempt = self.end_lease(id);
        out.push(Effect::Remember(Record::Lost { commit: id, attempt }));
        let commit = self.commits.get_mut(&id).expect("a lease belongs to a commit");
        commit.lost += 1;
        let lost = commit.lost;
        if lost >= self.config.attempts_max {
            self.decide(id, Why::RunnersLost(lost), out);
        } else {
            self.requeue(now, id, out);
        }
    }

    fn take_back(&mut self, commit: CommitId, out: &mut Effects) {
        let attempt = self.end_lease(commit);
        out.push(Effect::Remember(Record::GivenBack { commit, attempt }));
    }

    fn decide(&mut self, commit: CommitId, why: Why, out: &mut Effects) {
        let attempt = self.end_lease(commit);
        self.commits.remove(&commit);
        self.decided.insert(commit, (why == Why::Report).then_some(attempt));
        out.push(Effect::Remember(Record::Decided { commit, attempt, why }));
        out.push(Effect::Publish(commit));
    }

    fn requeue(&mut self, now: Time, commit: CommitId, out: &mut Effects) {
        self.enqueue(commit);
        let project = self.commits[&commit].project.clone();
        self.match_up(now, &project, out);
    }

    fn enqueue(&mut self, id: CommitId) {
        let commit = &self.commits[&id];
        self.queues.entry(commit.project.clone()).or_default().add_commit(commit.place, id);
    }

    fn lend(&mut self, now: Time, id: CommitId, holder: InstanceId) {
        let expires = now.after(self.config.lease_ms);
        let ends = now.after(self.config.attempt_ms_max);
        let commit = self.commits.get_mut(&id).expect("a lease belongs to a commit");
        commit.lease = Some(Lease { holder, expires, ends });
        self.timers.set(expires, Timer::Lease(id));
    }

    fn renew(&mut self, now: Time, id: CommitId) {
        let expires = now.after(self.config.lease_ms);
        self.change_lease(id, |lease| expires.min(lease.ends));
    }

    /// A whole lease for everybody, even where the attempt would have come to its end meanwhile.
    fn renew_all(&mut self, now: Time) {
        let expires = now.after(self.config.lease_ms);
        let running = self.commits.iter().filter(|(_, commit)| commit.lease.is_some());
        for id in running.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.change_lease(id, |lease| {
                lease.ends = lease.ends.max(expires);
                expires
            });
        }
    }

    fn shorten(&mut self, latest: Time, id: CommitId) {
        self.change_lease(id, |lease| lease.expires.min(latest));
    }

    fn change_lease(&mut self, id: CommitId, expires: impl FnOnce(&mut Lease) -> Time) {
        let commit = self.commits.get_mut(&id);
        let Some(lease) = commit.and_then(|commit| commit.lease.as_mut()) else { return };
        self.timers.cancel(lease.expires, Timer::Lease(id));
        lease.expires = expires(lease);
        self.timers.set(lease.expires, Timer::Lease(id));
    }

    /// Takes the commit from its runner, if it has one. Returns the try that ended, or the last one.
    fn end_lease(&mut self, id: CommitId) -> Attempt {
        let commit = self.commits.get_mut(&id).expect("a lease belongs to a commit");
        let attempt = Attempt(commit.attempts);
        let Some(lease) = commit.lease.take() else { return attempt };
        self.timers.cancel(lease.expires, Timer::Lease(id));
        if let Some(runner) = self.runners.get_mut(&lease.holder) {
            runner.testing = None;
        }
        self.forget_if_gone(&lease.holder);
        attempt
    }

    fn holds(&self, session: SessionId, id: CommitId, attempt: Attempt) -> bool {
        let lease = self.commits.get(&id).filter(|commit| commit.attempts == attempt.0);
        let holder = lease.and_then(|commit| commit.lease.as_ref()).map(|lease| &lease.holder);
        holder.is_some() && holder == self.sessions.get(&session)
    }

    fn runner_of(&mut self, session: SessionId) -> Option<&mut Runner> {
        self.runners.get_mut(self.sessions.get(&session)?)
    }

    /// Parts a connection from its runner. Says whether the runner was waiting for an answer on it.
    fn detach(&mut self, session: SessionId) -> bool {
        let was_waiting = self.stop_waiting(session);
        let Some(instance) = self.sessions.remove(&session) else { return false };
        if let Some(runner) = self.runners.get_mut(&instance) {
            runner.session = None;
        }
        self.forget_if_gone(&instance);
        was_waiting
    }

    fn stop_waiting(&mut self, session: SessionId) -> bool {
        let Some(runner) = self.runner_of(session) else { return false };
        let Some(until) = runner.waits_until.take() else { return false };
        let project = runner.project.clone();
        self.timers.cancel(until, Timer::Poll(session));
        if let Some(queue) = self.queues.get_mut(&project) {
            queue.remove_runner(session);
        }
        self.forget_if_empty(&project);
        true
    }

    /// A runner is known for as long as it is connected or holds a commit; so is its name.
    fn forget_if_gone(&mut self, instance: &InstanceId) {
        let gone = |runner: &Runner| runner.session.is_none() && runner.testing.is_none();
        if self.runners.get(instance).is_some_and(gone)
            && let Some(runner) = self.runners.remove(instance)
        {
            self.names.remove(&runner.name);
        }
    }

    pub(crate) fn restore_one(&mut self, stored: Stored, now: Time) {
        let Stored { commit: id, project, branch, place, attempts, lost, state, .. } = stored;
        self.next_place = self.next_place.max(place + 1);
        if let StoredState::Done { reported } = state {
            self.decided.insert(id, reported);
            return;
        }
        let commit =
            Commit { project: project.clone(), branch, place, attempts, lost, lease: None };
        self.commits.insert(id, commit);
        match state {
            StoredState::Running { runner: name, instance } => {
                self.names.insert(name.clone());
                let runner =
                    Runner { name, project, session: None, testing: Some(id), waits_until: None };
                self.runners.insert(instance.clone(), runner);
                self.lend(now, id, instance);
            }
            _ => self.enqueue(id),
        }
    }
}

#[cfg(test)]
mod tests;
