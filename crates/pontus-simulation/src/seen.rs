//! What was seen: proof that the runs together met every fault, every record and every answer.

use std::collections::BTreeMap;

use pontus_scheduler::{Answer, Event, Record, Time, Why};

use crate::faults::Fault;
use crate::questions::Question;

/// Every record, and every answer to each question that it may answer, as [`of_record`] and [`of_answer`] name them.
const NAMES: [&str; 38] = [
    "record Submitted",
    "record Assigned",
    "record Lost",
    "record GivenBack",
    "record Decided by report",
    "record Decided by lost runners",
    "record Decided by cancelling",
    "record Decided by giving way",
    "record Retried",
    "record Paused",
    "record Resumed",
    "answer Accepted, new",
    "answer Accepted, known",
    "answer Registered",
    "answer Assigned",
    "answer Full",
    "answer Idle to a runner",
    "answer Idle to a watch",
    "answer Kept",
    "answer Recorded",
    "answer Returned",
    "answer Stale",
    "answer Unregistered",
    "answer Replaced",
    "answer Leave",
    "answer Done to a cancel",
    "answer Done to a retry",
    "answer Done to a drain",
    "answer Done to a pause",
    "answer Done to a resume",
    "answer Unknown to a cancel",
    "answer Unknown to a retry",
    "answer Unknown to a drain",
    "answer Unknown to a watch",
    "answer Undecided",
    "answer Decided to a cancel",
    "answer Decided to a watch",
    "answer Decided to a watch, at once",
];

/// How often each thing happened.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<&'static str, u64>);

impl Seen {
    /// It happened once more.
    pub fn count(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }

    /// What was seen in other runs was seen, too.
    pub fn merge(&mut self, other: &Seen) {
        for (name, times) in &other.0 {
            *self.0.entry(name).or_default() += times;
        }
    }

    /// What should have happened somewhere, and never did.
    pub fn missing(&self) -> Vec<&'static str> {
        let names = NAMES.into_iter().chain(Fault::ALL.map(Fault::name));
        names.filter(|name| !self.0.contains_key(name)).collect()
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|(name, times)| writeln!(f, "{times:>9}  {name}"))
    }
}

pub fn of_record(record: &Record) -> &'static str {
    match record {
        Record::Submitted { .. } => "record Submitted",
        Record::Assigned { .. } => "record Assigned",
        Record::Lost { .. } => "record Lost",
        Record::GivenBack { .. } => "record GivenBack",
        Record::Decided { why: Why::Report, .. } => "record Decided by report",
        Record::Decided { why: Why::RunnersLost(_), .. } => "record Decided by lost runners",
        Record::Decided { why: Why::Cancelled, .. } => "record Decided by cancelling",
        Record::Decided { why: Why::GaveWay(_), .. } => "record Decided by giving way",
        Record::Retried { .. } => "record Retried",
        Record::Paused(true) => "record Paused",
        Record::Paused(false) => "record Resumed",
    }
}

pub fn of_answer(question: &Question, answer: &Answer, now: Time) -> &'static str {
    match answer {
        Answer::Accepted { new: true, .. } => "answer Accepted, new",
        Answer::Accepted { new: false, .. } => "answer Accepted, known",
        Answer::Full { .. } => "answer Full",
        Answer::Registered { .. } => "answer Registered",
        Answer::Assigned { .. } => "answer Assigned",
        Answer::Kept => "answer Kept",
        Answer::Recorded => "answer Recorded",
        Answer::Returned => "answer Returned",
        Answer::Stale => "answer Stale",
        Answer::Unregistered => "answer Unregistered",
        Answer::Replaced => "answer Replaced",
        Answer::Leave => "answer Leave",
        Answer::Undecided => "answer Undecided",
        Answer::Idle => match question.event {
            Event::Watched { .. } => "answer Idle to a watch",
            _ => "answer Idle to a runner",
        },
        Answer::Done => match question.event {
            Event::Cancelled { .. } => "answer Done to a cancel",
            Event::Retried { .. } => "answer Done to a retry",
            Event::Drained { .. } => "answer Done to a drain",
            Event::Paused { paused: true, .. } => "answer Done to a pause",
            _ => "answer Done to a resume",
        },
        Answer::Unknown => match question.event {
            Event::Cancelled { .. } => "answer Unknown to a cancel",
            Event::Retried { .. } => "answer Unknown to a retry",
            Event::Drained { .. } => "answer Unknown to a drain",
            _ => "answer Unknown to a watch",
        },
        Answer::Decided => match question.event {
            Event::Cancelled { .. } => "answer Decided to a cancel",
            _ if question.asked == now => "answer Decided to a watch, at once",
            _ => "answer Decided to a watch",
        },
    }
}
