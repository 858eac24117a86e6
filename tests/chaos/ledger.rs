//! The ledger: what really ran, told by the tests themselves, past the system under test.
//!
//! Each commit has a lot: what its test is to do. The test writes to the ledger when it begins and when it ends, and prints lines
//! by which its output is known again.

use std::path::Path;

use fastrand::Rng;

/// What a commit's test does in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Exits with 0.
    Passes,
    /// Exits with 1.
    Fails,
    /// Exits with 77.
    Skips,
    /// Never ends by itself.
    Stays,
}

/// What a commit's test does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lot {
    /// In the end.
    pub outcome: Outcome,
    /// How many lines it prints.
    pub lines: usize,
    /// How long it stays before it ends, in milliseconds.
    pub stay_ms: u64,
}

/// A commit that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its id.
    pub commit: String,
    /// What it is to do.
    pub lot: Lot,
}

/// One time that a commit's test was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// What was tested.
    pub commit: String,
    /// Drawn by the test: no other execution has it.
    pub nonce: String,
    /// What the process that started it is called.
    pub runner: String,
    /// When, in milliseconds since 1970.
    pub begun_ms: u64,
    /// When it came to its end, and the exit status that it had in mind; none where it did not come so far.
    pub ended: Option<(u64, u8)>,
}

/// The environment variable that says where the ledger is.
pub const LEDGER: &str = "CHAOS_LEDGER";

/// The environment variable that says what the process is called that starts the tests.
pub const RUNNER: &str = "CHAOS_RUNNER";

/// The test of each commit. A line of the ledger is one write to the end of a file, so none is torn by another.
pub const SCRIPT: &str = r#"#!/bin/bash
. tests/lot.txt
read -r nonce </proc/sys/kernel/random/uuid
now() { echo "$((${EPOCHREALTIME/./} / 1000))"; }
echo "begin $PONTUS_COMMIT $nonce $CHAOS_RUNNER $(now)" >>"$CHAOS_LEDGER"
seq -f "mark $nonce %.0f" 1 "$lines"
sleep "$stay"
[ "$status" = never ] && sleep 1000
echo "last $nonce"
echo "end $nonce $(now) $status" >>"$CHAOS_LEDGER"
exit "$status"
"#;

impl Lot {
    /// Draws one. Few stay, since a timeout takes its time; some print more than goes over the wire in one piece.
    pub fn draw(rng: &mut Rng, longest_ms: u64) -> Lot {
        let outcome = match rng.u8(..100) {
            0..55 => Outcome::Passes,
            55..82 => Outcome::Fails,
            82..96 => Outcome::Skips,
            _ => Outcome::Stays,
        };
        let lines = if rng.u8(..8) == 0 { rng.usize(3_000..8_000) } else { rng.usize(1..40) };
        Lot { outcome, lines, stay_ms: rng.u64(0..=longest_ms) }
    }

    /// What stands in the commit's `tests/lot.txt`.
    pub fn text(&self, number: usize) -> String {
        let status = self.outcome.status().map_or("never".to_owned(), |status| status.to_string());
        let stay = format!("{}.{:03}", self.stay_ms / 1000, self.stay_ms % 1000);
        format!("number={number}\nlines={}\nstay={stay}\nstatus={status}\n", self.lines)
    }
}

impl Outcome {
    /// Its exit status, if it has one.
    pub fn status(self) -> Option<u8> {
        match self {
            Outcome::Passes => Some(0),
            Outcome::Fails => Some(1),
            Outcome::Skips => Some(77),
            Outcome::Stays => None,
        }
    }

    /// How the last line of its result begins.
    pub fn verdict(self) -> &'static str {
        match self {
            Outcome::Passes => "passed: 1 passed, 0 failed, 0 skipped in ",
            Outcome::Fails => "failed: 0 passed, 1 failed, 0 skipped in ",
            Outcome::Skips => "passed: 0 passed, 0 failed, 1 skipped in ",
            Outcome::Stays => "timed_out: ",
        }
    }
}

/// All executions in the ledger, in the order in which they began.
pub fn read(path: &Path) -> Vec<Execution> {
    // It is made by the first test that runs.
    parse(&std::fs::read_to_string(path).unwrap_or_default())
}

fn parse(text: &str) -> Vec<Execution> {
    let mut executions: Vec<Execution> = Vec::new();
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["begin", commit, nonce, runner, ms] => executions.push(Execution {
                commit: commit.to_owned(),
                nonce: nonce.to_owned(),
                runner: runner.to_owned(),
                begun_ms: ms.parse().unwrap(),
                ended: None,
            }),
            ["end", nonce, ms, status] => {
                let known = executions.iter_mut().rfind(|execution| execution.nonce == nonce);
                known.unwrap().ended = Some((ms.parse().unwrap(), status.parse().unwrap()));
            }
            _ => panic!("in the ledger: {line}"),
        }
    }
    executions
}

#[test]
fn an_execution_without_an_end_is_one() {
    let read = parse("begin c n1 r0i1 5\nbegin c n2 r1i1 6\nend n1 7 77\n");
    let ended: Vec<_> = read.iter().map(|execution| execution.ended).collect();
    assert_eq!(ended, [Some((7, 77)), None]);
    assert_eq!(read[1].runner, "r1i1");
}
