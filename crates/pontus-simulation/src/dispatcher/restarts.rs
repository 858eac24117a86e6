//! How a dispatcher stops, ends, and comes back.

use pontus_proto::{Attempt, CommitId};
use pontus_scheduler::{Effect, Scheduler, Time};

use super::deeds::{Consequences, Deed};
use super::{Dispatcher, Stall};
use crate::check::{Broken, Check, subject};
use crate::disk::Published;
use crate::faults::RESTART_MS_MAX;
use crate::seen::Case;
use crate::stage::{Happening, Stage};
use crate::trace::Who;
use crate::words;

impl Dispatcher {
    /// It stops, and goes on later as if nothing had been.
    pub fn stall(&mut self, stage: &mut Stage, ms: u64) {
        stage.note(Who::Dispatcher, || format!("stands still for {ms} ms"));
        let until = stage.now.after(ms);
        self.stall = Some(Stall { since: self.clock.at(stage.now), until });
        self.looks_at = None;
        self.look_by(stage, until);
    }

    /// Somebody removes the output of an attempt, though not while its report is under way: what is gone then is gone.
    pub fn lose_output(&mut self, stage: &mut Stage) {
        let is_reported = |attempt: &(CommitId, Attempt)| {
            self.inbox.iter().any(|(event, _)| subject(event) == Some(*attempt))
        };
        let attempt = self.sessions.any(&mut stage.rng).filter(|attempt| !is_reported(attempt));
        if let Some((commit, attempt)) = attempt {
            let words = || format!("loses the output of {}", words::try_of(commit, attempt));
            stage.note(Who::Disk, words);
            self.sessions.remove((commit, attempt));
        }
    }

    /// It is killed: all that is not on its disk is gone.
    pub fn die(&mut self, stage: &mut Stage) {
        self.store.crash();
        self.is_gone(stage);
    }

    /// It is killed, and leaves these undone.
    pub(super) fn dies_before(&mut self, stage: &mut Stage, undone: &[Deed]) {
        stage.note(Who::Dispatcher, || {
            let undone: Vec<_> = undone.iter().map(Deed::words).collect();
            format!("is killed before it could {}", undone.join(", "))
        });
        if let Some(case) = undone.first().and_then(died_before) {
            stage.meets(case);
        }
        self.die(stage);
    }

    /// Its machine loses power while a batch is made durable.
    pub(super) fn lose_power(&mut self, stage: &mut Stage) {
        let share = stage.rng.u16(0..1_000);
        stage.note(Who::Disk, || format!("has {share} thousandths of the batch"));
        self.store.tear(share);
        self.sessions.lose_some(&mut stage.rng);
        self.is_gone(stage);
    }

    fn is_gone(&mut self, stage: &mut Stage) {
        stage.note(Who::Dispatcher, || "is gone".to_owned());
        self.forget(stage);
        stage.dispatcher_is_up = false;
        let ms = stage.ms(1..=RESTART_MS_MAX);
        stage.plan_in(ms, Happening::Restart);
    }

    fn forget(&mut self, stage: &mut Stage) {
        self.scheduler = None;
        self.sessions.end_all();
        self.sockets.clear();
        self.inbox.clear();
        self.looks.clear();
        self.looks_at = None;
        self.stall = None;
        stage.end_every_server_side();
    }

    /// The disk has taken nothing of a batch, or says so. The scheduler may know more than there is, so every connection ends,
    /// and it begins anew with what is on disk.
    pub(super) fn start_over(&mut self, stage: &mut Stage) -> Result<(), Broken> {
        stage.meets(Case::StartedOver);
        self.forget(stage);
        self.restart(stage)
    }

    /// It comes back from its disk, and publishes what was decided and not yet published.
    pub fn restart(&mut self, stage: &mut Stage) -> Result<(), Broken> {
        let now = self.clock.at(stage.now);
        stage.note(Who::Dispatcher, || "begins with what is on disk".to_owned());
        stage.dispatcher_is_up = true;
        self.check = Check::new(stage.config, now, &self.disk);
        self.check.is_found(&self.disk, self.store.as_ref())?;
        let effects = self.restore(stage, now);
        self.publish_missing(stage)?;
        let mut found = Consequences::default();
        self.sort(stage, effects, None, None, &mut found)?;
        if self.carry_out(stage, found)? { self.rest(stage) } else { Ok(()) }
    }

    fn restore(&mut self, stage: &mut Stage, now: Time) -> Vec<Effect> {
        let (records, paused) = (self.store.stored(), self.store.is_paused());
        if self.disk.running().next().is_some() {
            stage.meets(Case::RestoredRunning);
        }
        if paused {
            stage.meets(Case::RestoredPaused);
        }
        let (scheduler, effects) = match self.bug {
            Some(bug) => bug.restore(stage.config, records, paused, now),
            None => (Scheduler::restore(stage.config, records, paused, now), Vec::new()),
        };
        self.scheduler = Some(scheduler);
        effects
    }

    fn publish_missing(&mut self, stage: &mut Stage) -> Result<(), Broken> {
        let decided = self.disk.entries().filter(|entry| entry.verdict.is_some());
        // What is there by its name is taken to be whole.
        let missing = decided.filter(|entry| entry.published == Published::Not);
        let commits: Vec<_> = missing.map(|entry| entry.submission.commit).collect();
        for commit in commits {
            stage.meets(Case::PublishedAtStart);
            self.act(stage, Deed::Publish(commit))?;
        }
        Ok(())
    }
}

/// What a dispatcher did not come to, as a case.
fn died_before(undone: &Deed) -> Option<Case> {
    match undone {
        Deed::Commit(_) => Some(Case::DiedBeforeCommit),
        Deed::Publish(_) => Some(Case::DiedBeforePublish),
        Deed::Say { .. } => Some(Case::DiedBeforeSaying),
        Deed::BeginResult(_) | Deed::Tell { .. } => None,
    }
}
