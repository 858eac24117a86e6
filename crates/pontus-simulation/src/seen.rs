//! What was seen: proof that the runs together met every fault, every record, every answer, and the branches of interest.

use std::collections::BTreeMap;

use pontus_scheduler::{Answer, Event, Record, Time, WaitsFor, Why};

use crate::closed::closed;
use crate::faults::Fault;
use crate::network::{Reply, Request};
use crate::questions::Question;

/// Something that happens sometimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sometimes {
    /// Something went wrong.
    Fault(Fault),
    /// Something went as it should, or was dealt with.
    Case(Case),
}

closed! {
    /// Each record, each answer to each question that it may answer, and each way that is to be gone by somebody.
    Case {
        Queued = "record: queued",
        Assigned = "record: assigned",
        LostSilent = "record: lost, after a lease of silence",
        LostGone = "record: lost, after the grace of an ended connection",
        LostSpent = "record: lost, at the end of what an attempt may take",
        GivenBack = "record: given back",
        DecidedByReport = "record: decided by a report",
        DecidedByReportAfterRestart = "record: decided by a report of an attempt that began before a restart",
        DecidedByLoss = "record: decided by lost runners",
        DecidedByCancelQueued = "record: cancelled while queued",
        DecidedByCancelRunning = "record: cancelled while running",
        DecidedByGivingWay = "record: decided by giving way",
        Retried = "record: retried",
        Paused = "record: paused",
        Resumed = "record: resumed",
        AcceptedNew = "answer: accepted, new",
        AcceptedKnown = "answer: accepted, known",
        Full = "answer: full",
        Registered = "answer: registered",
        AssignedFirst = "answer: assigned",
        AssignedAgain = "answer: assigned, the same try once more",
        IdleToRunner = "answer: idle, to a runner",
        IdleToWatch = "answer: idle, to a watch",
        Kept = "answer: kept",
        KeptAfterRestart = "answer: kept, of an attempt that began before a restart",
        RecordedToReport = "answer: recorded, to a report",
        RecordedToBeat = "answer: recorded, to a beat",
        Returned = "answer: returned",
        StaleToBeat = "answer: stale, to a beat",
        StaleToReport = "answer: stale, to a report",
        StaleToGiveBack = "answer: stale, to a give back",
        Unregistered = "answer: unregistered",
        Replaced = "answer: replaced",
        LeaveAtOnce = "answer: leave, to one that comes back for more",
        LeaveWhileWaiting = "answer: leave, to one that was waiting",
        DoneToCancel = "answer: done, to a cancel",
        DoneToRetry = "answer: done, to a retry",
        DoneToDrain = "answer: done, to a drain",
        DoneToPause = "answer: done, to a pause",
        DoneToResume = "answer: done, to a resume",
        UnknownToCancel = "answer: unknown, to a cancel",
        UnknownToRetry = "answer: unknown, to a retry",
        UnknownToDrain = "answer: unknown, to a drain",
        UnknownToWatch = "answer: unknown, to a watch",
        Undecided = "answer: undecided",
        DecidedToCancel = "answer: decided, to a cancel",
        DecidedToWatchAtOnce = "answer: decided, to a watch, at once",
        DecidedToWatch = "answer: decided, to a watch, after a while",
        OutputKept = "session: output is kept",
        OutputNotHeld = "session: output of an attempt that is not held",
        ReportNotHeld = "session: a report of an attempt that is not held",
        ReportWithoutOutput = "session: a report of which output is missing",
        WaitsForResume = "look: waits for a resume",
        WaitsForRunner = "look: waits for a runner",
        WaitsForLabels = "look: waits for labels",
        WaitsForTurn = "look: waits for its turn",
        WaitsForNothing = "look: waits for nothing",
        SeveralInOneBatch = "dispatcher: several facts are durable at once",
        DiedBeforeCommit = "dispatcher: dies between remembering and the commit",
        DiedBeforePublish = "dispatcher: dies between the commit and publishing",
        DiedBeforeSaying = "dispatcher: dies between the commit and saying so",
        PublishedAtStart = "dispatcher: makes up for a result at its start",
        StartedOver = "dispatcher: starts over from a disk that took nothing",
        RestoredRunning = "dispatcher: comes back to commits that run",
        RestoredPaused = "dispatcher: comes back paused",
        AwayWhileRunning = "dispatcher: was away while commits ran",
        TestedTwiceAtOnce = "runner: tests what another still does",
    }
}

impl Sometimes {
    fn all() -> impl Iterator<Item = Sometimes> {
        let faults = Fault::ALL.iter().copied().map(Sometimes::Fault);
        faults.chain(Case::ALL.iter().copied().map(Sometimes::Case))
    }

    /// What happened.
    pub fn words(self) -> String {
        match self {
            Sometimes::Fault(fault) => format!("fault: {}", fault.words()),
            Sometimes::Case(case) => case.words().to_owned(),
        }
    }
}

/// How often each thing happened.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<Sometimes, u64>);

impl Seen {
    /// It happened once more.
    pub(crate) fn count(&mut self, what: Sometimes) {
        *self.0.entry(what).or_default() += 1;
    }

    /// What was seen in other runs was seen, too.
    pub fn merge(&mut self, other: &Seen) {
        for (what, times) in &other.0 {
            *self.0.entry(*what).or_default() += times;
        }
    }

    /// What should have happened somewhere, and never did.
    pub fn missing(&self) -> Vec<String> {
        let never = Sometimes::all().filter(|what| !self.0.contains_key(what));
        never.map(Sometimes::words).collect()
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|(what, times)| writeln!(f, "{times:>9}  {}", what.words()))
    }
}

/// A record as a case. How an attempt was lost is the checkers' to say, and whether it began before a restart.
pub fn of_record(record: &Record, lost: Case, began_before: bool) -> Case {
    match record {
        Record::Submitted { .. } => Case::Queued,
        Record::Assigned { .. } => Case::Assigned,
        Record::Lost { .. } => lost,
        Record::GivenBack { .. } => Case::GivenBack,
        Record::Decided { why: Why::Report, .. } if began_before => {
            Case::DecidedByReportAfterRestart
        }
        Record::Decided { why: Why::Report, .. } => Case::DecidedByReport,
        Record::Decided { why: Why::RunnersLost(_), .. } => Case::DecidedByLoss,
        Record::Decided { why: Why::Cancelled, attempt, .. } if attempt.0 == 0 => {
            Case::DecidedByCancelQueued
        }
        Record::Decided { why: Why::Cancelled, .. } => Case::DecidedByCancelRunning,
        Record::Decided { why: Why::GaveWay(_), .. } => Case::DecidedByGivingWay,
        Record::Retried { .. } => Case::Retried,
        Record::Paused(true) => Case::Paused,
        Record::Paused(false) => Case::Resumed,
    }
}

/// An answer as a case; `began` is since when its attempt runs, where it is about one, and `started` when the dispatcher was.
pub fn of_answer(
    question: &Question,
    answer: &Answer,
    now: Time,
    began: Option<Time>,
    started: Time,
) -> Case {
    match answer {
        Answer::Accepted { new: true, .. } => Case::AcceptedNew,
        Answer::Accepted { new: false, .. } => Case::AcceptedKnown,
        Answer::Full { .. } => Case::Full,
        Answer::Registered { .. } => Case::Registered,
        Answer::Assigned { .. } if began < Some(question.asked) => Case::AssignedAgain,
        Answer::Assigned { .. } => Case::AssignedFirst,
        Answer::Kept if began < Some(started) => Case::KeptAfterRestart,
        Answer::Kept => Case::Kept,
        Answer::Returned => Case::Returned,
        Answer::Unregistered => Case::Unregistered,
        Answer::Replaced => Case::Replaced,
        Answer::Leave if question.asked < now => Case::LeaveWhileWaiting,
        Answer::Leave => Case::LeaveAtOnce,
        Answer::Undecided => Case::Undecided,
        Answer::Recorded => match question.event {
            Event::Beat { .. } => Case::RecordedToBeat,
            _ => Case::RecordedToReport,
        },
        Answer::Stale => match question.event {
            Event::Beat { .. } => Case::StaleToBeat,
            Event::Reported { .. } => Case::StaleToReport,
            _ => Case::StaleToGiveBack,
        },
        Answer::Idle => match question.event {
            Event::Watched { .. } => Case::IdleToWatch,
            _ => Case::IdleToRunner,
        },
        Answer::Done | Answer::Unknown | Answer::Decided => of_user(question, answer, now),
    }
}

fn of_user(question: &Question, answer: &Answer, now: Time) -> Case {
    match (&question.event, answer) {
        (Event::Cancelled { .. }, Answer::Done) => Case::DoneToCancel,
        (Event::Cancelled { .. }, Answer::Decided) => Case::DecidedToCancel,
        (Event::Cancelled { .. }, _) => Case::UnknownToCancel,
        (Event::Retried { .. }, Answer::Done) => Case::DoneToRetry,
        (Event::Retried { .. }, _) => Case::UnknownToRetry,
        (Event::Drained { .. }, Answer::Done) => Case::DoneToDrain,
        (Event::Drained { .. }, _) => Case::UnknownToDrain,
        (Event::Paused { paused: true, .. }, _) => Case::DoneToPause,
        (Event::Paused { .. }, _) => Case::DoneToResume,
        (_, Answer::Unknown) => Case::UnknownToWatch,
        _ if question.asked == now => Case::DecidedToWatchAtOnce,
        _ => Case::DecidedToWatch,
    }
}

/// What a session says by itself, as a case.
pub fn of_session(request: &Request, reply: &Reply) -> Case {
    match (request, reply) {
        (Request::Report { .. }, Reply::BeatFirst) => Case::ReportNotHeld,
        (Request::Report { .. }, _) => Case::ReportWithoutOutput,
        (_, Reply::BeatFirst) => Case::OutputNotHeld,
        _ => Case::OutputKept,
    }
}

/// What a user is told of a commit, as a case.
pub fn of_look(waits_for: Option<WaitsFor>) -> Case {
    match waits_for {
        Some(WaitsFor::Resume) => Case::WaitsForResume,
        Some(WaitsFor::Runner) => Case::WaitsForRunner,
        Some(WaitsFor::Labels) => Case::WaitsForLabels,
        Some(WaitsFor::Turn) => Case::WaitsForTurn,
        None => Case::WaitsForNothing,
    }
}
