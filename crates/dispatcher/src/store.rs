//! What the dispatcher remembers, in SQLite. One thread owns it; all that has arrived goes into one transaction.

mod read;
mod reader;
mod write;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use pontus_scheduler::Record;
use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

pub use self::reader::{Reader, Standing};
use crate::engine::Enclosed;
use crate::exit::DiskFailed;

/// The schema, step by step. A step that has been published is never changed.
const STEPS: &[M<'_>] = &[M::up(include_str!("schema.sql"))];

/// `application_id` of a database that is ours.
const APPLICATION_ID: i64 = 0x504f_4e54;

/// How long to wait for somebody who looks into the database with a tool of their own.
const BUSY: Duration = Duration::from_secs(5);

/// The open database.
#[derive(Debug)]
pub struct Store {
    database: Connection,
    in_transaction: bool,
    path: PathBuf,
    /// Device and inode of the file that is open.
    identity: (u64, u64),
}

impl Store {
    /// Opens the database, new or as it was left.
    ///
    /// # Errors
    /// Where it cannot be read, is not ours, is newer than this program, or does not promise to be durable.
    pub fn open(path: &Path) -> Result<Store> {
        let open = || -> Result<Store> {
            let database = open(path)?;
            let (path, identity) = (path.to_owned(), identity(path)?);
            Ok(Store { database, in_transaction: false, path, identity })
        };
        open().with_context(|| format!("cannot use {}", path.display()))
    }

    /// Whether the open file is still the one that the next start would find.
    pub fn is_in_place(&self) -> bool {
        identity(&self.path).is_ok_and(|found| found == self.identity)
    }

    /// Writes all that was committed to a new file, be the open one removed or not, and goes on with that.
    ///
    /// # Errors
    /// Where there is a file already, or it cannot be written.
    pub fn written_to(&self, path: &Path) -> Result<Store> {
        // What a removed database leaves beside it would be taken for the new one's.
        for suffix in ["-wal", "-shm"] {
            let mut beside = path.as_os_str().to_owned();
            beside.push(suffix);
            fs::remove_file(beside).ok();
        }
        let target = path.to_str().context("the path is not UTF-8")?;
        self.database.execute("VACUUM INTO ?1", [target])?;
        let store = Store::open(path)?;
        File::open(path)?.sync_all()?;
        File::open(path.parent().unwrap_or(path))?.sync_all()?;
        Ok(store)
    }

    /// Forgets what was remembered since the last commit.
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
            self.database.execute_batch("COMMIT").context(DiskFailed)?;
        }
        Ok(())
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        if !self.in_transaction {
            self.database.execute_batch("BEGIN IMMEDIATE")?;
            self.in_transaction = true;
        }
        Ok(())
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

fn open(path: &Path) -> Result<Connection> {
    let mut database = Connection::open(path)?;
    database.busy_timeout(BUSY)?;
    refuse_foreign(&database)?;
    let mode: String = database.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    database.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")?;
    let synchronous: i64 = database.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
    if (mode.as_str(), synchronous) != ("wal", 2) {
        bail!("it does not promise durability here (journal {mode}, synchronous {synchronous})");
    }
    Migrations::from_slice(STEPS).to_latest(&mut database)?;
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
    let version: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > STEPS.len() as i64 {
        bail!("it was written by a newer dispatcher; use that one, or another --results-dir");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
