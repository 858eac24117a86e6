//! A past: verdicts in the dispatcher's database, as if it had had them reported.

use std::fs::{self, File};

use crate::programs::project_root;
use crate::speaker::made_up;
use crate::yard::Yard;

/// Writes what the dispatcher would have remembered of so many commits that were tested.
const REMEMBER: &str = r#"
import sqlite3, sys
database, schema, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = sqlite3.connect(database, isolation_level=None)
db.executescript(open(schema).read() + "PRAGMA user_version = 2; PRAGMA synchronous = OFF; BEGIN")
commits = [("%08x" % number * 5, number + 1) for number in range(count)]
def insert(table, columns, values):
    db.executemany("INSERT INTO %s (%s) VALUES (%s)" % (table, columns, values), commits)
insert("commits", "id, place, project, branch, state, attempts, submitted_ms",
       "?1, ?2, 'test_repo', 'main', 'done', 1, 1795356843000")
insert("attempts", "commit_place, attempt, runner, instance, started_ms, ended_ms, fate",
       "?2, 1, 'oak/1', printf('%032d', ?2), 1795356843000, 1795356844000, 'reported'")
insert("verdicts", "commit_place, number, attempt, reported, verdict, passed, failed, skipped, "
       "duration_ms, output_bytes, decided_ms", "?2, 0, 1, 1, 'passed', ?2, 0, 0, 1000, 0, 1795356844000")
db.execute("COMMIT")
"#;

/// As many verdicts in the yard's database, and their results. There must be no database yet.
pub fn remember(yard: &Yard, verdicts: u32) {
    let folder = yard.path().join("test_results");
    fs::create_dir_all(folder.join(".pontus")).unwrap();
    let mut command = yard.command_of("python3");
    command.args(["-c", REMEMBER]).arg(folder.join(".pontus/pontus.db"));
    command.arg(project_root().join("crates/dispatcher/src/schema.sql"));
    assert!(command.arg(verdicts.to_string()).status().unwrap().success());
    for number in 0..verdicts {
        // Nobody reads them: a file that is there is whole.
        File::create(folder.join(made_up(number).to_string())).unwrap();
    }
}
