//! A test that prints as much as it can.

use std::time::{Duration, Instant};

use pontus_tests::{Goal, Spread};

use crate::crew::yard;
use crate::limits::pipe_to_file;
use crate::table::Row;

const BYTES: u64 = 256 * 1024 * 1024;
const ROUNDS: usize = 3;

/// Megabytes a second that are enough wherever the disk takes more.
const ENOUGH: f64 = 300.0;

pub fn measure() -> Vec<Row> {
    let yard = yard();
    let dispatcher = yard.dispatcher(&[]);
    let _runner = yard.runner(&["--output-limit", "512MiB"]);
    let lasts = |script: &str, round: usize| {
        let round = round.to_string();
        let commit = yard.commit(&[("tests/flood.sh", script), ("round", &round)]);
        let begun = Instant::now();
        yard.hand_in(&[]);
        dispatcher.wait_for(&format!("{commit}: verdict passed"));
        std::fs::remove_file(yard.path().join("test_results").join(commit)).unwrap();
        begun.elapsed()
    };
    let script = format!("#!/bin/sh\nhead -c {BYTES} /dev/zero\n");
    let rounds: Vec<(Duration, Duration, f64)> = (0..ROUNDS)
        .map(|round| {
            let quiet = lasts("#!/bin/sh\n", 2 * round);
            (quiet, lasts(&script, 2 * round + 1), pipe_to_file(&yard, BYTES))
        })
        .collect();
    let rate = |(quiet, flood, _): &(Duration, Duration, f64)| {
        BYTES as f64 / 1e6 / flood.saturating_sub(*quiet).as_secs_f64()
    };
    let measured = Spread::of(rounds.iter().map(rate)).median();
    let piped = Spread::of(rounds.iter().map(|round| round.2)).median();
    let row = |what: &str, limit, limited_by, goal| Row {
        what: what.to_owned(),
        measured,
        unit: "MB/s",
        limit,
        limited_by,
        goal,
    };
    let enough = if piped < ENOUGH { Goal::Shown } else { Goal::AtLeast(1.0) };
    let disk = if piped < ENOUGH { Goal::AtLeast(0.9) } else { Goal::Shown };
    vec![
        row("a test's pipe → result", ENOUGH, "the goal", enough),
        row("the same", piped, "head | cat > file; sync", disk),
    ]
}
