//! Looks into the database from a session's own thread, over a connection that only reads: whoever asks keeps nobody
//! waiting, and sees what is on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use pontus_proto::limits::ATTEMPTS_SHOWN_MAX;
use pontus_proto::{
    About, Attempt, AttemptLine, CaseOutcome, CaseReport, CommitId, CommitLine, Counts, Decided,
    Fate, Outcome, ProjectName, Shown, State, Submission, UnitReport, Verdict,
};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use super::BUSY;
use super::files::Files;
use super::places::Places;
use super::rows::{checked, checked_option, facts, header, labels, skipped, verdict};
use crate::header::Header;
use crate::results::Facts;

/// From so many of a project's newest verdicts its usual duration is taken.
const USUAL_OF: u32 = 20;

/// What `show` and `status` call a verdict's columns.
const DECIDED: &str = "v.verdict, v.reason, v.attempt, v.passed, v.failed, v.skipped, \
                       v.duration_ms, v.decided_ms";

/// A connection that only reads.
#[derive(Debug)]
pub struct Reader {
    database: Connection,
    path: PathBuf,
    files: Files,
    places: Arc<Places>,
}

/// One that is opened by the first question: most of those who may ask never do.
#[derive(Debug)]
pub struct LazyReader {
    places: Arc<Places>,
    opened: Option<Reader>,
}

impl LazyReader {
    /// One that has read nothing yet.
    pub fn new(places: &Arc<Places>) -> LazyReader {
        LazyReader { places: Arc::clone(places), opened: None }
    }

    /// A reader of the database that is in this place now.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn of(&mut self, database: &Path) -> Result<&Reader> {
        if let Some(reader) = &mut self.opened {
            reader.follow();
        }
        match &mut self.opened {
            Some(reader) => Ok(reader),
            reader => Ok(reader.insert(Reader::open(database, &self.places)?)),
        }
    }
}

/// Where a commit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it is doing.
    pub state: State,
    /// Its verdict, once it is done.
    pub verdict: Option<Verdict>,
    /// Its newest attempt; the one that decided it, once it is done; 0 where there was none.
    pub attempt: Attempt,
}

impl Reader {
    /// Opens the database that a [`Store`](super::Store) has open.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(path: &Path, places: &Arc<Places>) -> Result<Reader> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // Asked before, so that a file that takes its place meanwhile is noticed.
        let files = Files::of(path);
        let open = || {
            let database = Connection::open_with_flags(path, flags)?;
            database.busy_timeout(BUSY).map(|()| database)
        };
        let database = open().with_context(|| format!("cannot look into {}", path.display()))?;
        Ok(Reader { database, path: path.to_owned(), files, places: Arc::clone(places) })
    }

    /// Looks into the file that has the name now, where that is another one. While there is none, the last one has to do.
    pub fn follow(&mut self) {
        if Files::of(&self.path).database != self.files.database
            && let Ok(reader) = Reader::open(&self.path, &self.places)
        {
            *self = reader;
        }
    }

    /// What a commit's result file says; none where the commit is not done.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn facts(&self, commit: CommitId) -> Result<Option<Facts>> {
        self.at_once(commit, |place| facts(&self.database, commit, place))
    }

    /// What the result of a commit begins with if this attempt decides it; none where there is no such attempt.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn header(&self, commit: CommitId, attempt: Attempt) -> Result<Option<Header>> {
        self.at_once(commit, |place| header(&self.database, commit, place, attempt))
    }

    /// What `read` finds of the commit in its place, all of it as at one moment; none where the commit is unknown.
    fn at_once<T>(
        &self,
        commit: CommitId,
        read: impl FnOnce(u64) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let moment = self.database.unchecked_transaction();
        let _moment = moment.with_context(|| format!("cannot read {commit}"))?;
        match self.place(commit)? {
            Some(place) => read(place),
            None => Ok(None),
        }
    }

    /// Where a commit is, at the moment that is read.
    fn place(&self, commit: CommitId) -> Result<Option<u64>> {
        let Some(place) = self.places.of(commit) else { return Ok(None) };
        // It may have another one since, by a user's retry, or come after this moment. Then all have to be looked through.
        let sql = "SELECT place FROM commits WHERE place = ?1 AND id = ?2 \
                   UNION ALL SELECT place FROM commits WHERE id = ?2 LIMIT 1";
        let mut query = self.database.prepare_cached(sql)?;
        let found = query.query_row(params![place, commit.to_string()], |row| row.get(0));
        found.optional().with_context(|| format!("cannot read {commit}"))
    }

    /// The newest commits, newest first.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn newest(&self, count: u32) -> Result<Vec<CommitLine>> {
        let sql = "SELECT c.id, c.project, c.branch, c.state, v.verdict FROM commits c \
                   LEFT JOIN verdicts v ON v.commit_place = c.place AND v.number = c.retries \
                   ORDER BY c.place DESC LIMIT ?1";
        let mut query = self.database.prepare_cached(sql)?;
        let rows = query.query_map([count], commit_line)?;
        rows.collect::<rusqlite::Result<_>>().context("cannot list commits")
    }

    /// Where a commit stands; none where it is unknown.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn standing(&self, commit: CommitId) -> Result<Option<Standing>> {
        let sql = "SELECT c.state, v.verdict, coalesce(v.attempt, c.attempts) FROM commits c \
                   LEFT JOIN verdicts v ON v.commit_place = c.place AND v.number = c.retries \
                   WHERE c.place = ?1";
        let mut query = self.database.prepare_cached(sql)?;
        let standing = |row: &Row<'_>| {
            let verdict = verdict_option(row, 1)?;
            Ok(Standing { state: state(row, 0)?, verdict, attempt: Attempt(row.get(2)?) })
        };
        self.at_once(commit, |place| {
            let found = query.query_row([place], standing).optional();
            found.with_context(|| format!("cannot read {commit}"))
        })
    }

    /// How much an attempt printed, once somebody has reported that.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn output_bytes(&self, commit: CommitId, attempt: Attempt) -> Result<Option<u64>> {
        let sql = "SELECT output_bytes FROM verdicts \
                   WHERE commit_place = ?1 AND attempt = ?2 AND reported";
        let mut query = self.database.prepare_cached(sql)?;
        self.at_once(commit, |place| {
            let found = query.query_row(params![place, attempt.0], |row| row.get(0)).optional();
            Ok(found.with_context(|| format!("cannot read {commit}"))?.flatten())
        })
    }

    /// All that is known of a commit, except its units and its output, and what the scheduler alone knows; none where it is
    /// unknown.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn shown(&self, commit: CommitId) -> Result<Option<Shown>> {
        let sql = "SELECT project, branch, previous, skipped_unnamed, labels, tree, subject, \
                          author, committed_ms, submitted_ms, state FROM commits WHERE place = ?1";
        let mut query = self.database.prepare_cached(sql)?;
        self.at_once(commit, |place| {
            let found = query.query_row([place], |row| shown(commit, row));
            let mut shown = found.with_context(|| format!("cannot read {commit}"))?;
            shown.submission.skipped = skipped(&self.database, place)?;
            shown.decided = self.decided(place)?;
            shown.attempts = self.attempts(place)?;
            shown.usual_ms = self.usual_ms(&shown.submission.project)?;
            Ok(Some(shown))
        })
    }

    /// How the units of an attempt ended, in the order in which they ran.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn units(&self, commit: CommitId, attempt: Attempt) -> Result<Vec<UnitReport>> {
        let found = self.at_once(commit, |place| self.units_at(place, attempt).map(Some));
        Ok(found?.unwrap_or_default())
    }

    fn units_at(&self, place: u64, attempt: Attempt) -> Result<Vec<UnitReport>> {
        let sql = "SELECT unit, outcome, exit, duration_ms, passed, failed, skipped FROM units \
                   WHERE commit_place = ?1 AND attempt = ?2 ORDER BY position";
        let mut query = self.database.prepare_cached(sql)?;
        let rows = query.query_map(params![place, attempt.0], unit)?;
        let mut units: Vec<UnitReport> =
            rows.collect::<rusqlite::Result<_>>().context("cannot read units")?;
        for (position, case) in self.cases(place, attempt)? {
            if let Some(unit) = units.get_mut(position) {
                unit.cases.push(case);
            }
        }
        Ok(units)
    }

    /// The cases of an attempt, each with its unit's position.
    fn cases(&self, place: u64, attempt: Attempt) -> Result<Vec<(usize, CaseReport)>> {
        let sql = "SELECT unit, name, outcome, duration_ms FROM cases \
                   WHERE commit_place = ?1 AND attempt = ?2 ORDER BY unit, position";
        let mut query = self.database.prepare_cached(sql)?;
        let rows = query.query_map(params![place, attempt.0], case)?;
        rows.collect::<rusqlite::Result<_>>().context("cannot read cases")
    }

    fn decided(&self, place: u64) -> Result<Option<Decided>> {
        let sql = format!(
            "SELECT {DECIDED} FROM commits c \
             JOIN verdicts v ON v.commit_place = c.place AND v.number = c.retries \
             WHERE c.place = ?1"
        );
        let mut query = self.database.prepare_cached(&sql)?;
        query.query_row([place], decided).optional().context("cannot read a verdict")
    }

    fn attempts(&self, place: u64) -> Result<Vec<AttemptLine>> {
        let sql = "SELECT a.attempt, a.runner, a.fate, v.verdict, a.started_ms, a.checked_out_ms, \
                          a.first_output_ms, a.ended_ms FROM attempts a \
                   LEFT JOIN verdicts v ON v.commit_place = a.commit_place \
                                       AND v.attempt = a.attempt AND v.reported \
                   WHERE a.commit_place = ?1 ORDER BY a.attempt DESC LIMIT ?2";
        let mut query = self.database.prepare_cached(sql)?;
        let rows = query.query_map(params![place, ATTEMPTS_SHOWN_MAX], attempt_line)?;
        let mut attempts: Vec<_> =
            rows.collect::<rusqlite::Result<_>>().context("cannot read attempts")?;
        attempts.reverse();
        Ok(attempts)
    }

    /// The middle of what the project's newest commits took.
    fn usual_ms(&self, project: &ProjectName) -> Result<Option<u64>> {
        let sql = "SELECT v.duration_ms FROM commits c \
                   JOIN verdicts v ON v.commit_place = c.place AND v.number = c.retries \
                                  AND v.reported \
                   WHERE c.project = ?1 ORDER BY c.place DESC LIMIT ?2";
        let mut query = self.database.prepare_cached(sql)?;
        let rows = query.query_map(params![project.as_str(), USUAL_OF], |row| row.get(0))?;
        let mut durations: Vec<u64> =
            rows.collect::<rusqlite::Result<_>>().context("cannot read durations")?;
        durations.sort_unstable();
        Ok(durations.get(durations.len() / 2).copied())
    }
}

fn commit_line(row: &Row<'_>) -> rusqlite::Result<CommitLine> {
    Ok(CommitLine {
        commit: checked(row, 0)?,
        project: checked(row, 1)?,
        branch: checked_option(row, 2)?,
        state: state(row, 3)?,
        verdict: verdict_option(row, 4)?,
        waits_for: None,
    })
}

fn shown(commit: CommitId, row: &Row<'_>) -> rusqlite::Result<Shown> {
    let submission = Submission {
        commit,
        project: checked(row, 0)?,
        branch: checked_option(row, 1)?,
        previous: checked_option(row, 2)?,
        skipped: Vec::new(),
        skipped_unnamed: row.get(3)?,
        labels: labels(row, 4)?,
        about: about(row)?,
    };
    Ok(Shown {
        submission,
        submitted_ms: row.get(9)?,
        state: state(row, 10)?,
        waits_for: None,
        decided: None,
        attempts: Vec::new(),
        usual_ms: None,
    })
}

fn about(row: &Row<'_>) -> rusqlite::Result<Option<About>> {
    let (Some(tree), Some(committed_ms)) = (checked_option(row, 5)?, row.get(8)?) else {
        return Ok(None);
    };
    let (subject, author) = (checked_option(row, 6)?, checked_option(row, 7)?);
    Ok(Some(About { tree, subject, author, committed_ms }))
}

fn decided(row: &Row<'_>) -> rusqlite::Result<Decided> {
    Ok(Decided {
        verdict: verdict(&row.get::<_, String>(0)?),
        reason: row.get(1)?,
        attempt: Attempt(row.get(2)?),
        counts: counts(row, 3)?,
        duration_ms: row.get(6)?,
        decided_ms: row.get(7)?,
    })
}

fn attempt_line(row: &Row<'_>) -> rusqlite::Result<AttemptLine> {
    Ok(AttemptLine {
        attempt: Attempt(row.get(0)?),
        runner: checked(row, 1)?,
        fate: row.get::<_, Option<String>>(2)?.and_then(|word| fate(&word)),
        verdict: verdict_option(row, 3)?,
        started_ms: row.get(4)?,
        checked_out_ms: row.get(5)?,
        first_output_ms: row.get(6)?,
        ended_ms: row.get(7)?,
    })
}

fn unit(row: &Row<'_>) -> rusqlite::Result<UnitReport> {
    Ok(UnitReport {
        unit: checked(row, 0)?,
        outcome: outcome(&row.get::<_, String>(1)?),
        exit: row.get(2)?,
        duration_ms: row.get(3)?,
        counts: counts(row, 4)?,
        cases: Vec::new(),
    })
}

fn case(row: &Row<'_>) -> rusqlite::Result<(usize, CaseReport)> {
    let outcome = case_outcome(&row.get::<_, String>(2)?);
    Ok((row.get(0)?, CaseReport { name: checked(row, 1)?, outcome, duration_ms: row.get(3)? }))
}

fn counts(row: &Row<'_>, first: usize) -> rusqlite::Result<Counts> {
    let count = |column| row.get(first + column);
    Ok(Counts { passed: count(0)?, failed: count(1)?, skipped: count(2)? })
}

/// The table itself allows no other words.
fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    let word: String = row.get(column)?;
    let all = [State::Queued, State::Running];
    Ok(all.into_iter().find(|state| state.word() == word).unwrap_or(State::Done))
}

fn verdict_option(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Verdict>> {
    Ok(row.get::<_, Option<String>>(column)?.map(|word| verdict(&word)))
}

fn fate(word: &str) -> Option<Fate> {
    let all = [Fate::Reported, Fate::Lost, Fate::GivenBack, Fate::Cancelled];
    all.into_iter().find(|fate| fate.word() == word)
}

fn outcome(word: &str) -> Outcome {
    use Outcome::{Error, Failed, Passed, Skipped, TimedOut};
    let all = [Passed, Failed, Skipped, TimedOut];
    all.into_iter().find(|outcome| outcome.word() == word).unwrap_or(Error)
}

fn case_outcome(word: &str) -> CaseOutcome {
    let all = [CaseOutcome::Passed, CaseOutcome::Skipped];
    all.into_iter().find(|outcome| outcome.word() == word).unwrap_or(CaseOutcome::Failed)
}
