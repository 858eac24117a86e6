//! Leases: who holds which commit, and until when.

use pontus_proto::{Attempt, CommitId, InstanceId};

use super::{Lease, Scheduler};
use crate::config::{SessionId, Time};
use crate::planted::{self, Bug};
use crate::timers::Timer;

impl Scheduler {
    pub(crate) fn lend(&mut self, now: Time, id: CommitId, holder: InstanceId) {
        let expires = now.after(self.config.lease_ms);
        let ends = now.after(self.config.attempt_ms_max);
        let commit = self.commits.get_mut(&id).expect("a lease belongs to a commit");
        commit.lease = Some(Lease { holder, since: now, expires, ends });
        self.timers.set(expires, Timer::Lease(id));
    }

    pub(super) fn renew(&mut self, now: Time, id: CommitId) {
        let expires = now.after(self.config.lease_ms);
        self.change_lease(id, |lease| expires.min(lease.ends));
    }

    /// A whole lease for everybody, even where the attempt would have come to its end meanwhile.
    pub(super) fn renew_all(&mut self, now: Time) {
        let expires = now.after(self.config.lease_ms);
        let running = self.runners.values().filter_map(|runner| runner.testing);
        for id in running.collect::<Vec<_>>() {
            self.change_lease(id, |lease| {
                lease.ends = lease.ends.max(expires);
                expires
            });
        }
    }

    pub(crate) fn shorten(&mut self, latest: Time, id: CommitId) {
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
    pub(super) fn end_lease(&mut self, id: CommitId) -> Attempt {
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

    pub(super) fn holds(&self, session: SessionId, id: CommitId, attempt: Attempt) -> bool {
        if planted::has(Bug::NoFence) {
            return self.commits.contains_key(&id);
        }
        let lease = self.commits.get(&id).filter(|commit| commit.attempts == attempt.0);
        let holder = lease.and_then(|commit| commit.lease.as_ref()).map(|lease| &lease.holder);
        holder.is_some() && holder == self.sessions.get(&session)
    }
}
