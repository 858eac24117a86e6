//! The archive: what the dispatcher's database says, read by somebody else's hands.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cast::Cast;
use crate::oracle::{Account, Attempt, Verdict};

/// All commits, by their ids.
pub fn read(cast: &Cast) -> BTreeMap<String, Account> {
    let mut accounts = BTreeMap::<String, Account>::new();
    for row in ask(cast, "select id, state, attempts from commits") {
        let account = accounts.entry(row[0].clone()).or_default();
        (account.state, account.attempts_given) = (row[1].clone(), row[2].parse().unwrap());
    }
    let attempts = "select id, attempt, runner, ifnull(fate, ''), started_ms, ifnull(ended_ms, 0) \
                    from attempts join commits on place = commit_place order by id, attempt";
    for row in ask(cast, attempts) {
        let attempt = Attempt {
            number: row[1].parse().unwrap(),
            runner: row[2].clone(),
            fate: row[3].clone(),
            started_ms: row[4].parse().unwrap(),
            ended_ms: row[5].parse().unwrap(),
        };
        accounts.entry(row[0].clone()).or_default().attempts.push(attempt);
    }
    let verdicts = "select id, attempt, reported, verdict, ifnull(reason, '') \
                    from verdicts join commits on place = commit_place";
    for row in ask(cast, verdicts) {
        let verdict = Verdict {
            attempt: row[1].parse().unwrap(),
            reported: row[2] == "1",
            word: row[3].clone(),
            reason: row[4].clone(),
        };
        accounts.entry(row[0].clone()).or_default().verdicts.push(verdict);
    }
    accounts
}

fn ask(cast: &Cast, sql: &str) -> Vec<Vec<String>> {
    let python = match &cast.disk {
        Some(disk) => disk.command(&cast.yard, Path::new("python3")),
        None => cast.yard.command_of("python3"),
    };
    let rows = cast.yard.ask_database_by(python, sql);
    rows.iter().map(|row| row.splitn(6, '|').map(str::to_owned).collect()).collect()
}
