//! Bugs that are planted in the driver, to see that the checkers find them. The scheduler itself stays as it is.

use pontus_scheduler::{
    Answer, Config, Effect, Event, Scheduler, SessionId, Stored, StoredState, Time,
};

use crate::check::Check;
use crate::disk::Disk;
use crate::dispatcher::Deed;
use crate::world::all_labels;

/// What is wrong with the dispatcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A late report is taken for one of the attempt that is running.
    NoFence,
    /// Answers go out before what they say is on disk.
    AcknowledgeFirst,
    /// Running commits come back as if they had never been handed out.
    ForgetAtRestart,
    /// Our own absence is held against the runners.
    NoGrace,
    /// The scheduler never learns that a connection has ended.
    AssignToClosed,
    /// The result file is written before the verdict is on disk.
    PublishBeforeRemember,
    /// Whoever waits for a verdict hears of it before it is on disk.
    TellBeforeRemember,
    /// It is forgotten at a restart that we are paused.
    ForgetPause,
    /// A runner is taken to have labels that it has not.
    MakeUpLabels,
    /// It is forgotten at a restart how often a commit was tried that has its verdict.
    ForgetAttempts,
    /// It is forgotten at a restart that a user wanted a commit again.
    ForgetRetry,
    /// What the disk refused is taken to be there.
    IgnoreRefusal,
}

impl Bug {
    /// Each of them.
    pub const ALL: [Bug; 12] = [
        Bug::NoFence,
        Bug::AcknowledgeFirst,
        Bug::ForgetAtRestart,
        Bug::NoGrace,
        Bug::AssignToClosed,
        Bug::PublishBeforeRemember,
        Bug::TellBeforeRemember,
        Bug::ForgetPause,
        Bug::MakeUpLabels,
        Bug::ForgetAttempts,
        Bug::ForgetRetry,
        Bug::IgnoreRefusal,
    ];

    /// What the checkers say when the rule that is there for this bug finds it.
    pub fn breaks(self) -> &'static str {
        match self {
            Bug::NoFence => "the verdict of",
            Bug::AcknowledgeFirst => "is said, and the disk says otherwise",
            Bug::ForgetAtRestart => "has two leases",
            Bug::NoGrace => "is lost before",
            Bug::AssignToClosed => "which has no open question",
            Bug::PublishBeforeRemember => "is published without a verdict",
            Bug::TellBeforeRemember => "Decided is said, and the disk says otherwise",
            Bug::ForgetPause => "is handed out while paused",
            Bug::MakeUpLabels => "is not for",
            Bug::ForgetAttempts => "is not above those before",
            Bug::ForgetRetry => "gives way, and need not",
            Bug::IgnoreRefusal => "the disk says otherwise",
        }
    }

    /// The order in which effects are acted upon.
    pub fn reorder(self, deeds: &mut [Deed]) {
        let first: fn(&Deed) -> bool = match self {
            Bug::TellBeforeRemember => {
                |deed| matches!(deed, Deed::Say { answer: Answer::Decided, .. })
            }
            Bug::AcknowledgeFirst => |deed| matches!(deed, Deed::Say { .. }),
            Bug::PublishBeforeRemember => |deed| matches!(deed, Deed::Publish(_)),
            _ => return,
        };
        deeds.sort_by_key(|deed| !first(deed));
    }

    /// The scheduler after a restart, and what it did before anybody spoke to it.
    pub fn restore(
        self,
        config: Config,
        mut records: Vec<Stored>,
        paused: bool,
        now: Time,
    ) -> (Scheduler, Vec<Effect>) {
        records.iter_mut().for_each(|stored| self.forget(stored));
        let paused = paused && self != Bug::ForgetPause;
        // Without grace, the time that it was away has passed for it like any other.
        let before = Time(now.0 - config.lease_ms);
        let begins = if self == Bug::NoGrace { before } else { now };
        let mut scheduler = Scheduler::restore(config, records, paused, begins);
        let mut effects = Vec::new();
        while let Some(at) = scheduler.next_deadline().filter(|at| *at <= now) {
            effects.extend(scheduler.step(at, Event::Ticked));
        }
        (scheduler, effects)
    }

    fn forget(self, stored: &mut Stored) {
        match (self, &stored.state) {
            (Bug::ForgetAtRestart, StoredState::Running { .. }) => {
                (stored.state, stored.attempts) = (StoredState::Queued, 0);
            }
            (Bug::ForgetAttempts, StoredState::Done { .. }) => stored.attempts = 0,
            (Bug::ForgetRetry, _) => stored.is_retried = false,
            _ => {}
        }
    }

    /// An event as it reaches the scheduler.
    pub fn distort(self, event: Event) -> Event {
        match event {
            Event::Registered { session, name, instance, project, .. }
                if self == Bug::MakeUpLabels =>
            {
                Event::Registered { session, name, instance, project, labels: all_labels() }
            }
            _ => event,
        }
    }

    /// A report as it reaches the scheduler, and whom the answer to it will seem to be for.
    pub fn readdress(
        self,
        event: Event,
        check: &Check,
        disk: &Disk,
    ) -> (Event, Option<Readdressed>) {
        let Event::Reported { session, commit, .. } = event else { return (event, None) };
        let running = disk.entry(commit).and_then(|entry| entry.running());
        let holder = running.and_then(|found| Some((check.session(&found.instance)?, found)));
        match holder.filter(|_| self == Bug::NoFence) {
            Some((to, found)) => {
                let event = Event::Reported { session: to, commit, attempt: found.attempt };
                (event, Some(Readdressed { from: session, to }))
            }
            None => (event, None),
        }
    }
}

/// A report that was passed off as another's.
#[derive(Debug, Clone, Copy)]
pub struct Readdressed {
    from: SessionId,
    to: SessionId,
}

impl Readdressed {
    /// To whom the answer goes after all.
    pub fn back(self, to: SessionId, answer: &Answer) -> SessionId {
        let is_answer = matches!(answer, Answer::Recorded | Answer::Stale);
        if to == self.to && is_answer { self.from } else { to }
    }
}
