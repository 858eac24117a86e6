//! What was seen: proof that the runs together met every fault, every record and every answer.

use std::collections::BTreeMap;

use pontus_scheduler::{Answer, Record, Why};

use crate::faults::Fault;

/// Every record and answer, as [`of_record`] and [`of_answer`] name them.
const NAMES: [&str; 18] = [
    "record Submitted",
    "record Assigned",
    "record Lost",
    "record GivenBack",
    "record Decided by report",
    "record Decided by lost runners",
    "answer Accepted, new",
    "answer Accepted, known",
    "answer Registered",
    "answer Assigned",
    "answer Full",
    "answer Idle",
    "answer Kept",
    "answer Recorded",
    "answer Returned",
    "answer Stale",
    "answer Unregistered",
    "answer Replaced",
];

/// How often each thing happened.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<&'static str, u64>);

impl Seen {
    pub fn count(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }

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
        Record::Retried { .. } => "record Retried",
        Record::Paused(_) => "record Paused",
        Record::Decided { why: Why::Cancelled, .. } => "record Decided by cancel",
        Record::Decided { why: Why::GaveWay(_), .. } => "record Decided by giving way",
        Record::Decided { why: Why::RunnersLost(_), .. } => "record Decided by lost runners",
    }
}

pub fn of_answer(answer: &Answer) -> &'static str {
    match answer {
        Answer::Accepted { new: true, .. } => "answer Accepted, new",
        Answer::Accepted { new: false, .. } => "answer Accepted, known",
        Answer::Full { .. } => "answer Full",
        Answer::Registered { .. } => "answer Registered",
        Answer::Assigned { .. } => "answer Assigned",
        Answer::Idle => "answer Idle",
        Answer::Kept => "answer Kept",
        Answer::Recorded => "answer Recorded",
        Answer::Returned => "answer Returned",
        Answer::Stale => "answer Stale",
        Answer::Unregistered => "answer Unregistered",
        Answer::Replaced => "answer Replaced",
        Answer::Leave => "answer Leave",
        Answer::Done => "answer Done",
        Answer::Unknown => "answer Unknown",
        Answer::Undecided => "answer Undecided",
        Answer::Decided => "answer Decided",
    }
}
