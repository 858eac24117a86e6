//! The dispatcher: the scheduler, a store and its sessions. It hears what has arrived, remembers all that follows at once, acts
//! upon it in order, and may die in between.

mod deeds;
mod restarts;

use pontus_proto::{Attempt, CommitId};
use pontus_scheduler::{Answer, Effect, Event, Scheduler, SessionId, Time};

pub use self::deeds::{Batch, Deed};
use self::deeds::{Consequences, attempt_of};

use crate::bug::{Bug, Readdressed};
use crate::check::{Broken, Check, subject};
use crate::clock::Clock;
use crate::disk::{Disk, Published};
use crate::faults::Fault;
use crate::ledger::RunId;
use crate::network::{Reply, Request, Written};
use crate::seen::{Case, of_answer, of_look, of_record, of_session};
use crate::sessions::Sessions;
use crate::stage::{Happening, Stage};
use crate::store::Store;
use crate::trace::Who;
use crate::words;

/// How late the dispatcher may look at what has arrived or is due, in milliseconds: a busy machine.
const LOOK_MS_MAX: u64 = 10;

/// What comes over the network.
#[derive(Debug)]
enum Arrival {
    Asked(SessionId, Request),
    Ended(SessionId, bool),
}

/// While it is stopped: since when by its clock, and until when.
#[derive(Debug, Clone, Copy)]
struct Stall {
    since: Time,
    until: Time,
}

/// See the module.
#[derive(Debug)]
pub struct Dispatcher {
    /// There is none while it is down.
    scheduler: Option<Scheduler>,
    store: Box<dyn Store>,
    /// What the store should hold, with its history, for the checkers.
    disk: Disk,
    check: Check,
    bug: Option<Bug>,
    clock: Clock,
    sessions: Sessions,
    /// What has arrived while it was stopped, and is not read yet.
    sockets: Vec<Arrival>,
    /// What the scheduler is to hear next, and who looks how things are by then.
    inbox: Vec<(Event, Option<RunId>)>,
    looks: Vec<(SessionId, CommitId)>,
    /// When it looks next. Looks that were planned for another time do not happen.
    looks_at: Option<Time>,
    stall: Option<Stall>,
}

impl Dispatcher {
    pub fn new(stage: &Stage, store: Box<dyn Store>, bug: Option<Bug>) -> Dispatcher {
        let (disk, clock) = (Disk::default(), Clock::new(stage.grain_ms));
        let now = clock.at(stage.now);
        Dispatcher {
            scheduler: Some(Scheduler::restore(stage.config, store.stored(), false, now)),
            check: Check::new(stage.config, now, &disk),
            store,
            disk,
            bug,
            clock,
            sessions: Sessions::default(),
            sockets: Vec::new(),
            inbox: Vec::new(),
            looks: Vec::new(),
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
        self.arrives(stage, Arrival::Asked(session, request));
    }

    /// A connection has ended.
    pub fn ended(&mut self, stage: &mut Stage, session: SessionId, unheard: bool) {
        self.arrives(stage, Arrival::Ended(session, unheard));
    }

    fn arrives(&mut self, stage: &mut Stage, arrival: Arrival) {
        match arrival {
            arrival if self.stall.is_some() => self.sockets.push(arrival),
            Arrival::Asked(session, request) => self.reads(stage, session, request),
            Arrival::Ended(session, unheard) => {
                self.sessions.end(session);
                self.inbox.push((Event::Ended { session, unheard }, None));
            }
        }
        let ms = stage.ms(0..=LOOK_MS_MAX);
        self.look_by(stage, stage.now.after(ms));
    }

    /// A session answers what it can, and passes on what it cannot.
    fn reads(&mut self, stage: &mut Stage, session: SessionId, request: Request) {
        let reply = self.sessions.answer(session, &request, &stage.ledger);
        match (reply, request) {
            (Some(reply), request) if !self.lets_pass(&request) => {
                stage.meets(of_session(&request, &reply));
                self.say(stage, session, reply);
            }
            (_, Request::Look(commit)) => self.looks.push((session, commit)),
            (_, request) => self.inbox.extend(request.into_event(session)),
        }
    }

    fn lets_pass(&self, request: &Request) -> bool {
        self.bug == Some(Bug::TakeShortReport) && matches!(request, Request::Report { .. })
    }

    fn look_by(&mut self, stage: &mut Stage, at: Time) {
        let at = self.stall.map_or(at, |stall| stall.until);
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
        // The clock may be looked at before the sockets are read.
        let mut is_first = true;
        if let Some(stall) = self.stall.take() {
            self.was_away(stage, stall.since);
            is_first = stage.rng.bool();
        }
        if is_first {
            self.read_sockets(stage);
        }
        let consequences = self.decide(stage)?;
        let goes_on = self.carry_out(stage, consequences)?;
        if goes_on {
            self.read_sockets(stage);
            self.rest(stage)?;
        }
        Ok(())
    }

    fn read_sockets(&mut self, stage: &mut Stage) {
        for arrival in std::mem::take(&mut self.sockets) {
            self.arrives(stage, arrival);
        }
    }

    /// It goes on after a time in which it saw nothing.
    fn was_away(&mut self, stage: &mut Stage, since: Time) {
        let now = self.clock.at(stage.now);
        self.check.was_away(now, now.0 - since.0);
        if self.check.woke == now && self.disk.running().next().is_some() {
            stage.meets(Case::AwayWhileRunning);
        }
    }

    /// Its clock goes forward, and it notices.
    pub fn jump(&mut self, stage: &mut Stage, ms: u64) {
        let since = self.clock.at(stage.now);
        self.clock.jump(ms);
        stage.note(Who::Dispatcher, || format!("its clock goes {ms} ms ahead"));
        self.was_away(stage, since);
        self.look_by(stage, stage.now);
    }

    fn decide(&mut self, stage: &mut Stage) -> Result<Consequences, Broken> {
        let now = self.clock.at(stage.now);
        let mut found = Consequences::default();
        for (event, run) in std::mem::take(&mut self.inbox) {
            self.check.heard(now, &self.disk, &event)?;
            let is_end = matches!(event, Event::Ended { .. });
            if !(is_end && self.bug == Some(Bug::AssignToClosed)) {
                self.step(stage, event, run, &mut found)?;
            }
        }
        if self.deadline().is_some_and(|at| at <= now) {
            self.step(stage, Event::Ticked, None, &mut found)?;
        }
        // What is told holds for what is on disk, so it is told after that.
        let tell = |(session, commit)| Deed::Tell { session, commit };
        found.last.extend(std::mem::take(&mut self.looks).into_iter().map(tell));
        Ok(found)
    }

    fn deadline(&self) -> Option<Time> {
        self.scheduler.as_ref().and_then(Scheduler::next_deadline)
    }

    fn step(
        &mut self,
        stage: &mut Stage,
        event: Event,
        run: Option<RunId>,
        found: &mut Consequences,
    ) -> Result<(), Broken> {
        if let Some(session) = event.session() {
            stage.note_at(session, || format!("hears {}", words::event(&event)));
        }
        let event = self.looked_up(event);
        let (event, readdressed) = match self.bug {
            Some(bug) => bug.readdress(bug.distort(event), &self.check, &self.disk),
            None => (event, None),
        };
        let Some(scheduler) = &mut self.scheduler else { return Ok(()) };
        let effects = match self.bug.and_then(|bug| bug.takes_over(&event, &self.disk)) {
            Some(effects) => effects,
            None => scheduler.step(self.clock.at(stage.now), event),
        };
        self.sort(stage, effects, run, readdressed, found)
    }

    /// A user's retry comes with what the disk knows of the commit.
    fn looked_up(&self, event: Event) -> Event {
        let Event::Retried { session, commit, .. } = event else { return event };
        let stored = self.store.stored_one(commit);
        Event::Retried { session, commit, stored }
    }

    /// Effects become records, which are committed together, and what is done after that.
    fn sort(
        &mut self,
        stage: &Stage,
        effects: Vec<Effect>,
        run: Option<RunId>,
        readdressed: Option<Readdressed>,
        found: &mut Consequences,
    ) -> Result<(), Broken> {
        let now = self.clock.at(stage.now);
        for effect in effects {
            match effect {
                Effect::Remember(record) => {
                    self.check.wants(&record)?;
                    found.batch.refused(self.store.remember(&record, run).err());
                    found.batch.records.push((record, run));
                }
                Effect::Publish(commit) => found.deeds.push(Deed::Publish(commit)),
                Effect::Say(to, answer) => {
                    let session = readdressed.map_or(to, |found| found.back(to, &answer));
                    let question = self.check.answers(now, &self.disk, session, &answer)?;
                    let question = Box::new(question);
                    found.deeds.push(Deed::Say { session, answer, question });
                }
            }
        }
        Ok(())
    }

    /// Says whether the dispatcher goes on as it was.
    fn carry_out(&mut self, stage: &mut Stage, mut found: Consequences) -> Result<bool, Broken> {
        let has_records = !found.batch.records.is_empty();
        if has_records && stage.strikes(Fault::DiskRefuses) {
            self.store.roll_back();
            if self.bug != Some(Bug::IgnoreRefusal) {
                return self.start_over(stage).map(|()| false);
            }
            found.batch = Batch::default();
        } else if has_records && stage.strikes(Fault::DiskIsUnsure) {
            self.commit(stage, found.batch)?;
            return self.start_over(stage).map(|()| false);
        } else if has_records && stage.strikes(Fault::PowerFails) {
            self.lose_power(stage);
            return Ok(false);
        }
        let deeds = found.in_order(self.bug);
        let dies = !deeds.is_empty() && stage.strikes(Fault::DispatcherDiesAmidEffects);
        let lives_for = if dies { stage.rng.usize(0..=deeds.len()) } else { usize::MAX };
        let mut deeds = deeds.into_iter();
        for deed in deeds.by_ref().take(lives_for) {
            self.act(stage, deed)?;
        }
        if dies {
            self.dies_before(stage, &deeds.collect::<Vec<_>>());
        }
        Ok(!dies)
    }

    fn act(&mut self, stage: &mut Stage, deed: Deed) -> Result<(), Broken> {
        let now = self.clock.at(stage.now);
        match deed {
            Deed::Commit(batch) => self.commit(stage, batch),
            Deed::BeginResult(commit) => {
                self.disk.publish(commit, Published::InPart);
                Ok(())
            }
            Deed::Publish(commit) => {
                self.check.published(now, &self.disk, commit)?;
                stage.note(Who::Disk, || format!("has the result of {}", words::id(commit)));
                self.disk.publish(commit, Published::Whole);
                Ok(())
            }
            Deed::Say { session, answer, question } => {
                self.check.told(&self.disk, &question, &answer)?;
                let subject = subject(&question.event);
                let began = self.disk.since(subject.or(attempt_of(&answer)));
                let started = self.check.started;
                stage.meets(of_answer(&question, &answer, now, began, started));
                self.forget_earlier(&answer);
                let reply = self.sessions.heard(session, answer, subject);
                self.say(stage, session, reply);
                Ok(())
            }
            Deed::Tell { session, commit } => self.tell(stage, session, commit),
        }
    }

    fn tell(
        &mut self,
        stage: &mut Stage,
        session: SessionId,
        commit: CommitId,
    ) -> Result<(), Broken> {
        let Some(scheduler) = &self.scheduler else { return Ok(()) };
        let (overview, waits_for) = (scheduler.overview(), scheduler.waits_for(commit));
        self.check.shown(&self.disk, overview, scheduler.runners())?;
        self.check.waits(&self.disk, commit, waits_for)?;
        stage.meets(of_look(waits_for));
        self.say(stage, session, Reply::Told(overview, waits_for));
        Ok(())
    }

    /// Where an attempt begins, nobody wants to know any more what the one before has printed.
    fn forget_earlier(&mut self, answer: &Answer) {
        if let Answer::Assigned { commit, attempt: Attempt(attempt @ 2..), .. } = *answer {
            self.sessions.remove((commit, Attempt(attempt - 1)));
        }
    }

    /// The batch becomes durable.
    fn commit(&mut self, stage: &mut Stage, batch: Batch) -> Result<(), Broken> {
        let now = self.clock.at(stage.now);
        if batch.records.len() > 1 {
            stage.meets(Case::SeveralInOneBatch);
        }
        for (record, run) in &batch.records {
            stage.note(Who::Disk, || words::record(record));
            let (disk, ledger) = (&self.disk, &stage.ledger);
            let (lost, began_before) = self.check.how_ended(now, disk, record);
            self.check.record(now, disk, ledger, record, *run)?;
            self.check.output_is_here(record, *run, ledger, &self.sessions)?;
            stage.meets(of_record(record, lost, began_before));
            self.disk.remember(now, record.clone(), *run);
        }
        batch.is_taken()?;
        self.store.commit().map_err(Broken::new)?;
        self.check.is_stored(&self.disk, self.store.as_ref(), &batch)?;
        self.check.committed()
    }

    fn say(&mut self, stage: &mut Stage, session: SessionId, reply: Reply) {
        stage.note_at(session, || format!("says {}", words::reply(&reply)));
        let unheard = matches!(reply, Reply::Said(Answer::Assigned { .. }));
        if stage.write(session, reply) == Written::Failed {
            self.ended(stage, session, unheard);
        }
    }

    /// Sleeps until something arrives or is due.
    fn rest(&mut self, stage: &mut Stage) -> Result<(), Broken> {
        let deadline = self.deadline();
        if self.inbox.is_empty() && self.looks.is_empty() {
            self.check.rests(self.clock.at(stage.now), &self.disk, deadline)?;
        }
        if let Some(at) = deadline {
            let ms = stage.ms(0..=LOOK_MS_MAX);
            self.look_by(stage, self.clock.when(at).max(stage.now).after(ms));
        }
        Ok(())
    }
}
