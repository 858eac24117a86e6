//! What is remembered is there after the next start, and what is not ours is left alone.

use std::fs;

use pontus_proto::{
    About, Attempt, CaseOutcome, CaseReport, CommitId, Counts, InstanceId, Outcome, Report, State,
    UnitReport, Verdict,
};
use pontus_scheduler::{Record, Stored, StoredState, Submission, Why};
use rusqlite::Connection;
use tempfile::TempDir;

use super::files::beside;
use super::{LOG_BYTES, Reader, Store};
use crate::engine::Enclosed;

fn commit() -> CommitId {
    "ab".repeat(20).parse().unwrap()
}

fn submitted() -> Record {
    let submission = Submission {
        commit: commit(),
        project: "test_repo".parse().unwrap(),
        branch: Some("main".parse().unwrap()),
        labels: Vec::new(),
    };
    Record::Submitted { submission, place: 7 }
}

/// All that the observer said of it.
fn submission() -> pontus_proto::Submission {
    pontus_proto::Submission {
        commit: commit(),
        project: "test_repo".parse().unwrap(),
        branch: Some("main".parse().unwrap()),
        previous: Some("02".repeat(20).parse().unwrap()),
        skipped: vec!["01".repeat(20).parse().unwrap(), "00".repeat(20).parse().unwrap()],
        skipped_unnamed: 3,
        labels: Vec::new(),
        about: Some(About {
            tree: "03".repeat(20).parse().unwrap(),
            subject: Some("Count from one".parse().unwrap()),
            author: None,
            committed_ms: 1_795_356_843_000,
        }),
    }
}

/// What comes with the event of which `record` is to be made.
fn enclosed(record: &Record) -> Enclosed {
    match record {
        Record::Submitted { .. } => Enclosed::Submission(Box::new(submission())),
        Record::Decided { why: Why::Report, .. } => Enclosed::Report(Box::new(report())),
        _ => Enclosed::Nothing,
    }
}

fn assigned(attempt: u32) -> Record {
    let instance = InstanceId::from_bytes([9; 16]);
    let runner = "oak/1".parse().unwrap();
    Record::Assigned { commit: commit(), attempt: Attempt(attempt), runner, instance }
}

fn decided(attempt: u32, why: Why) -> Record {
    Record::Decided { commit: commit(), attempt: Attempt(attempt), why }
}

fn report() -> Report {
    let case = CaseReport {
        name: "test_it".parse().unwrap(),
        outcome: CaseOutcome::Passed,
        duration_ms: None,
    };
    let unit = UnitReport {
        unit: "tests/a".parse().unwrap(),
        outcome: Outcome::Failed,
        exit: Some(1),
        duration_ms: 12,
        counts: Counts { passed: 1, failed: 2, skipped: 3 },
        cases: vec![case],
    };
    Report {
        verdict: Verdict::Failed,
        reason: Some("because".to_owned()),
        counts: Counts { passed: 1, failed: 2, skipped: 3 },
        duration_ms: u64::MAX,
        checked_out_ms: Some(5),
        first_output_ms: None,
        output_bytes: 17,
        units: vec![unit],
    }
}

/// What the next start finds after `records`.
fn stored_after(records: &[Record]) -> (TempDir, Store, Vec<Stored>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pontus.db");
    let mut store = Store::open(&path).unwrap();
    for record in records {
        store.remember(record, &enclosed(record), 1_000).unwrap();
    }
    store.commit().unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    let stored = store.stored().unwrap();
    (folder, store, stored)
}

fn one(records: &[Record]) -> Stored {
    let (_folder, _store, mut stored) = stored_after(records);
    assert_eq!(stored.len(), 1);
    stored.remove(0)
}

#[test]
fn a_commit_is_remembered_through_its_life() {
    let queued = Stored {
        commit: commit(),
        project: "test_repo".parse().unwrap(),
        branch: Some("main".parse().unwrap()),
        labels: Vec::new(),
        place: 7,
        attempts: 0,
        lost: 0,
        is_retried: false,
        state: StoredState::Queued,
    };
    let running = StoredState::Running {
        runner: "oak/1".parse().unwrap(),
        instance: InstanceId::from_bytes([9; 16]),
    };
    let lost = Record::Lost { commit: commit(), attempt: Attempt(1) };
    let back = Record::GivenBack { commit: commit(), attempt: Attempt(2) };
    let life = [submitted(), assigned(1), lost, assigned(2), back, assigned(3)];
    assert_eq!(one(&life[..1]), queued);
    assert_eq!(one(&life[..2]), Stored { attempts: 1, state: running.clone(), ..queued.clone() });
    assert_eq!(one(&life[..3]), Stored { attempts: 1, lost: 1, ..queued.clone() });
    assert_eq!(one(&life[..5]), Stored { attempts: 2, lost: 1, ..queued.clone() });
    assert_eq!(one(&life), Stored { attempts: 3, lost: 1, state: running, ..queued.clone() });
    let done = [&life[..], &[decided(3, Why::Report)]].concat();
    let state = StoredState::Done { reported: Some(Attempt(3)) };
    assert_eq!(one(&done), Stored { attempts: 3, lost: 1, state, ..queued });
}

#[test]
fn a_verdict_has_all_that_its_result_says() {
    let (_folder, store, _) = stored_after(&[submitted(), assigned(1), decided(1, Why::Report)]);
    let facts = store.facts(commit()).unwrap().unwrap();
    assert_eq!((facts.header.skipped.len(), facts.header.skipped_unnamed), (2, 3));
    assert!(facts.header.skipped[0].to_string().starts_with("01"), "oldest first, as handed in");
    assert_eq!(facts.header.runner.unwrap().as_str(), "oak/1");
    assert_eq!((facts.header.attempt, facts.header.started_ms), (Attempt(1), Some(1_000)));
    assert_eq!((facts.verdict, facts.reason.as_deref()), (Verdict::Failed, Some("because")));
    assert_eq!(facts.counts, report().counts);
    assert_eq!(facts.output_bytes, Some(17));
    assert_eq!(facts.duration_ms, i64::MAX as u64, "SQLite's largest number");
}

#[test]
fn what_a_commit_says_of_itself_can_be_asked_for() {
    let (_folder, store, _) = stored_after(&[submitted()]);
    let sql = "SELECT previous, tree, subject, author, committed_ms FROM commits";
    let text = |row: &rusqlite::Row<'_>, column| row.get::<_, Option<String>>(column);
    let columns = |row: &rusqlite::Row<'_>| {
        Ok(([text(row, 0)?, text(row, 1)?, text(row, 2)?, text(row, 3)?], row.get::<_, i64>(4)?))
    };
    let said = store.database.query_row(sql, [], columns).unwrap();
    let texts = [Some("02".repeat(20)), Some("03".repeat(20)), Some("Count from one".into()), None];
    assert_eq!(said, (texts, 1_795_356_843_000));
}

#[test]
fn units_and_cases_can_be_asked_for() {
    let (_folder, store, _) = stored_after(&[submitted(), assigned(1), decided(1, Why::Report)]);
    let row = |sql: &str| -> (String, String, i64) {
        let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        store.database.query_row(sql, [], columns).unwrap()
    };
    let unit = row("SELECT unit, outcome, failed FROM units");
    assert_eq!(unit, ("tests/a".to_owned(), "failed".to_owned(), 2));
    let case = row("SELECT name, outcome, unit FROM cases");
    assert_eq!(case, ("test_it".to_owned(), "passed".to_owned(), 0));
}

#[test]
fn what_is_known_of_a_commit_goes_along_to_its_next_place() {
    let again = Record::Retried { commit: commit(), place: 8 };
    let life = [submitted(), assigned(1), decided(1, Why::Report), again, assigned(2)];
    let (folder, store, stored) = stored_after(&life);
    assert_eq!((stored[0].place, stored[0].attempts), (8, 2));
    let reader = Reader::open(&folder.path().join("pontus.db"), store.places()).unwrap();
    let shown = reader.shown(commit()).unwrap().unwrap();
    assert_eq!((shown.attempts.len(), shown.submission.skipped.len()), (2, 2));
    assert_eq!(reader.units(commit(), Attempt(1)).unwrap(), report().units);
    assert_eq!(reader.output_bytes(commit(), Attempt(1)).unwrap(), Some(17));
}

#[test]
fn what_is_not_committed_yet_is_not_read() {
    let (folder, mut store, _) = stored_after(&[]);
    let reader = Reader::open(&folder.path().join("pontus.db"), store.places()).unwrap();
    let state = || reader.standing(commit()).unwrap().map(|standing| standing.state);
    let again = Record::Retried { commit: commit(), place: 8 };
    let life = [
        (submitted(), State::Queued),
        (decided(0, Why::Cancelled), State::Done),
        (again, State::Queued),
    ];
    let mut before = None;
    for (record, after) in life {
        store.remember(&record, &enclosed(&record), 1_000).unwrap();
        assert_eq!(state(), before, "{record:?}");
        store.commit().unwrap();
        assert_eq!(state(), Some(after), "{record:?}");
        before = Some(after);
    }
}

#[test]
fn what_was_rolled_back_can_be_handed_in_again() {
    let (_folder, mut store, _) = stored_after(&[]);
    store.remember(&submitted(), &enclosed(&submitted()), 1_000).unwrap();
    store.roll_back();
    assert_eq!(store.stored().unwrap(), []);
    store.remember(&submitted(), &enclosed(&submitted()), 1_000).unwrap();
}

#[test]
fn a_commit_that_somebody_has_put_there_twice_is_refused() {
    let (_folder, store, _) = stored_after(&[submitted()]);
    let twice = "INSERT INTO commits (place, id, project, state, submitted_ms) \
                 SELECT 9, id, project, state, submitted_ms FROM commits";
    store.database.execute_batch(twice).unwrap();
    let error = store.stored().unwrap_err().to_string();
    assert!(error.contains("twice"), "{error}");
}

#[test]
fn lost_runners_are_an_error() {
    let (_folder, store, stored) =
        stored_after(&[submitted(), assigned(1), decided(1, Why::RunnersLost(1))]);
    assert_eq!(stored[0].state, StoredState::Done { reported: None });
    let facts = store.facts(commit()).unwrap().unwrap();
    assert_eq!(facts.verdict, Verdict::Error);
    assert_eq!(facts.output_bytes, None);
}

#[test]
fn what_was_not_committed_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pontus.db");
    let mut store = Store::open(&path).unwrap();
    store.remember(&submitted(), &enclosed(&submitted()), 1_000).unwrap();
    drop(store);
    assert_eq!(Store::open(&path).unwrap().stored().unwrap(), []);
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let refusal = |sql: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pontus.db");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&path).unwrap();
        let error = format!("{:#}", Store::open(&path).unwrap_err());
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
        error
    };
    assert!(refusal("CREATE TABLE recipes (name TEXT)").contains("not a database of Pontus"));
    assert!(refusal("PRAGMA application_id = 77").contains("not a database of Pontus"));
    let newer = "PRAGMA application_id = 0x504f4e54; PRAGMA user_version = 99";
    assert!(refusal(newer).contains("newer dispatcher"));
}

#[test]
fn what_is_not_ours_keeps_its_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pontus.db");
    let theirs = Connection::open(&path).unwrap();
    theirs.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE recipes (name TEXT)").unwrap();
    // As after a crash of theirs: nobody has it open, and not all of it is in the file.
    let log = path.with_file_name("pontus.db-wal");
    let files = || [&path, &log].map(|path| fs::read(path).unwrap());
    let before = files();
    drop(theirs);
    for (path, bytes) in [&path, &log].into_iter().zip(&before) {
        fs::write(path, bytes).unwrap();
    }
    assert!(Store::open(&path).is_err());
    assert_eq!(files(), before);
}

#[test]
fn what_was_removed_is_noticed_and_written_anew() {
    for name in ["pontus.db", "pontus.db-wal", "pontus.db-shm"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pontus.db");
        let mut store = Store::open(&path).unwrap();
        store.remember(&submitted(), &enclosed(&submitted()), 1_000).unwrap();
        store.commit().unwrap();
        let mut reader = Reader::open(&path, store.places()).unwrap();
        assert!(store.is_in_place());
        fs::remove_file(folder.path().join(name)).unwrap();
        assert!(!store.is_in_place(), "{name}");
        store = store.renewed().unwrap();
        assert!(store.is_in_place(), "{name}");
        store.remember(&assigned(1), &Enclosed::Nothing, 2_000).unwrap();
        store.commit().unwrap();
        reader.follow();
        let attempt = reader.standing(commit()).unwrap().map(|standing| standing.attempt);
        assert_eq!(attempt, Some(Attempt(1)), "{name}");
        // Killed, not closed.
        std::mem::forget(store);
        assert_eq!(Store::open(&path).unwrap().stored().unwrap().len(), 1, "{name}");
    }
}

#[test]
fn another_file_in_its_place_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pontus.db");
    let store = Store::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    assert!(!store.is_in_place());
    let error = store.renewed().unwrap_err().to_string();
    assert!(error.contains("another file"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pontus.db");
    fs::write(&path, "this is no database at all, and long enough to be sure of it".repeat(99))
        .unwrap();
    let error = format!("{:#}", Store::open(&path).unwrap_err());
    assert!(error.contains("not a database"), "{error}");
}

#[test]
#[should_panic = "handed in already"]
fn a_commit_is_queued_once() {
    let (_folder, mut store, _) = stored_after(&[submitted()]);
    let Record::Submitted { submission, .. } = submitted() else { unreachable!() };
    let again = Record::Submitted { submission, place: 8 };
    store.remember(&again, &enclosed(&again), 1_000).ok();
}

#[test]
fn the_log_is_brought_into_the_file_when_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("pontus.db"), folder.path().join("copy.db"));
    let mut store = Store::open(&path).unwrap();
    // What the file says without its log.
    let is_paused_in_file = || {
        fs::copy(&path, &copy).unwrap();
        let tables = "SELECT count(*) FROM sqlite_schema";
        let database = Connection::open(&copy).unwrap();
        let count: i64 = database.query_row(tables, [], |row| row.get(0)).unwrap();
        let paused = "SELECT count(*) FROM settings";
        count > 0 && database.query_row(paused, [], |row| row.get::<_, i64>(0)).unwrap() == 1
    };
    for number in 1..=super::TIDY_AFTER {
        assert!(!is_paused_in_file(), "{number}");
        store.remember(&Record::Paused(number % 2 == 0), &Enclosed::Nothing, 0).unwrap();
        store.commit().unwrap();
        store.tidy().unwrap();
    }
    assert!(is_paused_in_file());
}

#[test]
fn a_log_that_is_made_beforehand_is_no_part_of_any_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("pontus.db")).unwrap();
    let log_bytes = |store: &Store| fs::metadata(&beside(&store.path)[0]).unwrap().len();
    store.tidy().unwrap();
    assert!(log_bytes(&store) < LOG_BYTES, "nothing has come yet");
    for record in [submitted(), assigned(1)] {
        store.remember(&record, &enclosed(&record), 1_000).unwrap();
        store.commit().unwrap();
        store.tidy().unwrap();
        assert_eq!(log_bytes(&store), LOG_BYTES);
        // As a killed process leaves it.
        let killed = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), killed.path().join(entry.file_name())).unwrap();
        }
        fs::remove_file(killed.path().join("pontus.db-shm")).unwrap();
        let found = Store::open(&killed.path().join("pontus.db")).unwrap().stored().unwrap();
        assert_eq!(found, store.stored().unwrap());
        assert_eq!(found.len(), 1);
    }
}
