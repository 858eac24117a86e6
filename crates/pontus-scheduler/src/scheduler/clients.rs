//! What observers and users ask.

use pontus_proto::{CommitId, RunnerName};

use super::{Commit, Effects, Scheduler};
use crate::config::{Policy, SessionId, Time};
use crate::event::{Answer, Effect, Record, Submission, Why};
#[cfg(feature = "planted")]
use crate::planted::{self, Bug};
use crate::restore::Stored;
use crate::timers::Timer;

impl Scheduler {
    pub(super) fn submitted(
        &mut self,
        now: Time,
        from: SessionId,
        submission: Submission,
        out: &mut Effects,
    ) {
        let commit = submission.commit;
        #[cfg(feature = "planted")]
        if planted::has(Bug::NoDeduplication) && self.decided.contains_key(&commit) {
            return self.submitted_again(now, from, submission, out);
        }
        if self.decided.contains_key(&commit) || self.commits.contains_key(&commit) {
            return out.push(Effect::Say(from, Answer::Accepted { commit, new: false }));
        }
        let outdated = self.outdated_by(&submission);
        let undecided_max = self.config.undecided_max;
        // What gives way makes room.
        if self.commits.len() - outdated.len() >= undecided_max {
            return out.push(Effect::Say(from, Answer::Full { undecided_max }));
        }
        let place = self.take_place();
        self.commits.insert(commit, Commit::new(&submission, place));
        out.push(Effect::Remember(Record::Submitted { submission, place }));
        for old in outdated {
            self.decide(old, Why::GaveWay(commit), out);
        }
        // A runner that is told at once has work to do; who handed it in has done its own.
        self.queue(now, commit, out);
        out.push(Effect::Say(from, Answer::Accepted { commit, new: true }));
    }

    /// The queued commits that need not be tested any more once this one is.
    fn outdated_by(&self, submission: &Submission) -> Vec<CommitId> {
        match (self.config.policy, &submission.branch) {
            (Policy::Newest, Some(branch)) => self.queues.outdated(&submission.project, branch),
            _ => Vec::new(),
        }
    }

    fn take_place(&mut self) -> u64 {
        let place = self.next_place;
        self.next_place += 1;
        place
    }

    /// A running commit is taken from its runner, which hears so at its next word.
    pub(super) fn cancelled(&mut self, from: SessionId, commit: CommitId, out: &mut Effects) {
        let answer = if self.commits.contains_key(&commit) {
            self.decide(commit, Why::Cancelled, out);
            Answer::Done
        } else if self.decided.contains_key(&commit) {
            Answer::Decided
        } else {
            Answer::Unknown
        };
        out.push(Effect::Say(from, answer));
    }

    /// It is the user's word, so it is taken even where as many commits as may be are without a verdict.
    pub(crate) fn retried(
        &mut self,
        now: Time,
        from: SessionId,
        id: CommitId,
        stored: Option<Stored>,
        out: &mut Effects,
    ) {
        if self.commits.contains_key(&id) {
            return out.push(Effect::Say(from, Answer::Undecided));
        }
        let Some((decided, stored)) = self.decided.get(&id).zip(stored) else {
            return out.push(Effect::Say(from, Answer::Unknown));
        };
        // Our own count, which no try can have outrun since the disk was asked.
        let attempts = decided.attempts;
        self.decided.remove(&id);
        let place = self.take_place();
        let commit = Commit {
            project: stored.project,
            branch: stored.branch,
            labels: stored.labels.into_iter().collect(),
            place,
            attempts,
            lost: 0,
            is_retried: true,
            lease: None,
        };
        self.commits.insert(id, commit);
        out.push(Effect::Remember(Record::Retried { commit: id, place }));
        out.push(Effect::Say(from, Answer::Done));
        self.queue(now, id, out);
    }

    /// A runner that waits leaves now, one that tests when it is ready again.
    pub(super) fn drained(&mut self, from: SessionId, name: &RunnerName, out: &mut Effects) {
        let runner = self.names.get(name).and_then(|instance| self.runners.get_mut(instance));
        let Some(runner) = runner else {
            return out.push(Effect::Say(from, Answer::Unknown));
        };
        runner.is_draining = true;
        let session = runner.session;
        out.push(Effect::Say(from, Answer::Done));
        if let Some(session) = session
            && self.stop_waiting(session)
        {
            out.push(Effect::Say(session, Answer::Leave));
        }
    }

    pub(super) fn paused(
        &mut self,
        now: Time,
        from: SessionId,
        is_paused: bool,
        out: &mut Effects,
    ) {
        let changes = self.is_paused != is_paused;
        self.is_paused = is_paused;
        if changes {
            out.push(Effect::Remember(Record::Paused(is_paused)));
        }
        out.push(Effect::Say(from, Answer::Done));
        if changes && !is_paused {
            for session in self.queues.runners() {
                self.serve(now, session, out);
            }
        }
    }

    pub(super) fn watched(
        &mut self,
        until: Time,
        from: SessionId,
        commit: CommitId,
        out: &mut Effects,
    ) {
        if self.commits.contains_key(&commit) {
            self.stop_watching(from);
            self.watches.add(from, commit, until);
            self.timers.set(until, Timer::Watch(from));
        } else {
            let is_decided = self.decided.contains_key(&commit);
            let answer = if is_decided { Answer::Decided } else { Answer::Unknown };
            out.push(Effect::Say(from, answer));
        }
    }

    pub(super) fn stop_watching(&mut self, session: SessionId) {
        if let Some(until) = self.watches.remove(session) {
            self.timers.cancel(until, Timer::Watch(session));
        }
    }
}
