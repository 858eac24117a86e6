//! What follows from a batch of events: facts that become durable together, and what is done after that, in its order.

use pontus_proto::{Attempt, CommitId};
use pontus_scheduler::{Answer, Record, SessionId};

use crate::bug::Bug;
use crate::check::Broken;
use crate::ledger::RunId;
use crate::questions::Question;
use crate::words;

/// Facts that become durable at once, with the reports that came with them.
#[derive(Debug, Default)]
pub struct Batch {
    pub records: Vec<(Record, Option<RunId>)>,
    refusal: Option<String>,
}

/// One of the things that a dispatcher does after it has heard a batch.
#[derive(Debug)]
pub enum Deed {
    Commit(Batch),
    /// Only a bug begins a result where others would see it.
    BeginResult(CommitId),
    Publish(CommitId),
    Say {
        session: SessionId,
        answer: Answer,
        question: Box<Question>,
    },
    /// Somebody is told how things are.
    Tell {
        session: SessionId,
        commit: CommitId,
    },
}

/// All that follows from a batch.
#[derive(Debug, Default)]
pub struct Consequences {
    pub batch: Batch,
    /// All that comes after the batch is durable.
    pub deeds: Vec<Deed>,
    /// What comes after all of those.
    pub last: Vec<Deed>,
}

impl Batch {
    /// The store did not take a fact.
    pub fn refused(&mut self, why: Option<String>) {
        self.refusal = self.refusal.take().or(why);
    }

    pub fn is_taken(&self) -> Result<(), Broken> {
        match &self.refusal {
            Some(why) => Err(Broken::new(format!("the store does not take a fact: {why}"))),
            None => Ok(()),
        }
    }
}

impl Consequences {
    /// What is to be done, in the order in which it should be, or a bug has it.
    pub fn in_order(self, bug: Option<Bug>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        // Where the batch was refused and a bug goes on all the same, there is none any more.
        if !self.batch.records.is_empty() {
            deeds.push(Deed::Commit(self.batch));
        }
        deeds.extend(self.deeds);
        deeds.extend(self.last);
        if let Some(bug) = bug {
            bug.reorder(&mut deeds);
        }
        deeds
    }
}

impl Deed {
    pub fn words(&self) -> String {
        match self {
            Deed::Commit(batch) => {
                let facts = batch.records.iter().map(|(record, _)| words::record(record));
                format!("remember ({})", facts.collect::<Vec<_>>().join("; "))
            }
            Deed::BeginResult(commit) => format!("begin the result of {}", words::id(*commit)),
            Deed::Publish(commit) => format!("publish {}", words::id(*commit)),
            Deed::Say { session, answer, .. } => {
                format!("say {} to #{}", words::answer(answer), session.0)
            }
            Deed::Tell { session, .. } => format!("tell #{} how things are", session.0),
        }
    }
}

/// Which attempt an answer is about by itself.
pub fn attempt_of(answer: &Answer) -> Option<(CommitId, Attempt)> {
    match answer {
        Answer::Assigned { commit, attempt, .. } => Some((*commit, *attempt)),
        _ => None,
    }
}
