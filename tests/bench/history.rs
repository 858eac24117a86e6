//! What a long history costs: the start, and a look.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use pontus_tests::{Speaker, Yard, made_up, project_root};

/// The history of the contract's promise.
const VERDICTS: u32 = 100_000;

/// How long a start may take with it, in time of the processor: the machine is not ours alone.
const START_MAX: Duration = Duration::from_secs(2);

/// How long the answer to `status` may take.
const STATUS_MAX: Duration = Duration::from_millis(50);

/// How often each is measured; the best of each counts.
const ROUNDS: usize = 3;

/// Writes what the dispatcher would have remembered of so many commits that were tested.
const REMEMBER: &str = r#"
import sqlite3, sys
database, schema, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = sqlite3.connect(database, isolation_level=None)
db.executescript(open(schema).read() + "PRAGMA user_version = 1; PRAGMA synchronous = OFF; BEGIN")
commits = [("%08x" % number * 5, number + 1) for number in range(count)]
def insert(table, columns, values):
    db.executemany("INSERT INTO %s (%s) VALUES (?1, %s)" % (table, columns, values), commits)
insert("commits", "id, place, project, branch, state, attempts, submitted_ms",
       "?2, 'test_repo', 'main', 'done', 1, 1795356843000")
insert("attempts", "commit_id, attempt, runner, instance, started_ms, ended_ms, fate",
       "1, 'oak/1', printf('%032d', ?2), 1795356843000, 1795356844000, 'reported'")
insert("verdicts", "commit_id, number, attempt, reported, verdict, passed, failed, skipped, "
       "duration_ms, output_bytes, decided_ms", "0, 1, 1, 'passed', ?2, 0, 0, 1000, 0, 1795356844000")
db.execute("COMMIT")
"#;

#[test]
fn a_long_history_costs_little() {
    let yard = Yard::new();
    remember(&yard);
    let mut start = Duration::MAX;
    let mut status = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let mut dispatcher = yard.dispatcher(&[]);
        eprintln!("start with {VERDICTS} verdicts: {:?} by the clock", begun.elapsed());
        start = start.min(dispatcher.processor_time());
        let mut client = Speaker::client(&yard);
        for _ in 0..10 {
            let asked = Instant::now();
            assert_eq!(client.status(500).commits.len(), 500);
            status = status.min(asked.elapsed());
        }
        dispatcher.stop();
    }
    eprintln!("start {start:?} of the processor; status of 500 commits {status:?}");
    assert!(start < START_MAX, "{start:?}");
    assert!(status < STATUS_MAX, "{status:?}");
}

/// As many verdicts in the database, and their results.
fn remember(yard: &Yard) {
    let folder = yard.path().join("test_results");
    fs::create_dir_all(folder.join(".pontus")).unwrap();
    let mut command = yard.command_of("python3");
    command.args(["-c", REMEMBER]).arg(folder.join(".pontus/pontus.db"));
    command.arg(project_root().join("crates/dispatcher/src/schema.sql"));
    assert!(command.arg(VERDICTS.to_string()).status().unwrap().success());
    for number in 0..VERDICTS {
        // Nobody reads them: a file that is there is whole.
        File::create(folder.join(made_up(number).to_string())).unwrap();
    }
}
