//! What the dispatcher remembers, in SQLite. One thread owns it; all that has arrived goes into one transaction.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use pontus_proto::{Attempt, CommitId, Counts, InvalidId, Report, Verdict};
use pontus_scheduler::{Record, Stored, StoredState, Why};
use rusqlite::{Connection, Row, named_params, params, types::Type};
use rusqlite_migration::{M, Migrations};

use crate::exit::DiskFailed;
use crate::results::Facts;

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
}

impl Store {
    /// Opens the database, new or as it was left.
    ///
    /// # Errors
    /// Where it cannot be read, is not ours, is newer than this program, or does not promise to be durable.
    pub fn open(path: &Path) -> Result<Store> {
        let database = open(path).with_context(|| format!("cannot use {}", path.display()))?;
        Ok(Store { database, in_transaction: false })
    }

    /// Adds a fact to the open transaction. `report` is what came with the event, `now_ms` the time of day.
    ///
    /// # Errors
    /// Where the disk fails; the process must not go on then.
    pub fn remember(
        &mut self,
        record: &Record,
        report: Option<&Report>,
        now_ms: i64,
    ) -> Result<()> {
        self.begin().and_then(|()| self.write(record, report, now_ms)).context(DiskFailed)
    }

    /// Makes all that was remembered durable.
    ///
    /// # Errors
    /// Where the disk fails; the process must not go on then.
    pub fn commit(&mut self) -> Result<()> {
        if std::mem::take(&mut self.in_transaction) {
            self.database.execute_batch("COMMIT").context(DiskFailed)?;
        }
        Ok(())
    }

    /// What the scheduler goes on from.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn stored(&self) -> Result<Vec<Stored>> {
        let sql = "SELECT c.id, c.project, c.branch, c.place, c.attempts, c.lost, c.state, \
                          a.runner, a.instance, v.attempt, v.reported \
                   FROM commits c \
                   LEFT JOIN attempts a \
                     ON c.state = 'running' AND a.commit_id = c.id AND a.attempt = c.attempts \
                   LEFT JOIN verdicts v ON v.commit_id = c.id \
                   ORDER BY c.place";
        let mut query = self.database.prepare(sql)?;
        let rows = query.query_map([], stored)?;
        rows.collect::<rusqlite::Result<_>>().context("cannot read the queue")
    }

    /// What a commit's result file says.
    ///
    /// # Errors
    /// Where the database cannot be read, or the commit is not done.
    pub fn facts(&self, commit: CommitId) -> Result<Facts> {
        let sql = "SELECT c.project, c.branch, v.attempt, a.runner, a.started_ms, v.output_bytes, \
                          v.verdict, v.reason, v.passed, v.failed, v.skipped, v.duration_ms \
                   FROM commits c \
                   JOIN verdicts v ON v.commit_id = c.id \
                   JOIN attempts a ON a.commit_id = c.id AND a.attempt = v.attempt \
                   WHERE c.id = ?1";
        let mut query = self.database.prepare_cached(sql)?;
        let found = query.query_row([commit.to_string()], |row| facts(commit, row));
        let mut facts = found.with_context(|| format!("cannot read the verdict of {commit}"))?;
        facts.skipped = self.skipped(commit)?;
        Ok(facts)
    }

    fn skipped(&self, commit: CommitId) -> Result<Vec<CommitId>> {
        let sql = "SELECT skipped_id FROM skipped_commits WHERE commit_id = ?1 ORDER BY position";
        let mut query = self.database.prepare_cached(sql)?;
        let rows = query.query_map([commit.to_string()], |row| checked(row, 0))?;
        rows.collect::<rusqlite::Result<_>>().context("cannot read what a commit stands for")
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        if !self.in_transaction {
            self.database.execute_batch("BEGIN IMMEDIATE")?;
            self.in_transaction = true;
        }
        Ok(())
    }

    fn write(&self, record: &Record, report: Option<&Report>, now_ms: i64) -> rusqlite::Result<()> {
        match record {
            Record::Submitted { submission, place } => {
                self.execute(
                    "INSERT INTO commits (id, project, branch, place, state, submitted_ms) \
                     VALUES (?1, ?2, ?3, ?4, 'queued', ?5)",
                    params![
                        submission.commit.to_string(),
                        submission.project.as_str(),
                        submission.branch.as_ref().map(|branch| branch.as_str()),
                        place,
                        now_ms
                    ],
                )?;
                self.write_skipped(submission.commit, &submission.skipped)
            }
            Record::Assigned { commit, attempt, runner, instance } => {
                self.execute(
                    "INSERT INTO attempts (commit_id, attempt, runner, instance, started_ms) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        commit.to_string(),
                        attempt.0,
                        runner.as_str(),
                        instance.as_str(),
                        now_ms
                    ],
                )?;
                self.execute(
                    "UPDATE commits SET state = 'running', attempts = ?2 WHERE id = ?1",
                    params![commit.to_string(), attempt.0],
                )
            }
            Record::Lost { commit, attempt } => {
                self.end_attempt(*commit, *attempt, "lost", now_ms)?;
                self.execute(
                    "UPDATE commits SET state = 'queued', lost = lost + 1 WHERE id = ?1",
                    [commit.to_string()],
                )
            }
            Record::GivenBack { commit, attempt } => {
                self.end_attempt(*commit, *attempt, "given_back", now_ms)?;
                self.execute(
                    "UPDATE commits SET state = 'queued' WHERE id = ?1",
                    [commit.to_string()],
                )
            }
            Record::Decided { commit, attempt, why } => {
                self.write_verdict(*commit, *attempt, *why, report, now_ms)
            }
        }
    }

    fn write_skipped(&self, commit: CommitId, skipped: &[CommitId]) -> rusqlite::Result<()> {
        skipped.iter().enumerate().try_for_each(|(position, skipped)| {
            self.execute(
                "INSERT INTO skipped_commits (commit_id, position, skipped_id) VALUES (?1, ?2, ?3)",
                params![commit.to_string(), position as i64, skipped.to_string()],
            )
        })
    }

    fn write_verdict(
        &self,
        commit: CommitId,
        attempt: Attempt,
        why: Why,
        report: Option<&Report>,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        let lost;
        let report = match why {
            Why::Report => {
                self.end_attempt(commit, attempt, "reported", now_ms)?;
                report.expect("the engine passes on the report that the event came with")
            }
            Why::RunnersLost(count) => {
                lost = runners_lost(count);
                &lost
            }
        };
        self.execute("UPDATE commits SET state = 'done' WHERE id = ?1", [commit.to_string()])?;
        self.execute(
            "INSERT INTO verdicts (commit_id, attempt, reported, verdict, reason, passed, failed, \
                                   skipped, duration_ms, output_bytes, decided_ms) \
             VALUES (:commit, :attempt, :reported, :verdict, :reason, :passed, :failed, \
                     :skipped, :duration_ms, :output_bytes, :decided_ms)",
            named_params! {
                ":commit": commit.to_string(),
                ":attempt": attempt.0,
                ":reported": why == Why::Report,
                ":verdict": report.verdict.word(),
                ":reason": report.reason,
                ":passed": report.counts.passed,
                ":failed": report.counts.failed,
                ":skipped": report.counts.skipped,
                ":duration_ms": stored_number(report.duration_ms),
                ":output_bytes": (why == Why::Report).then(|| stored_number(report.output_bytes)),
                ":decided_ms": now_ms,
            },
        )?;
        self.write_units(commit, attempt, report)
    }

    fn write_units(
        &self,
        commit: CommitId,
        attempt: Attempt,
        report: &Report,
    ) -> rusqlite::Result<()> {
        let commit = commit.to_string();
        report.units.iter().zip(0i64..).try_for_each(|(unit, position)| {
            self.execute(
                "INSERT INTO units (commit_id, attempt, position, unit, outcome, exit, \
                                    duration_ms, passed, failed, skipped) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    commit,
                    attempt.0,
                    position,
                    unit.unit.as_str(),
                    unit.outcome.word(),
                    unit.exit,
                    stored_number(unit.duration_ms),
                    unit.counts.passed,
                    unit.counts.failed,
                    unit.counts.skipped
                ],
            )?;
            unit.cases.iter().zip(0i64..).try_for_each(|(case, number)| {
                self.execute(
                    "INSERT INTO cases (commit_id, attempt, unit, position, name, outcome, \
                                        duration_ms) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        commit,
                        attempt.0,
                        position,
                        number,
                        case.name.as_str(),
                        case.outcome.word(),
                        case.duration_ms.map(stored_number)
                    ],
                )
            })
        })
    }

    fn end_attempt(
        &self,
        commit: CommitId,
        attempt: Attempt,
        fate: &str,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE attempts SET ended_ms = ?3, fate = ?4 WHERE commit_id = ?1 AND attempt = ?2",
            params![commit.to_string(), attempt.0, now_ms, fate],
        )
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
        self.database.prepare_cached(sql)?.execute(values).map(|_| ())
    }
}

/// What is said of a commit whose runners were all lost.
fn runners_lost(count: u32) -> Report {
    Report {
        verdict: Verdict::Error,
        reason: Some(format!("runners lost: {count} attempts, none was reported")),
        counts: Counts::default(),
        duration_ms: 0,
        output_bytes: 0,
        units: Vec::new(),
    }
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

/// SQLite's integers have a sign.
fn stored_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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
        place: row.get(3)?,
        attempts: row.get(4)?,
        lost: row.get(5)?,
        state,
    })
}

fn facts(commit: CommitId, row: &Row<'_>) -> rusqlite::Result<Facts> {
    Ok(Facts {
        commit,
        project: checked(row, 0)?,
        branch: checked_option(row, 1)?,
        skipped: Vec::new(),
        attempt: Attempt(row.get(2)?),
        runner: checked(row, 3)?,
        started_ms: row.get(4)?,
        output_bytes: row.get(5)?,
        verdict: verdict(&row.get::<_, String>(6)?),
        reason: row.get(7)?,
        counts: Counts { passed: row.get(8)?, failed: row.get(9)?, skipped: row.get(10)? },
        duration_ms: row.get(11)?,
    })
}

/// The table itself allows no other words.
fn verdict(word: &str) -> Verdict {
    use Verdict::{Cancelled, Error, Failed, Passed, TimedOut};
    let all = [Passed, Failed, TimedOut, Cancelled];
    all.into_iter().find(|verdict| verdict.word() == word).unwrap_or(Error)
}

fn checked<T: FromStr<Err = InvalidId>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: InvalidId| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

fn checked_option<T: FromStr<Err = InvalidId>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    let is_there = row.get::<_, Option<String>>(column)?.is_some();
    if is_there { checked(row, column).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests;
