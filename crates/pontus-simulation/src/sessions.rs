//! The sessions, as far as they decide without the scheduler: whose output is taken, and whether a report has all of its own.

use std::collections::BTreeMap;

use fastrand::Rng;
use pontus_proto::{Attempt, CommitId};
use pontus_scheduler::{Answer, SessionId};

use crate::ledger::Ledger;
use crate::network::{Reply, Request};

/// The attempt that the scheduler last said is a session's, and how much of its output the session knows to be here.
#[derive(Debug)]
struct Held {
    attempt: (CommitId, Attempt),
    bytes: u64,
    /// Whether the file that it writes is still the one that others find.
    is_in_place: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Sessions {
    held: BTreeMap<SessionId, Held>,
    /// How long the file of each attempt is.
    outputs: BTreeMap<(CommitId, Attempt), u64>,
}

impl Sessions {
    /// The reply to what the scheduler need not hear of.
    pub fn answer(
        &mut self,
        session: SessionId,
        request: &Request,
        ledger: &Ledger,
    ) -> Option<Reply> {
        match *request {
            Request::Output { commit, attempt, offset, bytes } => {
                Some(self.take(session, (commit, attempt), offset, bytes))
            }
            Request::Report { commit, attempt, run } => {
                self.missing(session, (commit, attempt), ledger.run(run).output_bytes)
            }
            _ => None,
        }
    }

    fn held(&mut self, session: SessionId, attempt: (CommitId, Attempt)) -> Option<&mut Held> {
        self.held.get_mut(&session).filter(|held| held.attempt == attempt)
    }

    /// What was there is the same and written again; where something is missing before it, nothing is.
    fn take(
        &mut self,
        session: SessionId,
        attempt: (CommitId, Attempt),
        offset: u64,
        bytes: u64,
    ) -> Reply {
        let Some(held) = self.held(session, attempt) else { return Reply::BeatFirst };
        if offset <= held.bytes {
            held.bytes = held.bytes.max(offset + bytes);
        }
        let (known, is_in_place) = (held.bytes, held.is_in_place);
        if is_in_place {
            let there = self.outputs.entry(attempt).or_default();
            *there = known.max(*there);
        }
        Reply::Kept(known)
    }

    /// What is said to a report of which output is missing; none where it is all here.
    fn missing(
        &mut self,
        session: SessionId,
        attempt: (CommitId, Attempt),
        wanted: u64,
    ) -> Option<Reply> {
        let there = self.bytes(attempt);
        let Some(held) = self.held(session, attempt) else { return Some(Reply::BeatFirst) };
        if !held.is_in_place {
            (held.bytes, held.is_in_place) = (there, true);
        }
        (held.bytes < wanted).then_some(Reply::Kept(held.bytes))
    }

    /// Draws the conclusions of an answer, and puts it into the words of the wire.
    pub fn heard(
        &mut self,
        session: SessionId,
        answer: Answer,
        subject: Option<(CommitId, Attempt)>,
    ) -> Reply {
        let held = match (&answer, subject) {
            (Answer::Assigned { commit, attempt, .. }, _) => Some((*commit, *attempt)),
            (Answer::Kept, subject) => subject,
            _ => None,
        };
        let Some(attempt) = held else {
            self.held.remove(&session);
            return Reply::Said(answer);
        };
        let there = *self.outputs.entry(attempt).or_default();
        if self.held(session, attempt).is_none() {
            self.held.insert(session, Held { attempt, bytes: there, is_in_place: true });
        }
        let bytes = self.held[&session].bytes;
        if answer == Answer::Kept { Reply::Kept(bytes) } else { Reply::Said(answer) }
    }

    pub fn end(&mut self, session: SessionId) {
        self.held.remove(&session);
    }

    pub fn end_all(&mut self) {
        self.held.clear();
    }

    /// How much of an attempt's output is here.
    pub fn bytes(&self, attempt: (CommitId, Attempt)) -> u64 {
        self.outputs.get(&attempt).copied().unwrap_or(0)
    }

    /// Some attempt that has output.
    pub fn any(&self, rng: &mut Rng) -> Option<(CommitId, Attempt)> {
        rng.choice(self.outputs.keys().copied().collect::<Vec<_>>())
    }

    /// Somebody removes the output of an attempt. Whoever has it open writes on where nobody will find it.
    pub fn remove(&mut self, attempt: (CommitId, Attempt)) {
        self.outputs.remove(&attempt);
        let open = self.held.values_mut().filter(|held| held.attempt == attempt);
        open.for_each(|held| held.is_in_place = false);
    }

    /// The power has failed: output that nobody has waited for to be on the disk is there in part.
    pub fn lose_some(&mut self, rng: &mut Rng) {
        self.outputs.values_mut().for_each(|bytes| *bytes = rng.u64(0..=*bytes));
    }
}
