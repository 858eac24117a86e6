//! What the engine does when the disk takes nothing, or somebody has removed what it works in.
//!
//! The scheduler has then decided more than the disk knows, so both start over from the disk, as after a restart of the
//! process: nothing of it was said to anybody. Every session ends, and its peer dials again.

use std::time::Duration;

use anyhow::{Context, Result};
use log::{error, info};
use pontus_scheduler::{Scheduler, Time};
use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked};
use rusqlite::ffi::{SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_WRITE};

use super::{DISK_CHECK, Engine, Message};
use crate::clock::wall_ms;
use crate::exit::{self, DiskFailed};
use crate::folder::Held;
use crate::glance::Glance;
use crate::mailbox::Address;
use crate::publisher::Job;
use crate::repair;

/// What keeps the engine from its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The disk takes nothing, or somebody else keeps the database locked.
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
        // To try costs more than to ask for it, and many may be asking.
        if self.trouble.is_some() && self.clock.until(self.next_try) > Duration::ZERO {
            return Ok(false);
        }
        self.next_try = self.clock.now().after(DISK_CHECK.as_millis() as u64);
        if !self.is_in_place() {
            self.mend()?;
        } else if self.trouble == Some(Trouble::Gone) {
            // It was put back as it was.
            info!("{} is there again", self.folder.results().display());
            self.trouble = None;
        }
        if self.trouble == Some(Trouble::Full) && self.takes_something() {
            info!("the disk takes something again");
            self.trouble = None;
        }
        Ok(self.trouble.is_none())
    }

    /// Whether what we work with is what the next start would find. To look behind each name takes a part of a hand-out, so that is done
    /// where a name may have changed, and now and then.
    fn is_in_place(&mut self) -> bool {
        let seen = Glance::of(&self.folder.hidden(), wall_ms());
        let is_known = |(found, until): (Glance, Time)| {
            Some(found) == seen && self.clock.until(until) > Duration::ZERO
        };
        if self.found.is_some_and(is_known) {
            return true;
        }
        let is_in_place = self.folder.is_ours() && self.store.is_in_place();
        let until = self.clock.now().after(DISK_CHECK.as_millis() as u64);
        self.found = seen.filter(|_| is_in_place).map(|seen| (seen, until));
        is_in_place
    }

    /// Starts over where `error` is one that may pass.
    ///
    /// # Errors
    /// The same, where it is not.
    pub(super) fn give_way(&mut self, error: anyhow::Error) -> Result<()> {
        if !self.may_pass(&error) {
            return Err(error);
        }
        let (cause, database) = (error.root_cause(), self.folder.database());
        let database = database.display();
        error!("cannot write {database}: {cause}; nothing is acknowledged until it can be");
        self.start_over(Trouble::Full)
    }

    /// Whether it is worth waiting. SQLite knows a full disk only by `ENOSPC`: over a quota, or where there is no room for
    /// its shared memory, it says that it could not write, and why is the disk's to tell.
    fn may_pass(&self, error: &anyhow::Error) -> bool {
        let of_sqlite = error.chain().find_map(|cause| cause.downcast_ref::<rusqlite::Error>());
        let Some(found) = of_sqlite.and_then(rusqlite::Error::sqlite_error) else {
            return exit::is_full(error);
        };
        match found.extended_code {
            SQLITE_IOERR_WRITE | SQLITE_IOERR_SHMSIZE => {
                self.folder.try_room().is_err_and(|error| exit::is_full_kind(error.kind()))
            }
            // It opens its log and its shared memory when it wants them: then a descriptor may be missing.
            _ => {
                exit::is_full(error)
                    || matches!(found.code, DatabaseBusy | DatabaseLocked | CannotOpen)
            }
        }
    }

    fn takes_something(&self) -> bool {
        self.folder.try_room().is_ok() && self.store.is_free()
    }

    /// Goes back to what the disk knows.
    ///
    /// # Errors
    /// Where the database cannot be read.
    fn start_over(&mut self, trouble: Trouble) -> Result<()> {
        self.trouble = Some(trouble);
        self.store.roll_back();
        let stored = self.store.stored().context(DiskFailed)?;
        let paused = self.store.is_paused().context(DiskFailed)?;
        // A batch may have been committed and not acted upon any more: its results are made up for. A folder that is made anew
        // is looked through anyway.
        if trouble == Trouble::Full
            && let Ok(missing) = repair::missing(&self.folder, &self.store, &stored, self.keep)
        {
            self.have_done(Job::Repair(missing));
        }
        self.scheduler = Scheduler::restore(self.config, stored, paused, self.clock.now());
        for mailbox in std::mem::take(&mut self.mailboxes).into_values() {
            mailbox.start_over();
        }
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
                    // The scheduler knows no session by now.
                    let mailbox = event.session().and_then(|id| self.mailboxes.remove(&id));
                    mailbox.iter().for_each(Address::start_over);
                }
                Message::Asked(..) | Message::Failed(_) | Message::Stop => {}
            }
        }
    }

    /// Makes the folder anew. The database is still open, so all that it knows is written again.
    fn mend(&mut self) -> Result<()> {
        match self.remake() {
            Ok(()) => {
                let path = self.folder.results().display();
                info!("what was removed from {path} has been made anew");
                self.start_over(Trouble::Gone)?;
                self.trouble = None;
            }
            Err(error) if error.is::<Held>() || error.is::<DiskFailed>() => return Err(error),
            Err(error) if self.trouble != Some(Trouble::Gone) => {
                let path = self.folder.results().display();
                error!(
                    "{path} is not ours any more, and cannot be made anew: {error:#}; trying until it can be"
                );
                self.start_over(Trouble::Gone)?;
            }
            Err(_) => {}
        }
        Ok(())
    }

    fn remake(&mut self) -> Result<()> {
        self.folder.remake()?;
        if !self.store.is_in_place() {
            self.store = self.store.renewed()?;
        }
        let stored = self.store.stored().context(DiskFailed)?;
        let repaired = repair::repair(&self.folder, &self.store, &stored, self.keep)?;
        self.have_done(Job::Repair(repaired.missing));
        Ok(())
    }
}
