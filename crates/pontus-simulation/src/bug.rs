//! Bugs that are planted in the driver, to see that the checkers find them. The scheduler itself stays as it is.

use pontus_scheduler::{
    Answer, Config, Effect, Event, Record, Scheduler, SessionId, Stored, StoredState, Time,
};

use crate::check::Check;
use crate::closed::closed;
use crate::disk::Disk;
use crate::dispatcher::Deed;
use crate::world::all_labels;

closed! {
    /// What is wrong with the dispatcher.
    Bug {
        NoFence = "a late report is taken for one of the attempt that is running",
        AcknowledgeFirst = "answers go out before what they say is on disk",
        ForgetAtRestart = "running commits come back as if they had never been handed out",
        ResultsInPlace = "a result is written where it is read, and not beside it",
        NoDeduplication = "a commit that is known is taken for a new one",
        NoGrace = "our own absence is held against the runners",
        AssignToClosed = "the scheduler never learns that a connection has ended",
        PublishBeforeRemember = "the result is written before the verdict is on disk",
        TellBeforeRemember = "whoever waits for a verdict hears of it before it is on disk",
        ForgetPause = "it is forgotten at a restart that we are paused",
        MakeUpLabels = "a runner is taken to have labels that it has not",
        ForgetAttempts = "it is forgotten at a restart how often a commit was tried that has its verdict",
        ForgetRetry = "it is forgotten at a restart that a user wanted a commit again",
        IgnoreRefusal = "what the disk refused is taken to be there",
        TakeShortReport = "a report counts though output of its run is missing",
        ShowBeforeRemember = "people are shown what is not on disk yet",
    }
}

impl Bug {
    /// Within so many seeds it has to be found: several times what it took when it was planted.
    pub fn budget(self) -> u64 {
        match self {
            Bug::NoFence => 1_000,
            Bug::ForgetPause | Bug::ForgetRetry | Bug::ResultsInPlace => 500,
            _ => 100,
        }
    }

    /// What the checkers say when the rule that is there for this bug finds it.
    pub fn breaks(self) -> &'static str {
        match self {
            Bug::NoFence => "the verdict of",
            Bug::AcknowledgeFirst => "and the disk says otherwise",
            Bug::ForgetAtRestart => "has two leases",
            Bug::NoGrace => "ms too early",
            Bug::AssignToClosed => "which has no open question",
            Bug::PublishBeforeRemember => "is published without a verdict",
            Bug::TellBeforeRemember => "\"decided\" is said to \"wait for",
            Bug::ForgetPause => "is handed out while paused",
            Bug::MakeUpLabels => "it is not for",
            Bug::ForgetAttempts => "is not above those before",
            Bug::ForgetRetry => "gives way, and need not",
            Bug::IgnoreRefusal => "and the disk says otherwise",
            Bug::ResultsInPlace => "is there in part",
            Bug::NoDeduplication => "is known, and said to be new",
            Bug::TakeShortReport => "bytes of its output",
            Bug::ShowBeforeRemember => "is shown, and",
        }
    }

    /// The order in which effects are acted upon.
    pub fn reorder(self, deeds: &mut Vec<Deed>) {
        let first: fn(&Deed) -> bool = match self {
            Bug::TellBeforeRemember => {
                |deed| matches!(deed, Deed::Say { answer: Answer::Decided, .. })
            }
            Bug::AcknowledgeFirst => |deed| matches!(deed, Deed::Say { .. }),
            Bug::PublishBeforeRemember => |deed| matches!(deed, Deed::Publish(_)),
            Bug::ShowBeforeRemember => |deed| matches!(deed, Deed::Tell { .. }),
            Bug::ResultsInPlace => return write_in_place(deeds),
            _ => return,
        };
        deeds.sort_by_key(|deed| !first(deed));
    }

    /// What is done in the scheduler's stead.
    pub fn takes_over(self, event: &Event, disk: &Disk) -> Option<Vec<Effect>> {
        let Event::Submitted { session, submission } = event else { return None };
        let commit = submission.commit;
        let place = disk.entries().map(|entry| entry.place).max()? + 1;
        disk.entry(commit).filter(|_| self == Bug::NoDeduplication)?;
        Some(vec![
            Effect::Remember(Record::Submitted { submission: submission.clone(), place }),
            Effect::Say(*session, Answer::Accepted { commit, new: true }),
        ])
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

/// Each result is begun where it is read, and then finished.
fn write_in_place(deeds: &mut Vec<Deed>) {
    for deed in std::mem::take(deeds) {
        if let Deed::Publish(commit) = deed {
            deeds.push(Deed::BeginResult(commit));
        }
        deeds.push(deed);
    }
}
