//! The dispatcher: the scheduler and a disk. It hears what has arrived, remembers all that follows at once, acts upon
//! it in order, and may die in between.

use pontus_proto::CommitId;
use pontus_scheduler::{Answer, Effect, Event, Record, Scheduler, SessionId, Time};

use crate::bug::{Bug, Readdressed};
use crate::check::{Broken, Check};
use crate::disk::{Disk, Entry};
use crate::faults::{Fault, RESTART_MS_MAX};
use crate::ledger::RunId;
use crate::network::{Request, Written};
use crate::questions::Question;
use crate::seen::{of_answer, of_record};
use crate::stage::{Happening, Stage};

/// How late the dispatcher may look at what has arrived or is due, in milliseconds: a busy machine.
const LOOK_MS_MAX: u64 = 10;

/// One of the things that it does after it has heard a batch.
#[derive(Debug)]
pub enum Deed {
    /// All records of the batch, with the reports that came with them, become durable at once.
    Commit(Vec<(Record, Option<RunId>)>),
    Publish(CommitId),
    Say {
        session: SessionId,
        answer: Answer,
        question: Box<Question>,
    },
}

/// What follows from a batch.
#[derive(Debug, Default)]
struct Consequences {
    records: Vec<(Record, Option<RunId>)>,
    /// All that comes after the records are durable.
    deeds: Vec<Deed>,
}

/// See the module.
#[derive(Debug)]
pub struct Dispatcher {
    /// There is none while it is down.
    scheduler: Option<Scheduler>,
    disk: Disk,
    check: Check,
    bug: Option<Bug>,
    inbox: Vec<(Event, Option<RunId>)>,
    /// When it looks next. Looks that were planned for another time do not happen.
    looks_at: Option<Time>,
    /// While it is stopped: since when, and until when.
    stall: Option<(Time, Time)>,
}

impl Dispatcher {
    pub fn new(stage: &Stage, bug: Option<Bug>) -> Dispatcher {
        let disk = Disk::default();
        Dispatcher {
            scheduler: Some(Scheduler::restore(stage.config, [], false, stage.now)),
            check: Check::new(stage.config, stage.now, &disk),
            disk,
            bug,
            inbox: Vec::new(),
            looks_at: None,
            stall: None,
        }
    }

    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Whether it is running, and not stopped.
    pub fn is_awake(&self) -> bool {
        self.scheduler.is_some() && self.stall.is_none()
    }

    /// A request has come.
    pub fn asked(&mut self, stage: &mut Stage, session: SessionId, request: Request) {
        let arrival = request.into_event(session);
        self.arrives(stage, arrival);
    }

    /// A connection has ended.
    pub fn ended(&mut self, stage: &mut Stage, session: SessionId, unheard: bool) {
        self.arrives(stage, (Event::Ended { session, unheard }, None));
    }

    fn arrives(&mut self, stage: &mut Stage, arrival: (Event, Option<RunId>)) {
        self.inbox.push(arrival);
        let ms = stage.ms(0..=LOOK_MS_MAX);
        self.look_by(stage, stage.now.after(ms));
    }

    fn look_by(&mut self, stage: &mut Stage, at: Time) {
        let at = self.stall.map_or(at, |(_, until)| until);
        if self.looks_at.is_none_or(|planned| at < planned) {
            self.looks_at = Some(at);
            stage.plan(at, Happening::Look);
        }
    }

    /// Hears all that has arrived, decides, and acts.
    pub fn look(&mut self, stage: &mut Stage) -> Result<(), Broken> {
        if self.scheduler.is_none() || self.looks_at != Some(stage.now) {
            return Ok(());
        }
        self.looks_at = None;
        let mut batch = std::mem::take(&mut self.inbox);
        if let Some((since, until)) = self.stall.take() {
            self.check.was_away(stage.now, until.0 - since.0);
            // What came meanwhile waits in the sockets; the clock may be looked at before it is read.
            if stage.rng.bool() {
                self.inbox = std::mem::take(&mut batch);
            }
        }
        let consequences = self.decide(stage, batch)?;
        if self.carry_out(stage, consequences)? { self.rest(stage) } else { Ok(()) }
    }

    fn decide(
        &mut self,
        stage: &mut Stage,
        batch: Vec<(Event, Option<RunId>)>,
    ) -> Result<Consequences, Broken> {
        let mut consequences = Consequences::default();
        for (event, run) in batch {
            self.check.heard(stage.now, &self.disk, &event)?;
            let is_end = matches!(event, Event::Ended { .. });
            if !(is_end && self.bug == Some(Bug::AssignToClosed)) {
                self.step(stage, event, run, &mut consequences)?;
            }
        }
        if self.deadline().is_some_and(|at| at <= stage.now) {
            self.step(stage, Event::Ticked, None, &mut consequences)?;
        }
        Ok(consequences)
    }

    fn deadline(&self) -> Option<Time> {
        self.scheduler.as_ref().and_then(Scheduler::next_deadline)
    }

    fn step(
        &mut self,
        stage: &mut Stage,
        event: Event,
        run: Option<RunId>,
        consequences: &mut Consequences,
    ) -> Result<(), Broken> {
        stage.note(|| format!("  the scheduler hears {event:?}"));
        let event = self.looked_up(event);
        let (event, readdressed) = match self.bug {
            Some(bug) => bug.readdress(bug.distort(event), &self.check, &self.disk),
            None => (event, None),
        };
        let Some(scheduler) = &mut self.scheduler else { return Ok(()) };
        let effects = scheduler.step(stage.now, event);
        self.sort(stage, effects, run, readdressed, consequences)
    }

    /// A user's retry comes with what the disk knows of the commit.
    fn looked_up(&self, event: Event) -> Event {
        let Event::Retried { session, commit, .. } = event else { return event };
        let stored = self.disk.entry(commit).map(Entry::stored);
        Event::Retried { session, commit, stored }
    }

    /// Effects become records, which are committed together, and what is done after that.
    fn sort(
        &mut self,
        stage: &mut Stage,
        effects: Vec<Effect>,
        run: Option<RunId>,
        readdressed: Option<Readdressed>,
        consequences: &mut Consequences,
    ) -> Result<(), Broken> {
        for effect in effects {
            stage.note(|| format!("    wants {effect:?}"));
            match effect {
                Effect::Remember(record) => {
                    self.check.wants(&record)?;
                    consequences.records.push((record, run));
                }
                Effect::Publish(commit) => consequences.deeds.push(Deed::Publish(commit)),
                Effect::Say(to, answer) => {
                    let session = readdressed.map_or(to, |found| found.back(to, &answer));
                    let question = self.check.answers(stage.now, &self.disk, session, &answer)?;
                    let question = Box::new(question);
                    consequences.deeds.push(Deed::Say { session, answer, question });
                }
            }
        }
        Ok(())
    }

    /// Says whether the dispatcher goes on as it was.
    fn carry_out(&mut self, stage: &mut Stage, found: Consequences) -> Result<bool, Broken> {
        let Consequences { records, mut deeds } = found;
        if !records.is_empty() && stage.strikes(Fault::DiskRefuses) {
            if self.bug != Some(Bug::IgnoreRefusal) {
                return self.is_refused(stage).map(|()| false);
            }
        } else if !records.is_empty() {
            deeds.insert(0, Deed::Commit(records));
        }
        if let Some(bug) = self.bug {
            bug.reorder(&mut deeds);
        }
        let dies = !deeds.is_empty() && stage.strikes(Fault::DispatcherDiesAmidEffects);
        let lives_for = if dies { stage.rng.usize(0..=deeds.len()) } else { usize::MAX };
        for deed in deeds.into_iter().take(lives_for) {
            self.act(stage, deed)?;
        }
        if dies {
            self.die(stage);
        }
        Ok(!dies)
    }

    fn act(&mut self, stage: &mut Stage, deed: Deed) -> Result<(), Broken> {
        match deed {
            Deed::Commit(records) => {
                for (record, run) in records {
                    self.remember(stage, record, run)?;
                }
                self.check.committed()
            }
            Deed::Publish(commit) => {
                self.check.published(stage.now, &self.disk, commit)?;
                self.disk.publish(commit);
                Ok(())
            }
            Deed::Say { session, answer, question } => {
                self.check.told(&self.disk, &question, &answer)?;
                stage.seen.count(of_answer(&question, &answer, stage.now));
                self.say(stage, session, answer);
                Ok(())
            }
        }
    }

    fn remember(
        &mut self,
        stage: &mut Stage,
        record: Record,
        run: Option<RunId>,
    ) -> Result<(), Broken> {
        stage.note(|| format!("    on disk: {record:?}"));
        self.check.record(stage.now, &self.disk, &stage.ledger, &record, run)?;
        stage.seen.count(of_record(&record));
        self.disk.remember(stage.now, record, run);
        Ok(())
    }

    fn say(&mut self, stage: &mut Stage, session: SessionId, answer: Answer) {
        stage.note(|| format!("    says to #{}: {answer:?}", session.0));
        let unheard = matches!(answer, Answer::Assigned { .. });
        if stage.write(session, answer) == Written::Failed {
            self.ended(stage, session, unheard);
        }
    }

    /// Sleeps until something arrives or is due.
    fn rest(&mut self, stage: &mut Stage) -> Result<(), Broken> {
        let deadline = self.deadline();
        let has_heard_all = self.inbox.is_empty();
        if has_heard_all {
            self.check.rests(stage.now, &self.disk, deadline)?;
        }
        if let Some(at) = deadline {
            let ms = stage.ms(0..=LOOK_MS_MAX);
            self.look_by(stage, at.max(stage.now).after(ms));
        }
        if !has_heard_all {
            let ms = stage.ms(1..=LOOK_MS_MAX);
            self.look_by(stage, stage.now.after(ms));
        }
        Ok(())
    }

    /// It stops, and goes on later as if nothing had been.
    pub fn stall(&mut self, stage: &mut Stage, ms: u64) {
        stage.note(|| format!("the dispatcher stalls for {ms} ms"));
        let until = stage.now.after(ms);
        self.stall = Some((stage.now, until));
        self.looks_at = None;
        self.look_by(stage, until);
    }

    /// All that is not on its disk is gone.
    pub fn die(&mut self, stage: &mut Stage) {
        stage.note(|| "the dispatcher is gone".to_owned());
        self.forget(stage);
        stage.dispatcher_is_up = false;
        let ms = stage.ms(1..=RESTART_MS_MAX);
        stage.plan_in(ms, Happening::Restart);
    }

    fn forget(&mut self, stage: &mut Stage) {
        self.scheduler = None;
        self.inbox.clear();
        self.looks_at = None;
        self.stall = None;
        stage.end_every_server_side();
    }

    /// The disk has taken nothing of a batch, so the scheduler knows more than there is. It ends every connection and begins
    /// anew with what is on disk.
    fn is_refused(&mut self, stage: &mut Stage) -> Result<(), Broken> {
        self.forget(stage);
        self.restart(stage)
    }

    /// It comes back from its disk, and publishes what was decided and not yet published.
    pub fn restart(&mut self, stage: &mut Stage) -> Result<(), Broken> {
        stage.note(|| "the dispatcher is back".to_owned());
        stage.dispatcher_is_up = true;
        self.check = Check::new(stage.config, stage.now, &self.disk);
        let (config, records) = (stage.config, self.disk.stored());
        let paused = self.disk.is_paused();
        let (scheduler, effects) = match self.bug {
            Some(bug) => bug.restore(config, records, paused, stage.now),
            None => (Scheduler::restore(config, records, paused, stage.now), Vec::new()),
        };
        self.scheduler = Some(scheduler);
        let decided = self.disk.entries().filter(|entry| entry.verdict.is_some());
        let unpublished = decided.filter(|entry| !entry.is_published);
        let commits: Vec<_> = unpublished.map(|entry| entry.submission.commit).collect();
        for commit in commits {
            self.act(stage, Deed::Publish(commit))?;
        }
        let mut consequences = Consequences::default();
        self.sort(stage, effects, None, None, &mut consequences)?;
        if self.carry_out(stage, consequences)? { self.rest(stage) } else { Ok(()) }
    }
}
