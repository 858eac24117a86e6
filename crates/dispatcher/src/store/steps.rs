//! How a database comes to have the tables of today.

use anyhow::{Context, Result};
use log::info;
use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

/// What an empty database becomes at once.
const SCHEMA: &str = include_str!("../schema.sql");

/// How one that an older dispatcher has made comes to the same, step by step. A step that has been published is never changed.
const STEPS: &[M<'_>] = &[
    // The first one was what an empty database became at that time.
    M::up(""),
    M::up(include_str!("step_2.sql")).foreign_key_check(),
    M::up(include_str!("step_3.sql")).foreign_key_check(),
];

/// The version of a database that has taken all of them.
pub const NEWEST: usize = STEPS.len();

/// How many steps a database has taken: 0 for an empty one.
///
/// # Errors
/// Where it cannot be read.
pub fn version(database: &Connection) -> rusqlite::Result<usize> {
    database.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes those that are missing. Foreign keys must be off, for a step may put one table in the place of another.
///
/// # Errors
/// Where the database cannot be written. It is as it was then.
pub fn take(database: &mut Connection) -> Result<()> {
    match version(database)? {
        NEWEST => Ok(()),
        0 => Ok(make(database)?),
        _ => bring_up_to_date(database),
    }
}

fn make(database: &mut Connection) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "user_version", NEWEST)?;
    transaction.commit()
}

fn bring_up_to_date(database: &mut Connection) -> Result<()> {
    info!("bringing the database of an older dispatcher up to date, which is done once");
    let taken = Migrations::from_slice(STEPS).to_latest(database);
    taken.map_err(reason).context(
        "an older dispatcher has made it, and it cannot be brought up to date; it needs about as much room again",
    )
}

/// Without the step's text, which is long.
fn reason(error: rusqlite_migration::Error) -> anyhow::Error {
    match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => err.into(),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::types::Value;

    use super::*;

    /// A history with something in each table, as version 1 had it.
    const HISTORY: &str = "
        INSERT INTO commits (id, project, branch, place, state, attempts, lost, retries, labels,
                             submitted_ms, previous, tree, subject, author, committed_ms, skipped_unnamed)
        VALUES ('f0', 'p', 'main', 3, 'done', 3, 1, 1, 'gpu', 10, 'e0', 'd0', 'A subject', 'Ann', 5, 2),
               ('a1', 'p', NULL, 1, 'running', 1, 0, 0, '', 11, NULL, NULL, NULL, NULL, NULL, 0),
               ('70', 'q', NULL, 2, 'queued', 0, 0, 0, '', 12, NULL, NULL, NULL, NULL, NULL, 0);
        INSERT INTO verdicts VALUES ('f0', 0, 2, 1, 'failed', 'because', 1, 2, 3, 4, NULL, 20),
                                    ('f0', 1, 3, 1, 'passed', NULL, 5, 6, 7, 8, 9, 30);
        INSERT INTO attempts VALUES ('f0', 1, 'oak/1', '01', 12, NULL, NULL, 13, 'lost'),
                                    ('f0', 2, 'oak/1', '01', 14, 15, 16, 20, 'reported'),
                                    ('f0', 3, 'elm/1', '02', 21, 22, NULL, 30, 'reported'),
                                    ('a1', 1, 'elm/1', '02', 31, NULL, NULL, NULL, NULL);
        INSERT INTO units VALUES ('f0', 3, 0, 'tests/a', 'passed', 0, 7, 1, 0, 0),
                                 ('f0', 3, 1, 'tests/b', 'skipped', NULL, 8, 0, 0, 1);
        INSERT INTO cases VALUES ('f0', 3, 0, 0, 'test_it', 'passed', NULL),
                                 ('f0', 3, 0, 1, 'test_more', 'failed', 6);
        INSERT INTO skipped_commits VALUES ('f0', -1, 'b0'), ('f0', 0, 'b1');
        INSERT INTO settings VALUES ('paused');";

    const COMMITS: &str = "\
        SELECT id, project, branch, place, state, attempts, lost, retries, labels, submitted_ms, \
               previous, tree, subject, author, committed_ms, skipped_unnamed \
        FROM commits ORDER BY id";

    /// The tables that name commits, each with what its rows are in the order of.
    const OF_COMMITS: [(&str, &str); 5] = [
        ("verdicts", "number"),
        ("attempts", "attempt"),
        ("units", "position"),
        ("cases", "unit, position"),
        ("skipped_commits", "position"),
    ];

    fn of_version_1() -> Connection {
        let database = Connection::open_in_memory().unwrap();
        database.execute_batch(include_str!("version_1.sql")).unwrap();
        database.execute_batch(HISTORY).unwrap();
        database.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA user_version = 1").unwrap();
        database
    }

    fn rows(database: &Connection, sql: &str) -> Vec<Vec<Value>> {
        let mut query = database.prepare(sql).unwrap();
        let columns = 0..query.column_count();
        let row = |row: &rusqlite::Row<'_>| columns.clone().map(|column| row.get(column)).collect();
        query.query_map([], row).unwrap().map(Result::unwrap).collect()
    }

    /// The tables and indexes, without the words that are for people.
    fn tables(database: &Connection) -> Vec<String> {
        let without_comments = |sql: &str| {
            sql.lines().map(|line| line.split("--").next().unwrap()).collect::<String>()
        };
        let text = |row: &Vec<Value>| match &row[0] {
            Value::Text(sql) => without_comments(sql).replace([' ', '"'], ""),
            other => panic!("{other:?}"),
        };
        let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
        rows(database, sql).iter().map(text).collect()
    }

    #[test]
    fn an_old_database_comes_to_the_same_as_an_empty_one() {
        let (mut empty, mut old) = (Connection::open_in_memory().unwrap(), of_version_1());
        assert_ne!(tables(&empty), tables(&old));
        take(&mut empty).unwrap();
        take(&mut old).unwrap();
        assert_eq!(tables(&empty), tables(&old));
        assert_eq!([empty, old].map(|database| version(&database).unwrap()), [NEWEST; 2]);
    }

    #[test]
    fn an_old_database_keeps_all_that_is_in_it() {
        let mut database = of_version_1();
        let of_commits = |database: &Connection, from: &str| {
            OF_COMMITS.map(|(table, order)| {
                let from = from.replace("TABLE", table);
                rows(database, &format!("SELECT {from} ORDER BY id, {order}"))
            })
        };
        let before = of_commits(&database, "commit_id AS id, * FROM TABLE");
        let commits = rows(&database, COMMITS);
        assert!(before.iter().all(|rows| rows.len() > 1) && commits.len() == 3);
        take(&mut database).unwrap();

        let after = of_commits(
            &database,
            "c.id AS id, o.* FROM TABLE o JOIN commits c ON c.place = o.commit_place",
        );
        let without = |column: usize, mut all: Vec<Vec<Value>>| {
            all.iter_mut().for_each(|row| drop(row.remove(column)));
            all
        };
        // The second column is the id before, and the place after.
        let [before, after] = [before, after].map(|tables| tables.map(|rows| without(1, rows)));
        assert_eq!(after, before);
        assert_eq!(rows(&database, COMMITS), commits);
        assert_eq!(rows(&database, "SELECT name FROM settings").len(), 1);
    }

    #[test]
    fn one_that_has_no_room_for_it_stays_as_it_is_and_says_so_in_a_line() {
        let mut database = of_version_1();
        let (before, history) = (tables(&database), rows(&database, COMMITS));
        let pages: i64 = database.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        database.pragma_update(None, "max_page_count", pages + 3).unwrap();
        let said = format!("{:#}", take(&mut database).unwrap_err());
        assert!(said.contains("about as much room again: ") && said.contains("full"), "{said}");
        assert!(said.len() < 250, "{said}");
        assert_eq!((tables(&database), rows(&database, COMMITS)), (before, history));
        assert_eq!(version(&database).unwrap(), 1);
    }
}
