//! From records to rows.

use pontus_proto::limits::SKIPPED_MAX;
use pontus_proto::{Attempt, CommitId, Counts, Label, Report, Submission, Verdict};
use pontus_scheduler::{Record, Why};
use rusqlite::{named_params, params};

use super::Store;
use crate::engine::Enclosed;

impl Store {
    /// Writes one record; `enclosed` is what came with its event.
    pub(super) fn write(
        &self,
        record: &Record,
        enclosed: &Enclosed,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        match record {
            Record::Submitted { place, .. } => {
                let Enclosed::Submission(submission) = enclosed else {
                    unreachable!("the engine passes on the submission that the event came with")
                };
                self.write_submission(submission, *place, now_ms)
            }
            Record::Assigned { commit, attempt, runner, instance } => {
                let place = self.place(*commit)?;
                self.execute(
                    "INSERT INTO attempts (commit_place, attempt, runner, instance, started_ms) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![place, attempt.0, runner.as_str(), instance.as_str(), now_ms],
                )?;
                self.execute(
                    "UPDATE commits SET state = 'running', attempts = ?2 WHERE place = ?1",
                    params![place, attempt.0],
                )
            }
            Record::Lost { commit, attempt } => {
                let place = self.place(*commit)?;
                self.end_attempt(place, *attempt, "lost", now_ms)?;
                self.execute(
                    "UPDATE commits SET state = 'queued', lost = lost + 1 WHERE place = ?1",
                    [place],
                )
            }
            Record::GivenBack { commit, attempt } => {
                let place = self.place(*commit)?;
                self.end_attempt(place, *attempt, "given_back", now_ms)?;
                self.execute("UPDATE commits SET state = 'queued' WHERE place = ?1", [place])
            }
            Record::Retried { commit, place } => {
                self.execute(
                    "UPDATE commits \
                     SET state = 'queued', place = ?2, lost = 0, retries = retries + 1 \
                     WHERE place = ?1",
                    params![self.place(*commit)?, place],
                )?;
                self.places.put(*commit, *place);
                Ok(())
            }
            Record::Paused(true) => {
                self.execute("INSERT OR IGNORE INTO settings (name) VALUES ('paused')", [])
            }
            Record::Paused(false) => self.execute("DELETE FROM settings WHERE name = 'paused'", []),
            Record::Decided { commit, attempt, why } => {
                self.write_verdict(*commit, *attempt, *why, enclosed, now_ms)
            }
        }
    }

    fn write_submission(
        &self,
        submission: &Submission,
        place: u64,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        let about = submission.about.as_ref();
        self.execute(
            "INSERT INTO commits (id, project, branch, place, state, submitted_ms, previous, \
                                  labels, tree, subject, author, committed_ms, skipped_unnamed) \
             VALUES (:id, :project, :branch, :place, 'queued', :submitted_ms, :previous, \
                     :labels, :tree, :subject, :author, :committed_ms, :skipped_unnamed)",
            named_params! {
                ":id": submission.commit.to_string(),
                ":project": submission.project.as_str(),
                ":branch": submission.branch.as_ref().map(|branch| branch.as_str()),
                ":place": place,
                ":submitted_ms": now_ms,
                ":previous": submission.previous.map(|commit| commit.to_string()),
                ":labels": lines(&submission.labels),
                ":tree": about.map(|about| about.tree.to_string()),
                ":subject": about.and_then(|about| Some(about.subject.as_ref()?.as_str())),
                ":author": about.and_then(|about| Some(about.author.as_ref()?.as_str())),
                ":committed_ms": about.map(|about| about.committed_ms),
                ":skipped_unnamed": stored_number(submission.skipped_unnamed),
            },
        )?;
        let before = self.places.put(submission.commit, place);
        assert_eq!(before, None, "the scheduler knows what was handed in already");
        self.write_skipped(place, &submission.skipped)
    }

    /// By which a commit is named in all tables.
    fn place(&self, commit: CommitId) -> rusqlite::Result<u64> {
        self.places.of(commit).ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    fn write_skipped(&self, place: u64, skipped: &[CommitId]) -> rusqlite::Result<()> {
        skipped.iter().enumerate().try_for_each(|(position, skipped)| {
            self.execute(
                "INSERT INTO skipped_commits (commit_place, position, skipped_id) \
                 VALUES (?1, ?2, ?3)",
                params![place, position as i64, skipped.to_string()],
            )
        })
    }

    fn write_verdict(
        &self,
        commit: CommitId,
        attempt: Attempt,
        why: Why,
        enclosed: &Enclosed,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        let place = self.place(commit)?;
        let ours;
        let report = match why {
            Why::Report => {
                let Enclosed::Report(report) = enclosed else {
                    unreachable!("the engine passes on the report that the event came with")
                };
                self.end_reported(place, attempt, report, now_ms)?;
                report
            }
            Why::RunnersLost(count) => {
                ours = said(Verdict::Error, runners_lost(count));
                &ours
            }
            Why::Cancelled => {
                self.end_attempt(place, attempt, "cancelled", now_ms)?;
                ours = said(Verdict::Cancelled, "at a user's word".to_owned());
                &ours
            }
            Why::GaveWay(newer) => {
                self.add_skipped(self.place(newer)?, commit)?;
                ours = said(Verdict::Cancelled, format!("gave way to {newer}"));
                &ours
            }
        };
        self.execute("UPDATE commits SET state = 'done' WHERE place = ?1", [place])?;
        self.execute(
            "INSERT INTO verdicts (commit_place, number, attempt, reported, verdict, reason, \
                                   passed, failed, skipped, duration_ms, output_bytes, decided_ms) \
             SELECT place, retries, :attempt, :reported, :verdict, :reason, \
                    :passed, :failed, :skipped, :duration_ms, :output_bytes, :decided_ms \
             FROM commits WHERE place = :place",
            named_params! {
                ":place": place,
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
        self.write_units(place, attempt, report)
    }

    /// Names one more commit that `newer` stands for: an older one than those that its observer named. Over the limit it is
    /// only counted.
    fn add_skipped(&self, newer: u64, older: CommitId) -> rusqlite::Result<()> {
        let sql = "SELECT count(*) FROM skipped_commits WHERE commit_place = ?1";
        let named: usize =
            self.database.prepare_cached(sql)?.query_row([newer], |row| row.get(0))?;
        if named >= SKIPPED_MAX {
            return self.execute(
                "UPDATE commits SET skipped_unnamed = skipped_unnamed + 1 WHERE place = ?1",
                [newer],
            );
        }
        self.execute(
            "INSERT INTO skipped_commits (commit_place, position, skipped_id) \
             SELECT ?1, coalesce(min(position), 0) - 1, ?2 FROM skipped_commits \
             WHERE commit_place = ?1",
            params![newer, older.to_string()],
        )
    }

    fn write_units(&self, place: u64, attempt: Attempt, report: &Report) -> rusqlite::Result<()> {
        report.units.iter().zip(0i64..).try_for_each(|(unit, position)| {
            self.execute(
                "INSERT INTO units (commit_place, attempt, position, unit, outcome, exit, \
                                    duration_ms, passed, failed, skipped) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    place,
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
                    "INSERT INTO cases (commit_place, attempt, unit, position, name, outcome, \
                                        duration_ms) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        place,
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
        place: u64,
        attempt: Attempt,
        fate: &str,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE attempts SET ended_ms = ?3, fate = ?4 \
             WHERE commit_place = ?1 AND attempt = ?2 AND ended_ms IS NULL",
            params![place, attempt.0, now_ms, fate],
        )
    }

    fn end_reported(
        &self,
        place: u64,
        attempt: Attempt,
        report: &Report,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE attempts SET ended_ms = ?3, fate = 'reported', checked_out_ms = ?4, \
                                 first_output_ms = ?5 \
             WHERE commit_place = ?1 AND attempt = ?2",
            params![
                place,
                attempt.0,
                now_ms,
                report.checked_out_ms.map(stored_number),
                report.first_output_ms.map(stored_number)
            ],
        )
    }

    pub(super) fn execute(&self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
        self.database.prepare_cached(sql)?.execute(values).map(|_| ())
    }
}

/// The report of a verdict that is ours, not a runner's.
fn said(verdict: Verdict, reason: String) -> Report {
    Report {
        verdict,
        reason: Some(reason),
        counts: Counts::default(),
        duration_ms: 0,
        checked_out_ms: None,
        first_output_ms: None,
        output_bytes: 0,
        units: Vec::new(),
    }
}

fn runners_lost(count: u32) -> String {
    format!("runners lost: {count} attempts, none was reported")
}

/// Labels as they are stored: they have no control characters, so a newline parts them.
fn lines(labels: &[Label]) -> String {
    labels.iter().map(Label::as_str).collect::<Vec<_>>().join("\n")
}

/// SQLite's integers have a sign.
fn stored_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
