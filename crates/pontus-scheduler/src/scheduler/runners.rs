//! What runners say, and how they come and go.

use pontus_proto::{Attempt, CommitId, HostName, InstanceId, ProjectName, RunnerName};

use super::{Effects, Runner, Scheduler, Waiting};
use crate::config::{SessionId, Time};
use crate::event::{Answer, Effect, Why};
use crate::planted::{self, Bug};
use crate::queue::Labels;
use crate::timers::Timer;

/// What a runner says of itself.
#[derive(Debug)]
pub(super) struct Introduction {
    pub(super) host: HostName,
    pub(super) project: ProjectName,
    pub(super) labels: Labels,
}

impl Scheduler {
    pub(super) fn registered(
        &mut self,
        now: Time,
        session: SessionId,
        instance: InstanceId,
        said: Introduction,
        out: &mut Effects,
    ) {
        // What it was before counts, also where this very connection was its own until now.
        let known = self.runners.get(&instance);
        let name = known.map(|runner| runner.name.clone());
        let testing = known.and_then(|runner| runner.testing);
        let is_draining = known.is_some_and(|runner| runner.is_draining);
        let old = known.and_then(|runner| runner.session);
        self.detach(session);
        let name = name.unwrap_or_else(|| self.free_name(&said.host));
        if let Some(old) = old
            && self.detach(old)
        {
            out.push(Effect::Say(old, Answer::Replaced));
        }
        let runner = Runner {
            name: name.clone(),
            project: said.project,
            labels: said.labels,
            session: Some(session),
            testing,
            waiting: None,
            heard: now,
            is_draining,
        };
        self.names.insert(name.clone(), instance.clone());
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
            .find(|name| !self.names.contains_key(name))
            .expect("there are fewer runners than numbers")
    }

    pub(super) fn ready(&mut self, now: Time, session: SessionId, out: &mut Effects) {
        let Some(runner) = self.runner_of(session) else {
            return out.push(Effect::Say(session, Answer::Unregistered));
        };
        match (runner.testing, runner.is_draining) {
            // It never heard of its commit: the answer was lost with a connection. The try is still the same.
            (Some(commit), false) => {
                self.renew(now, commit);
                out.push(self.say_assigned(session, commit));
            }
            // Nor did this one, and it is not told again.
            (Some(commit), true) => {
                let is_queued = self.take_back(commit, out);
                out.push(Effect::Say(session, Answer::Leave));
                if is_queued {
                    self.queue(now, commit, out);
                }
            }
            (None, true) => out.push(Effect::Say(session, Answer::Leave)),
            (None, false) => {
                self.wait(now, session);
                self.serve(now, session, out);
            }
        }
    }

    fn wait(&mut self, now: Time, session: SessionId) {
        let waiting = Waiting { turn: self.next_turn, until: now.after(self.config.poll_ms) };
        self.next_turn += 1;
        self.stop_waiting(session);
        let Some(instance) = self.sessions.get(&session) else { return };
        if let Some(runner) = self.runners.get_mut(instance) {
            runner.waiting = Some(waiting);
            self.queues.add_runner(session, runner, waiting.turn);
            self.timers.set(waiting.until, Timer::Poll(session));
        }
    }

    /// Says whether the session waited.
    pub(super) fn stop_waiting(&mut self, session: SessionId) -> bool {
        let Some(instance) = self.sessions.get(&session) else { return false };
        let Some(runner) = self.runners.get_mut(instance) else { return false };
        let Some(waiting) = runner.waiting.take() else { return false };
        self.queues.remove_runner(session, runner, waiting.turn);
        self.timers.cancel(waiting.until, Timer::Poll(session));
        true
    }

    pub(super) fn beat(
        &mut self,
        now: Time,
        from: SessionId,
        commit: CommitId,
        attempt: Attempt,
        out: &mut Effects,
    ) {
        let answer = if self.holds(from, commit, attempt) {
            self.renew(now, commit);
            Answer::Kept
        } else {
            self.recorded_or_stale(commit, attempt)
        };
        out.push(Effect::Say(from, answer));
    }

    pub(super) fn reported(
        &mut self,
        from: SessionId,
        commit: CommitId,
        attempt: Attempt,
        out: &mut Effects,
    ) {
        let answer = if self.holds(from, commit, attempt) {
            self.decide(commit, Why::Report, out);
            Answer::Recorded
        } else {
            self.recorded_or_stale(commit, attempt)
        };
        out.push(Effect::Say(from, answer));
    }

    /// What a runner learns of an attempt that it does not hold. Where its own report was recorded, only the answer to
    /// that was lost on its way.
    fn recorded_or_stale(&self, commit: CommitId, attempt: Attempt) -> Answer {
        let reported = self.decided.get(&commit).and_then(|decided| decided.reported);
        if reported == Some(attempt) { Answer::Recorded } else { Answer::Stale }
    }

    pub(super) fn gave_back(
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
        let is_queued = self.take_back(commit, out);
        out.push(Effect::Say(from, Answer::Returned));
        if is_queued {
            self.queue(now, commit, out);
        }
    }

    pub(super) fn ended(
        &mut self,
        now: Time,
        session: SessionId,
        unheard: bool,
        out: &mut Effects,
    ) {
        if planted::has(Bug::AssignToClosed) {
            return;
        }
        self.stop_watching(session);
        match self.runner_of(session).and_then(|runner| runner.testing) {
            Some(commit) if unheard => {
                let is_queued = self.take_back(commit, out);
                self.detach(session);
                if is_queued {
                    self.queue(now, commit, out);
                }
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

    pub(super) fn runner_of(&mut self, session: SessionId) -> Option<&mut Runner> {
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

    /// A runner is known for as long as it is connected or holds a commit; so is its name.
    pub(super) fn forget_if_gone(&mut self, instance: &InstanceId) {
        let gone = |runner: &Runner| runner.session.is_none() && runner.testing.is_none();
        if self.runners.get(instance).is_some_and(gone)
            && let Some(runner) = self.runners.remove(instance)
        {
            self.names.remove(&runner.name);
        }
    }
}
