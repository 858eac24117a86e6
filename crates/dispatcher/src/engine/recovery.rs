//! What the engine does when the disk takes nothing, or somebody has removed what it works in.
//!
//! The scheduler has then decided more than the disk knows, so both start over from the disk, as after a restart of the
//! process: nothing of it was said to anybody. Every session ends, and its peer dials again.

use std::sync::atomic::Ordering;

use anyhow::Result;
use log::{error, info};
use pontus_scheduler::Scheduler;

use super::{Engine, Message};
use crate::folder::Held;
use crate::repair;

/// What keeps the engine from its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The disk takes nothing.
    Full,
    /// The folder is gone, and cannot be made anew.
    Gone,
}

impl Engine {
    /// Whether the disk can be worked with; mends what can be mended.
    ///
    /// # Errors
    /// Where another dispatcher has taken the folder over, or the database cannot be read.
    pub(super) fn disk_is_ready(&mut self) -> Result<bool> {
        if self.trouble != Some(Trouble::Full)
            && !(self.folder.is_ours() && self.store.is_in_place())
        {
            self.mend()?;
        }
        if self.trouble == Some(Trouble::Full) && self.folder.has_room() {
            info!("the disk takes something again");
            self.set_trouble(None);
        }
        Ok(self.trouble.is_none())
    }

    /// Goes back to what the disk knows.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub(super) fn start_over(&mut self, trouble: Trouble) -> Result<()> {
        self.set_trouble(Some(trouble));
        self.store.roll_back();
        let (stored, paused) = (self.store.stored()?, self.store.is_paused()?);
        self.scheduler = Scheduler::restore(self.config, stored, paused, self.clock.now());
        self.mailboxes.clear();
        Ok(())
    }

    /// Tells everybody who wants something done that it cannot be.
    pub(super) fn refuse(&mut self, batch: Vec<Message>) {
        for message in batch {
            match message {
                Message::Opened(session, mailbox) => {
                    self.mailboxes.insert(session, mailbox);
                }
                Message::Happened(event, _) => {
                    // Whoever waits for an answer hears that there is none; the scheduler knows no session by now.
                    if let Some(session) = event.session() {
                        self.mailboxes.remove(&session);
                    }
                }
                Message::Asked(question, answer) => {
                    answer.send(self.tell(question)).ok();
                }
                Message::Stop => {}
            }
        }
    }

    /// Makes the folder anew. The database is still open, so all that it knows is written again.
    fn mend(&mut self) -> Result<()> {
        match self.remake() {
            Ok(()) => {
                info!("{} is there again, written anew", self.folder.results().display());
                self.start_over(Trouble::Gone)?;
                self.set_trouble(None);
            }
            Err(error) if error.is::<Held>() => return Err(error),
            Err(error) => {
                if self.trouble.is_none() {
                    let path = self.folder.results().display();
                    error!(
                        "{path} is gone, and cannot be made anew: {error:#}; trying until it can be"
                    );
                    self.start_over(Trouble::Gone)?;
                }
            }
        }
        Ok(())
    }

    fn remake(&mut self) -> Result<()> {
        self.folder.remake()?;
        if !self.store.is_in_place() {
            self.store = self.store.written_to(&self.folder.database())?;
        }
        let stored = self.store.stored()?;
        repair::repair(&self.folder, &self.store, &stored, self.keep, &self.publisher)
    }

    fn set_trouble(&mut self, trouble: Option<Trouble>) {
        self.trouble = trouble;
        self.in_trouble.store(trouble.is_some(), Ordering::Relaxed);
    }
}
