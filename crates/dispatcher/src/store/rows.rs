//! From rows to what the scheduler goes on from, and to what is shown.

use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use pontus_proto::{Attempt, CommitId, Counts, InvalidId, Label, Verdict};
use pontus_scheduler::{Stored, StoredState};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Store;
use crate::header::Header;
use crate::results::Facts;

/// The columns that [`stored`] reads. The attempt is the one that runs, the verdict the one that holds.
const STORED: &str = "\
    SELECT c.id, c.project, c.branch, c.place, c.attempts, c.lost, c.state, a.runner, a.instance, \
           v.attempt, v.reported, c.labels, c.retries \
    FROM commits c \
    LEFT JOIN attempts a \
      ON c.state = 'running' AND a.commit_place = c.place AND a.attempt = c.attempts \
    LEFT JOIN verdicts v ON v.commit_place = c.place AND v.number = c.retries";

impl Store {
    /// What the scheduler goes on from. From here on it is known where each commit is.
    ///
    /// # Errors
    /// Where the database cannot be read, or has a commit twice.
    pub fn stored(&self) -> Result<Vec<Stored>> {
        let mut query = self.database.prepare(STORED)?;
        let rows = query.query_map([], stored)?;
        let all: Vec<_> = rows.collect::<rusqlite::Result<_>>().context("cannot read the queue")?;
        let each_once = self.places.replace(all.iter().map(|stored| (stored.commit, stored.place)));
        ensure!(each_once, "a commit is in the queue twice; somebody else must have written there");
        Ok(all)
    }

    /// The same of one commit; none where it is unknown.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn stored_one(&self, commit: CommitId) -> Result<Option<Stored>> {
        let mut query = self.database.prepare_cached(&format!("{STORED} WHERE c.place = ?1"))?;
        let found = query.query_row([self.places.of(commit)], stored).optional();
        found.with_context(|| format!("cannot read {commit}"))
    }

    /// When each commit that is done got the verdict that holds, in milliseconds since 1970.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn decided(&self) -> Result<Vec<(CommitId, i64)>> {
        let sql = "SELECT c.id, v.decided_ms FROM commits c \
                   JOIN verdicts v ON v.commit_place = c.place AND v.number = c.retries";
        let mut query = self.database.prepare(sql)?;
        let rows = query.query_map([], |row| Ok((checked(row, 0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<_>>().context("cannot read the verdicts")
    }

    /// Whether a user wants nothing handed out.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn is_paused(&self) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM settings WHERE name = 'paused')";
        self.database.query_row(sql, [], |row| row.get(0)).context("cannot read the settings")
    }

    /// What a commit's result file says; none where the commit is not done.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn facts(&self, commit: CommitId) -> Result<Option<Facts>> {
        let Some(place) = self.places.of(commit) else { return Ok(None) };
        facts(&self.database, commit, place)
    }
}

/// What the result file of the commit in this place says; none where it is not done.
pub(super) fn facts(database: &Connection, commit: CommitId, place: u64) -> Result<Option<Facts>> {
    let sql = "SELECT c.project, c.branch, v.attempt, a.runner, a.started_ms, v.output_bytes, \
                      v.verdict, v.reason, v.passed, v.failed, v.skipped, v.duration_ms, \
                      c.skipped_unnamed, v.decided_ms, c.attempts \
               FROM commits c \
               JOIN verdicts v ON v.commit_place = c.place AND v.number = c.retries \
               LEFT JOIN attempts a ON a.commit_place = c.place AND a.attempt = v.attempt \
               WHERE c.place = ?1";
    let mut query = database.prepare_cached(sql)?;
    let found = query.query_row([place], |row| facts_of(commit, row)).optional();
    let found = found.with_context(|| format!("cannot read the verdict of {commit}"))?;
    let Some(mut facts) = found else { return Ok(None) };
    facts.header.skipped = skipped(database, place)?;
    Ok(Some(facts))
}

/// What the result of the commit in this place begins with if this attempt decides it; none where there is no such attempt.
pub(super) fn header(
    database: &Connection,
    commit: CommitId,
    place: u64,
    attempt: Attempt,
) -> Result<Option<Header>> {
    let sql = "SELECT c.project, c.branch, a.attempt, a.runner, a.started_ms, c.skipped_unnamed \
               FROM commits c JOIN attempts a ON a.commit_place = c.place \
               WHERE c.place = ?1 AND a.attempt = ?2";
    let mut query = database.prepare_cached(sql)?;
    let read = |row: &Row<'_>| header_of(commit, row, 5);
    let found = query.query_row(params![place, attempt.0], read).optional();
    let found = found.with_context(|| format!("cannot read {commit}"))?;
    let Some(header) = found else { return Ok(None) };
    Ok(Some(Header { skipped: skipped(database, place)?, ..header }))
}

/// What the commit in this place stands for, oldest first.
pub(super) fn skipped(database: &Connection, place: u64) -> Result<Vec<CommitId>> {
    let sql = "SELECT skipped_id FROM skipped_commits WHERE commit_place = ?1 ORDER BY position";
    let mut query = database.prepare_cached(sql)?;
    let rows = query.query_map([place], |row| checked(row, 0))?;
    rows.collect::<rusqlite::Result<_>>().context("cannot read what a commit stands for")
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let state: String = row.get(6)?;
    let state = match state.as_str() {
        "queued" => StoredState::Queued,
        "running" => StoredState::Running { runner: checked(row, 7)?, instance: checked(row, 8)? },
        _ => {
            StoredState::Done { reported: row.get::<_, bool>(10)?.then_some(Attempt(row.get(9)?)) }
        }
    };
    Ok(Stored {
        commit: checked(row, 0)?,
        project: checked(row, 1)?,
        branch: checked_option(row, 2)?,
        labels: labels(row, 11)?,
        is_retried: row.get::<_, u32>(12)? > 0,
        place: row.get(3)?,
        attempts: row.get(4)?,
        lost: row.get(5)?,
        state,
    })
}

/// Labels as they were stored, a line each.
pub(super) fn labels(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Label>> {
    let text: String = row.get(column)?;
    text.lines().map(|line| parsed(line, column)).collect()
}

/// From the first five columns, and how many it stands for from one behind them.
fn header_of(commit: CommitId, row: &Row<'_>, unnamed: usize) -> rusqlite::Result<Header> {
    Ok(Header {
        commit,
        project: checked(row, 0)?,
        branch: checked_option(row, 1)?,
        skipped: Vec::new(),
        skipped_unnamed: row.get(unnamed)?,
        attempt: Attempt(row.get(2)?),
        runner: checked_option(row, 3)?,
        started_ms: row.get(4)?,
    })
}

fn facts_of(commit: CommitId, row: &Row<'_>) -> rusqlite::Result<Facts> {
    Ok(Facts {
        header: header_of(commit, row, 12)?,
        newest: Attempt(row.get(14)?),
        output_bytes: row.get(5)?,
        verdict: verdict(&row.get::<_, String>(6)?),
        reason: row.get(7)?,
        counts: Counts { passed: row.get(8)?, failed: row.get(9)?, skipped: row.get(10)? },
        duration_ms: row.get(11)?,
        decided_ms: row.get(13)?,
    })
}

/// Nothing else is ever written: our words are of this type, and to others the table itself allows no more.
pub(super) fn verdict(word: &str) -> Verdict {
    use Verdict::{Cancelled, Error, Failed, Passed, TimedOut};
    let all = [Passed, Failed, TimedOut, Cancelled];
    all.into_iter().find(|verdict| verdict.word() == word).unwrap_or(Error)
}

pub(super) fn checked<T: FromStr<Err = InvalidId>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    parsed(&row.get::<_, String>(column)?, column)
}

fn parsed<T: FromStr<Err = InvalidId>>(text: &str, column: usize) -> rusqlite::Result<T> {
    text.parse().map_err(|error: InvalidId| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

pub(super) fn checked_option<T: FromStr<Err = InvalidId>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    let is_there = row.get::<_, Option<String>>(column)?.is_some();
    if is_there { checked(row, column).map(Some) } else { Ok(None) }
}
