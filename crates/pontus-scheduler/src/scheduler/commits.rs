//! A commit's way: queued, running, perhaps queued again, decided.

use pontus_proto::{Attempt, CommitId};

use super::{Decided, Effects, Scheduler};
use crate::config::{SessionId, Time};
use crate::event::{Answer, Effect, Record, Why};

/// Of a commit's tries, each whose number is a multiple of this counts as lost where it is given back. Each try is remembered, so
/// a runner that takes a commit only to give it back must come to an end some day; honest ones that have to leave never get there.
pub(super) const GIVE_BACKS_PER_LOSS: u32 = 100;

impl Scheduler {
    /// Queues a commit, at its place. Whoever waits for one like it is given it.
    pub(super) fn queue(&mut self, now: Time, id: CommitId, out: &mut Effects) {
        let commit = &self.commits[&id];
        self.queues.add_commit(id, commit);
        let runner = self.queues.runner_for(commit);
        if let Some(session) = runner.filter(|_| !self.is_paused) {
            self.assign(now, id, session, out);
        }
    }

    /// Gives a runner that waits the oldest commit that it may take, if there is one.
    pub(super) fn serve(&mut self, now: Time, session: SessionId, out: &mut Effects) {
        let runner = self.sessions.get(&session).and_then(|instance| self.runners.get(instance));
        let commit = runner.and_then(|runner| self.queues.commit_for(runner));
        if let Some(id) = commit.filter(|_| !self.is_paused) {
            self.assign(now, id, session, out);
        }
    }

    fn assign(&mut self, now: Time, id: CommitId, session: SessionId, out: &mut Effects) {
        self.stop_waiting(session);
        self.queues.remove_commit(id, &self.commits[&id]);
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

    pub(super) fn say_assigned(&self, session: SessionId, id: CommitId) -> Effect {
        let commit = &self.commits[&id];
        let attempt = Attempt(commit.attempts);
        Effect::Say(
            session,
            Answer::Assigned { commit: id, attempt, branch: commit.branch.clone() },
        )
    }

    /// A lease is over.
    pub(super) fn lose(&mut self, now: Time, id: CommitId, out: &mut Effects) {
        if self.count_lost(id, out) {
            self.queue(now, id, out);
        }
    }

    /// Says whether the commit is to be queued again. It has its verdict otherwise.
    fn count_lost(&mut self, id: CommitId, out: &mut Effects) -> bool {
        let attempt = self.end_lease(id);
        out.push(Effect::Remember(Record::Lost { commit: id, attempt }));
        let commit = self.commits.get_mut(&id).expect("a lease belongs to a commit");
        commit.lost += 1;
        let lost = commit.lost;
        let is_given_up = lost >= self.config.attempts_max;
        if is_given_up {
            self.decide(id, Why::RunnersLost(lost), out);
        }
        !is_given_up
    }

    /// Takes a commit from its runner, unharmed unless that has been done too often. Says whether it is to be queued again, which
    /// whoever takes it does once the runner has its answer.
    pub(super) fn take_back(&mut self, commit: CommitId, out: &mut Effects) -> bool {
        if self.commits[&commit].attempts.is_multiple_of(GIVE_BACKS_PER_LOSS) {
            return self.count_lost(commit, out);
        }
        let attempt = self.end_lease(commit);
        out.push(Effect::Remember(Record::GivenBack { commit, attempt }));
        true
    }

    /// A commit gets its verdict, whether it is queued or running, and all who wait for that hear of it.
    pub(super) fn decide(&mut self, id: CommitId, why: Why, out: &mut Effects) {
        let was_running = self.commits.get(&id).is_some_and(|commit| commit.lease.is_some());
        let newest = self.end_lease(id);
        // Whoever takes a queued commit back says nothing of what its earlier attempts were.
        let is_ours = matches!(why, Why::Cancelled | Why::GaveWay(_)) && !was_running;
        let attempt = if is_ours { Attempt(0) } else { newest };
        if let Some(commit) = self.commits.remove(&id) {
            self.queues.remove_commit(id, &commit);
        }
        let reported = (why == Why::Report).then_some(attempt);
        self.decided.insert(id, Decided { attempts: newest.0, reported });
        out.push(Effect::Remember(Record::Decided { commit: id, attempt, why }));
        out.push(Effect::Publish(id));
        for session in self.watches.of(id) {
            self.stop_watching(session);
            out.push(Effect::Say(session, Answer::Decided));
        }
    }
}
