//! The one thread that owns the scheduler and the database.
//!
//! It takes what has arrived since it last looked, steps through all of it, commits once, and only then lets anybody
//! hear of it. That single commit is where both the durability and the speed come from.

mod recovery;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use anyhow::{Context, Result};
use pontus_proto::limits::RUNNERS_MAX;
use pontus_proto::{Attempt, CommitId, Report, RunnerLine, RunnerName, Submission, WaitsFor};
use pontus_scheduler::planted::{self, Bug};
use pontus_scheduler::{
    Answer, Effect, Event, Overview, Record, RunnerView, Scheduler, SessionId, Time,
};

pub use self::recovery::Trouble;
use crate::clock::{Clock, wall_ms};
use crate::exit::DiskFailed;
use crate::folder::Folder;
use crate::glance::Glance;
use crate::mailbox::Address;
use crate::publisher::{Job, Publication};
use crate::results::Facts;
use crate::retention::Keep;
use crate::store::Store;
use crate::tide::Tide;
use crate::translate;

/// Events of one database transaction. More would only make the first of them wait.
const BATCH_MAX: usize = 1024;

/// Results that may be still to be written while their runners go on. With more of them, a runner waits for its own: results are
/// made more slowly than verdicts, and what waits for its turn takes room.
const UNWRITTEN_MAX: usize = 256;

/// How long the disk is not looked after, at most: whether our folder is still there, or takes something again.
const DISK_CHECK: Duration = Duration::from_secs(1);

/// What arrives at the engine. Each session has at most one of these under way, so there are never more than a few for
/// each connection.
#[derive(Debug)]
pub enum Message {
    /// A session begins, and will hear its answers here.
    Opened(SessionId, Address),
    /// Something happened.
    Happened(Event, Enclosed),
    /// Somebody wants to know what the scheduler alone knows, and hears it here.
    Asked(Question, Sender<Told>),
    /// The disk has failed somebody else.
    Failed(anyhow::Error),
    /// The user wants the dispatcher to end.
    Stop,
}

/// What may be asked without changing anything.
#[derive(Debug)]
pub enum Question {
    /// How much there is to do, and what each of these commits waits for.
    Overview {
        /// Commits that are queued.
        queued: Vec<CommitId>,
    },
    /// Who the runners are.
    Runners {
        /// Those whose names come after this one.
        after: Option<RunnerName>,
    },
}

/// What is told of it.
#[derive(Debug)]
pub enum Told {
    /// How much there is to do, and what each of the commits waits for; none for one that is not queued any more.
    Overview(Overview, Vec<Option<WaitsFor>>),
    /// At most [`RUNNERS_MAX`] runners, in order of their names, and whether there are others after them.
    Runners(Vec<RunnerLine>, bool),
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
    /// How the scheduler is to decide.
    pub config: pontus_scheduler::Config,
    /// Which results are kept.
    pub keep: Keep,
    /// Decides.
    pub scheduler: Scheduler,
    /// Remembers.
    pub store: Store,
    /// Where the database is.
    pub folder: Arc<Folder>,
    /// Tells the time.
    pub clock: Clock,
    /// Publishes.
    pub publisher: Sender<Job>,
    /// Each publication that is not done yet has a clone of it.
    pub unwritten: Arc<()>,
    /// Rises when something has changed.
    pub tide: Arc<Tide>,
    /// What keeps it from its work.
    pub trouble: Option<Trouble>,
    /// When it is next tried whether there is still any.
    pub next_try: Time,
    /// What the folder looked like when all in it was found in its place, and how long that is believed.
    pub found: Option<(Glance, Time)>,
    /// Who hears answers.
    pub mailboxes: BTreeMap<SessionId, Address>,
}

impl Engine {
    /// Runs until it is told to stop, or nobody is left to tell it.
    ///
    /// # Errors
    /// Where the disk fails. Nothing of the failed batch has been acknowledged then.
    pub fn run(mut self, messages: &Receiver<Message>) -> Result<()> {
        loop {
            let mut batch = self.wait(messages);
            let stop = batch.iter().any(|message| matches!(message, Message::Stop));
            if let Some(failure) = batch.iter_mut().find_map(take_failure) {
                return Err(failure);
            }
            let asked = take_questions(&mut batch);
            if !self.disk_is_ready()? {
                self.refuse(batch);
            } else if let Err(error) = self.work(batch) {
                self.give_way(error)?;
            }
            // What is told holds for what is on disk, so it is told after that.
            for (question, answer) in asked {
                // Whoever asked may have left.
                answer.send(self.tell(question)).ok();
            }
            if stop {
                return Ok(());
            }
        }
    }

    /// Decides, remembers, and acts, in this order.
    fn work(&mut self, batch: Vec<Message>) -> Result<()> {
        let effects = self.step(batch)?;
        // Read while the transaction is open, which costs no locks of its own.
        let results = self.results_of(&effects)?;
        if !planted::has(Bug::AcknowledgeFirst) {
            self.store.commit()?;
        }
        let changed = !effects.is_empty();
        effects.into_iter().for_each(|effects| self.act(effects, &results));
        if planted::has(Bug::AcknowledgeFirst) {
            self.store.commit()?;
        }
        if changed {
            self.tide.rise();
        }
        self.store.tidy()
    }

    /// What has arrived; empty when a deadline came first.
    fn wait(&self, messages: &Receiver<Message>) -> Vec<Message> {
        let due = self.scheduler.next_deadline().filter(|_| self.trouble.is_none());
        let left = due.map_or(DISK_CHECK, |due| self.clock.until(due).min(DISK_CHECK));
        match messages.recv_timeout(left) {
            Ok(first) => {
                std::iter::once(first).chain(messages.try_iter()).take(BATCH_MAX).collect()
            }
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => vec![Message::Stop],
        }
    }

    /// Steps through a batch and puts what is to be remembered into the open transaction. Returns what follows, event by
    /// event.
    fn step(&mut self, batch: Vec<Message>) -> Result<Vec<Vec<Effect>>> {
        let mut left = Vec::new();
        for message in batch {
            match message {
                Message::Opened(session, mailbox) => {
                    self.mailboxes.insert(session, mailbox);
                }
                Message::Happened(event, enclosed) => left.push(self.step_one(event, &enclosed)?),
                Message::Asked(..) | Message::Failed(_) | Message::Stop => {}
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
        let event = self.with_what_the_disk_knows(event)?;
        let effects = self.scheduler.step(self.clock.now(), event);
        for effect in &effects {
            if let Effect::Remember(record) = effect {
                self.store.remember(record, enclosed, wall_ms())?;
            }
        }
        Ok(effects)
    }

    /// The scheduler does not keep what is decided, so a retry brings it along.
    fn with_what_the_disk_knows(&self, event: Event) -> Result<Event> {
        let Event::Retried { session, commit, .. } = event else { return Ok(event) };
        let stored = self.store.stored_one(commit).context(DiskFailed)?;
        Ok(Event::Retried { session, commit, stored })
    }

    /// What is to be published after a batch. Somebody may have had a commit queued again meanwhile: then there is nothing to
    /// publish of it yet.
    fn results_of(&self, effects: &[Vec<Effect>]) -> Result<BTreeMap<CommitId, Facts>> {
        let decided = effects.iter().flatten().filter_map(|effect| match effect {
            Effect::Publish(commit) => Some(*commit),
            _ => None,
        });
        let facts = decided.filter_map(|commit| self.store.facts(commit).transpose());
        let facts = facts.map(|facts| facts.map(|facts| (facts.header.commit, facts)));
        facts.collect::<Result<_>>().context(DiskFailed)
    }

    fn tell(&self, question: Question) -> Told {
        match question {
            Question::Overview { queued } => {
                let waits_for = |commit| self.scheduler.waits_for(commit).map(translate::waits_for);
                let waits = queued.into_iter().map(waits_for).collect();
                Told::Overview(self.scheduler.overview(), waits)
            }
            Question::Runners { after } => {
                let is_asked_for = |view: &RunnerView| Some(&view.runner) > after.as_ref();
                let mut views = self.scheduler.runners().filter(is_asked_for);
                let (now, wall) = (self.clock.now(), wall_ms());
                let line = |view| translate::runner_line(view, now, wall);
                let lines = views.by_ref().take(RUNNERS_MAX).map(line).collect();
                Told::Runners(lines, views.next().is_some())
            }
        }
    }

    /// Does what follows from one event: that a verdict is there is said when its result is; only its runner, who has nothing to do
    /// with that, need not wait for it. A result is begun before anything is said, for it takes longest. What was to be remembered is
    /// so by now, and is only told to whoever reads the log, last: nobody waits for that.
    fn act(&self, effects: Vec<Effect>, results: &BTreeMap<CommitId, Facts>) {
        let (mut job, mut said, mut remembered) = (None, Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Publish(commit) => {
                    let facts = results.get(&commit).cloned();
                    let next = facts.map(|facts| self.publication(facts));
                    self.publish(std::mem::replace(&mut job, next));
                }
                Effect::Say(session, answer) => {
                    let Some(mailbox) = self.mailboxes.get(&session) else { continue };
                    match &mut job {
                        Some(job) if self.waits_for_result(&answer) => {
                            job.answers.push((mailbox.clone(), answer));
                        }
                        _ => said.push((mailbox, answer)),
                    }
                }
                Effect::Remember(record) => remembered.push(record),
            }
        }
        self.publish(job);
        // Work can begin with one of them.
        said.sort_by_key(|(_, answer)| !matches!(answer, Answer::Assigned { .. }));
        said.into_iter().for_each(|(mailbox, answer)| self.say(mailbox, answer));
        remembered.iter().for_each(log_record);
    }

    fn waits_for_result(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Recorded => self.unwritten() > UNWRITTEN_MAX,
            Answer::Decided | Answer::Done => true,
            _ => false,
        }
    }

    fn say(&self, mailbox: &Address, answer: Answer) {
        self.forget_earlier(&answer);
        // Whose verdict was there already: its result may be about to be written.
        if answer == Answer::Decided && self.unwritten() > 0 {
            self.have_done(Job::Say(mailbox.clone(), answer));
        } else {
            mailbox.say(answer);
        }
    }

    fn publication(&self, facts: Facts) -> Publication {
        Publication { facts, answers: Vec::new(), unwritten: Arc::clone(&self.unwritten) }
    }

    /// How many results are still to be written.
    fn unwritten(&self) -> usize {
        Arc::strong_count(&self.unwritten) - 1
    }

    fn publish(&self, publication: Option<Publication>) {
        publication
            .into_iter()
            .for_each(|publication| self.have_done(Job::Publish(publication.into())));
    }

    /// Where an attempt begins, nobody wants to know any more what the one before has printed. So there is never more than one
    /// for each commit, however often it loses its runner.
    fn forget_earlier(&self, answer: &Answer) {
        if let Answer::Assigned { commit, attempt: Attempt(attempt @ 2..), .. } = *answer {
            self.have_done(Job::Forget(commit, Attempt(attempt - 1)));
        }
    }

    fn have_done(&self, job: Job) {
        // A publisher that has ended has told us why: that is on its way to us.
        self.publisher.send(job).ok();
    }
}

/// What changes nothing.
fn take_questions(batch: &mut Vec<Message>) -> Vec<(Question, Sender<Told>)> {
    let asked = batch.extract_if(.., |message| matches!(message, Message::Asked(..)));
    let question = |message| match message {
        Message::Asked(question, answer) => Some((question, answer)),
        _ => None,
    };
    asked.filter_map(question).collect()
}

/// What another thread says of the disk.
fn take_failure(message: &mut Message) -> Option<anyhow::Error> {
    let is_failure = matches!(message, Message::Failed(_));
    match is_failure.then(|| std::mem::replace(message, Message::Stop))? {
        Message::Failed(error) => Some(error),
        _ => None,
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
        Record::Retried { commit, .. } => log::info!("{commit}: queued again at a user's word"),
        Record::Paused(true) => log::info!("paused: no commit is handed out"),
        Record::Paused(false) => log::info!("resumed"),
        Record::Decided { .. } => {}
    }
}
