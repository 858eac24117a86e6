//! The one thread that owns the scheduler and the database.
//!
//! It takes what has arrived since it last looked, steps through all of it, commits once, and only then lets anybody
//! hear of it. That single commit is where both the durability and the speed come from.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};

use anyhow::{Context, Result};
use pontus_proto::{Report, Submission};
use pontus_scheduler::{Answer, Effect, Event, Record, Scheduler, SessionId};

use crate::clock::{Clock, wall_ms};
use crate::exit::DiskFailed;
use crate::publisher::Job;
use crate::store::Store;

/// Events of one database transaction. More would only make the first of them wait.
const BATCH_MAX: usize = 1024;

/// What arrives at the engine. Each session has at most one of these under way, so there are never more than a few for
/// each connection.
#[derive(Debug)]
pub enum Message {
    /// A session begins, and will hear its answers here.
    Opened(SessionId, Sender<Answer>),
    /// Something happened.
    Happened(Event, Enclosed),
    /// The user wants the dispatcher to end.
    Stop,
}

/// What came with an event. It is for the disk: the scheduler does not look into it.
#[derive(Debug)]
pub enum Enclosed {
    /// Most events say all there is.
    Nothing,
    /// With a commit that was handed in.
    Submission(Box<Submission>),
    /// With a runner's verdict.
    Report(Box<Report>),
}

/// What the engine owns.
#[derive(Debug)]
pub struct Engine {
    /// Decides.
    pub scheduler: Scheduler,
    /// Remembers.
    pub store: Store,
    /// Tells the time.
    pub clock: Clock,
    /// Publishes.
    pub publisher: Sender<Job>,
    /// Who hears answers.
    pub mailboxes: BTreeMap<SessionId, Sender<Answer>>,
}

impl Engine {
    /// Runs until it is told to stop, or nobody is left to tell it.
    ///
    /// # Errors
    /// Where the disk fails. Nothing of the failed batch has been acknowledged then.
    pub fn run(mut self, messages: &Receiver<Message>) -> Result<()> {
        loop {
            let batch = self.wait(messages);
            let stop = batch.iter().any(|message| matches!(message, Message::Stop));
            let effects = self.step(batch)?;
            self.store.commit()?;
            effects.into_iter().try_for_each(|effects| self.act(effects))?;
            if stop {
                return Ok(());
            }
        }
    }

    /// What has arrived; empty when a deadline came first.
    fn wait(&self, messages: &Receiver<Message>) -> Vec<Message> {
        let first = match self.scheduler.next_deadline() {
            Some(deadline) => messages.recv_timeout(self.clock.until(deadline)),
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match first {
            Ok(first) => {
                std::iter::once(first).chain(messages.try_iter()).take(BATCH_MAX).collect()
            }
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => vec![Message::Stop],
        }
    }

    /// Steps through a batch and puts what is to be remembered into the open transaction. Returns what is left to do,
    /// event by event.
    fn step(&mut self, batch: Vec<Message>) -> Result<Vec<Vec<Effect>>> {
        let mut left = Vec::new();
        for message in batch {
            match message {
                Message::Opened(session, mailbox) => {
                    self.mailboxes.insert(session, mailbox);
                }
                Message::Happened(event, enclosed) => left.push(self.step_one(event, &enclosed)?),
                Message::Stop => {}
            }
        }
        // What has arrived counts before what is due: a beat that came in time is not late because we were busy.
        if self.scheduler.next_deadline().is_some_and(|deadline| deadline <= self.clock.now()) {
            left.push(self.step_one(Event::Ticked, &Enclosed::Nothing)?);
        }
        Ok(left)
    }

    fn step_one(&mut self, event: Event, enclosed: &Enclosed) -> Result<Vec<Effect>> {
        if let Event::Ended { session, .. } = event {
            self.mailboxes.remove(&session);
        }
        let (records, left): (Vec<_>, Vec<_>) = self
            .scheduler
            .step(self.clock.now(), event)
            .into_iter()
            .partition(|effect| matches!(effect, Effect::Remember(_)));
        for effect in records {
            let Effect::Remember(record) = effect else { continue };
            log_record(&record);
            self.store.remember(&record, enclosed, wall_ms())?;
        }
        Ok(left)
    }

    /// Does what is left of one step, in its order: `recorded` is said when the result is there.
    fn act(&mut self, effects: Vec<Effect>) -> Result<()> {
        let mut job: Option<Job> = None;
        for effect in effects {
            match effect {
                Effect::Publish(commit) => {
                    let facts = self.store.facts(commit).context(DiskFailed)?;
                    self.publish(job.replace(Job { facts, answers: Vec::new() }));
                }
                Effect::Say(session, Answer::Recorded) => {
                    self.say(session, Answer::Recorded, job.as_mut());
                }
                Effect::Say(session, answer) => self.say(session, answer, None),
                Effect::Remember(_) => unreachable!("remembered in step_one"),
            }
        }
        self.publish(job);
        Ok(())
    }

    fn say(&self, session: SessionId, answer: Answer, after: Option<&mut Job>) {
        let Some(mailbox) = self.mailboxes.get(&session) else { return };
        match after {
            Some(job) => job.answers.push((mailbox.clone(), answer)),
            // A session that ended meanwhile says so itself.
            None => drop(mailbox.send(answer)),
        }
    }

    fn publish(&self, job: Option<Job>) {
        let Some(job) = job else { return };
        self.publisher.send(job).expect("the publisher lives until the engine drops its end");
    }
}

/// One line for each thing that a user may look for later. Verdicts are said when they are published.
fn log_record(record: &Record) {
    match record {
        Record::Submitted { submission, .. } => {
            log::info!("{}: queued for {}", submission.commit, submission.project);
        }
        Record::Assigned { commit, attempt, runner, .. } => {
            log::info!("{commit}: attempt {attempt} on {runner}");
        }
        Record::Lost { commit, attempt } => {
            log::warn!("{commit}: attempt {attempt} lost its runner");
        }
        Record::GivenBack { commit, attempt } => {
            log::info!("{commit}: attempt {attempt} was given back");
        }
        Record::Decided { .. } | Record::Retried { .. } | Record::Paused(_) => {}
    }
}
