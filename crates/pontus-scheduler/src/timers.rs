//! What the scheduler waits for, earliest first.

use std::collections::BTreeSet;

use pontus_proto::CommitId;

use crate::config::{SessionId, Time};

/// Something that is due at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A runner that is ready wants an answer.
    Poll(SessionId),
    /// A client that waits for a verdict wants an answer.
    Watch(SessionId),
    /// A running commit's lease ends.
    Lease(CommitId),
}

/// All that is due, in order. Whoever changes a time cancels the old one.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Time, Timer)>);

impl Timers {
    pub(crate) fn set(&mut self, at: Time, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(crate) fn cancel(&mut self, at: Time, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    pub(crate) fn earliest(&self) -> Option<Time> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The earliest that is due, once.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Timer> {
        let due = self.earliest().is_some_and(|at| at <= now);
        if due { self.0.pop_first().map(|(_, timer)| timer) } else { None }
    }
}
