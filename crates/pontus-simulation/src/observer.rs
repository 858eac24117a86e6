//! An observer: an agent that hands commits in until each is accepted.

use std::collections::VecDeque;

use pontus_proto::CommitId;
use pontus_scheduler::{Answer, SessionId, Submission};

use crate::asker::Asker;
use crate::faults::Fault;
use crate::network::{Client, Reply, Request};
use crate::runner::DIAL_MS_MAX;
use crate::stage::{Happening, Stage};

/// What an observer does of its own accord.
#[derive(Debug, Clone)]
pub enum Act {
    Dial,
    /// It finds a commit in its clone.
    Find(Submission),
}

/// See the module.
#[derive(Debug)]
pub struct Observer {
    number: usize,
    asker: Asker,
    /// Found and not yet accepted, oldest first.
    found: VecDeque<Submission>,
    accepted: Vec<CommitId>,
}

impl Observer {
    pub fn new(stage: &mut Stage, number: usize) -> Observer {
        let observer = Observer {
            number,
            asker: Asker::default(),
            found: VecDeque::new(),
            accepted: Vec::new(),
        };
        observer.dial_later(stage);
        observer
    }

    pub fn act(&mut self, stage: &mut Stage, act: Act) {
        match act {
            Act::Dial => self.dial(stage),
            Act::Find(submission) => {
                self.found.push_back(submission);
                self.go_on(stage);
            }
        }
    }

    pub fn answered(&mut self, stage: &mut Stage, session: SessionId, reply: &Reply) {
        if !self.asker.hears(session) {
            return;
        }
        let commit = match reply {
            Reply::Said(Answer::Accepted { commit, .. }) => commit,
            Reply::Said(Answer::Full { .. }) => return self.leave_for_later(stage),
            _ => unreachable!("no checker lets {reply:?} answer an observer"),
        };
        self.accepted.push(*commit);
        if let Some(submission) = self.found.pop_front()
            && stage.strikes(Fault::Resubmitted)
        {
            self.found.push_back(submission);
        }
        self.go_on(stage);
    }

    /// Its connection is gone.
    pub fn notices(&mut self, stage: &mut Stage, session: SessionId) {
        if self.asker.loses(stage, session) {
            self.dial_later(stage);
        }
    }

    /// It keeps what it found, and tries again later on a new connection.
    fn leave_for_later(&mut self, stage: &mut Stage) {
        self.asker.leave(stage);
        self.dial_later(stage);
    }

    pub fn accepted(&self) -> &[CommitId] {
        &self.accepted
    }

    /// Whether all that it has found is accepted.
    pub fn is_done(&self) -> bool {
        self.found.is_empty()
    }

    fn dial_later(&self, stage: &mut Stage) {
        let ms = stage.ms(1..=DIAL_MS_MAX);
        stage.plan_in(ms, Happening::Observer { number: self.number, act: Act::Dial });
    }

    fn dial(&mut self, stage: &mut Stage) {
        let is_there = self.asker.dial(stage, Client::Observer(self.number));
        if is_there { self.go_on(stage) } else { self.dial_later(stage) }
    }

    fn go_on(&mut self, stage: &mut Stage) {
        self.asker.ask(stage, self.found.front().cloned().map(Request::Submit));
    }
}
