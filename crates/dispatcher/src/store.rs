//! What the dispatcher remembers, in SQLite. One thread owns it; all that has arrived goes into one transaction.

mod files;
mod places;
mod reader;
mod rows;
mod steps;
mod write;

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use log::debug;
use pontus_scheduler::Record;
use rusqlite::Connection;
use rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
use rusqlite::ffi::SQLITE_IOERR_FSYNC;

use self::files::Files;
pub use self::places::Places;
pub use self::reader::{LazyReader, Reader, Standing};
use crate::engine::Enclosed;
use crate::exit::DiskFailed;
use crate::folder::{UNFINISHED, sync_folder};

/// `application_id` of a database that is ours.
const APPLICATION_ID: i64 = 0x504f_4e54;

/// How long to wait for somebody who writes into the database with a tool of their own. Everybody else waits meanwhile, so it
/// is short: whoever takes longer is treated like a disk that takes nothing for now.
const BUSY: Duration = Duration::from_secs(1);

/// After so many transactions the log is brought into the database itself, when nobody waits for it: about as often as SQLite does
/// it of its own accord, in the midst of a commit, where transactions are small.
const TIDY_AFTER: u32 = 128;

/// As long as the log is made beforehand: about what so many small transactions take. What is written over is durable with one write
/// where what is added to a file takes several, since the file's length has to be so, too.
const LOG_BYTES: u64 = 3 * 1024 * 1024;

/// The log's pages after which SQLite does it in a commit all the same: 16 MiB.
const LOG_PAGES_MAX: u32 = 4096;

/// The open database.
#[derive(Debug)]
pub struct Store {
    database: Connection,
    in_transaction: bool,
    /// Since the log was last brought into the database.
    transactions: u32,
    /// Whether the log is as long as it is about to be.
    is_log_made: bool,
    path: PathBuf,
    /// The files that are open.
    files: Files,
    /// Where each commit is.
    places: Arc<Places>,
}

impl Store {
    /// Opens the database, new or as it was left. It knows its commits once they were read with [`stored`](Store::stored).
    ///
    /// # Errors
    /// Where it cannot be read, is not ours, is newer than this program, or does not promise to be durable.
    pub fn open(path: &Path) -> Result<Store> {
        let database = open(path).with_context(|| format!("cannot use {}", path.display()))?;
        let (path, files) = (path.to_owned(), Files::of(path));
        let (in_transaction, is_log_made, places) = (false, false, Arc::default());
        Ok(Store { database, in_transaction, transactions: 0, is_log_made, path, files, places })
    }

    /// Where each commit is, for those who read.
    pub fn places(&self) -> &Arc<Places> {
        &self.places
    }

    /// Whether what is open is still what the next start would find.
    pub fn is_in_place(&self) -> bool {
        Files::of(&self.path) == self.files
    }

    /// Whether it can be written to: nobody else has locked it.
    pub fn is_free(&self) -> bool {
        let asked = self.database.busy_timeout(Duration::ZERO);
        let free = asked.and_then(|()| self.database.execute_batch("BEGIN IMMEDIATE; ROLLBACK"));
        self.database.busy_timeout(BUSY).and(free).is_ok()
    }

    /// Writes all that was committed to a new file of the same name, and goes on with that. For when somebody has removed the
    /// file that is open, or what lies beside it.
    ///
    /// # Errors
    /// Where the name is another file's by now, or the new one cannot be written. [`DiskFailed`] where it has its name and
    /// cannot be used: only a restart can go on with it then.
    pub fn renewed(&self) -> Result<Store> {
        let there = Files::of(&self.path).database;
        if there.is_some() && there != self.files.database {
            bail!("{} is another file now", self.path.display());
        }
        let new = self.path.with_added_extension(UNFINISHED);
        // One that was left half written.
        fs::remove_file(&new).ok();
        let target = new.to_str().context("the path is not UTF-8")?;
        self.database.execute("VACUUM INTO ?1", [target])?;
        // Before SQLite opens it: a file that is closed takes all locks along that this process has on it.
        File::open(&new)?.sync_all()?;
        if there.is_some() {
            self.checkpoint()?;
        }
        // It would be taken for the new one's. The old file is whole without it by now, should we be killed here.
        for path in files::beside(&self.path) {
            fs::remove_file(path).or_else(|error| match error.kind() {
                ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        // Nor may it be there beside the new one after a power failure.
        sync_folder(folder)?;
        fs::rename(&new, &self.path)?;
        sync_folder(folder)?;
        let renewed = Store::open(&self.path).context(DiskFailed)?;
        Ok(Store { places: Arc::clone(&self.places), ..renewed })
    }

    /// Brings all that is in the write-ahead log into the file itself.
    fn checkpoint(&self) -> Result<()> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy: bool = self.database.query_row(sql, [], |row| row.get(0))?;
        if is_busy {
            bail!("somebody reads {}", self.path.display());
        }
        Ok(())
    }

    /// Forgets what was remembered since the last commit. Which commits that leaves is to be read anew.
    pub fn roll_back(&mut self) {
        self.in_transaction = false;
        // SQLite may have done so by itself.
        self.database.execute_batch("ROLLBACK").ok();
    }

    /// Adds a fact to the open transaction. `enclosed` is what came with the event, `now_ms` the time of day.
    ///
    /// # Errors
    /// Where the disk fails. Unless it is only full, the process must not go on then.
    pub fn remember(&mut self, record: &Record, enclosed: &Enclosed, now_ms: i64) -> Result<()> {
        self.begin().and_then(|()| self.write(record, enclosed, now_ms)).context(DiskFailed)
    }

    /// Makes all that was remembered durable.
    ///
    /// # Errors
    /// Where the disk fails. Unless it is only full, the process must not go on then.
    pub fn commit(&mut self) -> Result<()> {
        if std::mem::take(&mut self.in_transaction) {
            self.execute("COMMIT", []).context(DiskFailed)?;
            self.transactions += 1;
        }
        Ok(())
    }

    /// Now and then, brings what is in the write-ahead log into the file itself, as far as nobody reads it; and once, makes that log
    /// ready. For when everybody has heard what was committed.
    ///
    /// # Errors
    /// Where the disk fails. What it does not take for now stays in the log, and is brought later.
    pub fn tidy(&mut self) -> Result<()> {
        if self.transactions > 0 && !std::mem::replace(&mut self.is_log_made, true) {
            self.make_log().unwrap_or_else(|error| debug!("the log has to grow: {error:#}"));
        }
        if self.transactions < TIDY_AFTER {
            return Ok(());
        }
        self.transactions = 0;
        let brought = self.database.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        brought.or_else(|error| match error.sqlite_error() {
            Some(found) if found.extended_code == SQLITE_IOERR_FSYNC => {
                Err(error).context(DiskFailed)
            }
            _ => Ok(()),
        })
    }

    /// Makes the log as long as it is about to be, so that nobody waits for that. SQLite takes zeros in it for what they are: no part
    /// of any transaction. Where it cannot be made so, it grows by itself.
    fn make_log(&mut self) -> Result<()> {
        // Nobody else adds to it meanwhile.
        self.begin()?;
        let made = self.is_in_place().then(|| lengthen(&files::beside(&self.path)[0]));
        self.roll_back();
        Ok(made.unwrap_or(Ok(()))?)
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        if !self.in_transaction {
            self.execute("BEGIN IMMEDIATE", [])?;
            self.in_transaction = true;
        }
        Ok(())
    }
}

/// Lengthens the log with zeros. A disk that has not so much room gets it back.
fn lengthen(log: &Path) -> io::Result<()> {
    let file = File::options().write(true).open(log)?;
    let bytes = file.metadata()?.len();
    let zeros = vec![0; LOG_BYTES.saturating_sub(bytes) as usize];
    let made = file.write_all_at(&zeros, bytes).and_then(|()| file.sync_all());
    made.or_else(|error| file.set_len(bytes).and(Err(error)))
}

fn open(path: &Path) -> Result<Connection> {
    let mut database = Connection::open(path)?;
    database.busy_timeout(BUSY)?;
    // Closing would bring the write-ahead log of somebody else's file into it.
    database.set_db_config(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    refuse_foreign(&database)?;
    database.set_db_config(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    let mode: String = database.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    // Foreign keys come last: until then tables may be put in the place of others.
    database.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF")?;
    database.pragma_update(None, "wal_autocheckpoint", LOG_PAGES_MAX)?;
    // The tables' checks are for others who write into them. What we write are words of types; to check each row costs a tenth of
    // all that is done for it, since the words of a check are put into a table of their own each time.
    database.pragma_update(None, "ignore_check_constraints", !cfg!(debug_assertions))?;
    let synchronous: i64 = database.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
    if (mode.as_str(), synchronous) != ("wal", 2) {
        bail!("it does not promise durability here (journal {mode}, synchronous {synchronous})");
    }
    steps::take(&mut database)?;
    database.execute_batch("PRAGMA foreign_keys = ON")?;
    Ok(database)
}

/// A database that somebody else made is never written to.
fn refuse_foreign(database: &Connection) -> Result<()> {
    let id: i64 = database.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 =
        database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id != APPLICATION_ID && (id != 0 || tables > 0) {
        bail!("it is not a database of Pontus; give another --results-dir");
    }
    if steps::version(database)? > steps::NEWEST {
        bail!("it was written by a newer dispatcher; use that one, or another --results-dir");
    }
    Ok(())
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
