//! Whole cycles: a commit is handed in, handed out, and has its verdict, all on the disk.

use std::time::{Duration, Instant};

use pontus_tests::{Goal, Spread, Yard};

use crate::crew::{Crew, Peer, READY, dispatcher, register, report, submit, yard};
use crate::limits::{Sqlite, rate};
use crate::table::Row;

const RUNNERS: [usize; 3] = [1, 8, 64];
const ROUNDS: usize = 4;
const TIME: Duration = Duration::from_millis(600);

/// At 64 runners so many times as many as rows are committed one by one.
const GOAL: f64 = 3.0;

pub fn measure() -> Vec<Row> {
    ["two cores", "one core"].into_iter().flat_map(measure_on).collect()
}

fn measure_on(cores: &'static str) -> Vec<Row> {
    let yard = yard();
    let dispatcher = dispatcher(&yard, &[]);
    if cores == "one core" {
        pin(&yard, dispatcher.id());
    }
    let mut sqlite = Sqlite::in_folder(yard.path());
    let (mut rows, mut cycled) = (Vec::new(), [const { Vec::new() }; 3]);
    let mut number = 0;
    for _ in 0..ROUNDS {
        rows.push(rate(TIME / 2, || sqlite.commit()));
        for (runners, rates) in RUNNERS.iter().zip(&mut cycled) {
            rates.push(cycles(&yard, *runners, &mut number));
        }
    }
    let limit = Spread::of(rows).median();
    let row = |(runners, rates): (&usize, Vec<f64>)| Row {
        what: format!("{runners} runners, {cores}"),
        measured: Spread::of(rates).median(),
        unit: "/s",
        limit,
        limited_by: "SQLite rows",
        goal: if *runners == 64 { Goal::AtLeast(GOAL) } else { Goal::Shown },
    };
    RUNNERS.iter().zip(cycled).map(row).collect()
}

/// Leaves a whole process one core. Ours has the other one.
fn pin(yard: &Yard, process: u32) {
    let mut taskset = yard.command_of("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", "0", &process.to_string()]);
    assert!(taskset.output().unwrap().status.success());
}

/// So many runners that report at once, and as many observers, each of which hands in a commit for each verdict.
fn cycles(yard: &Yard, runners: usize, number: &mut u32) -> f64 {
    let peer = |index| Peer::greeted(yard, if index < runners { "runner" } else { "observer" });
    let mut crew = Crew::of((0..2 * runners).map(peer).collect());
    (0..runners).for_each(|runner| crew.say(runner, &register(runner)));
    // Observers that wait for a verdict, and commits that are still to be handed in.
    let (mut resting, mut owed) = ((runners..2 * runners).collect::<Vec<_>>(), runners + 1);
    let (begun, mut verdicts) = (Instant::now(), 0);
    while begun.elapsed() < TIME {
        while owed > 0
            && let Some(observer) = resting.pop()
        {
            *number += 1;
            owed -= 1;
            crew.say(observer, &submit(*number));
        }
        for (peer, line) in crew.hear(TIME) {
            if line.contains("\"accepted\"") {
                resting.push(peer);
            } else if line.contains("\"assigned\"") {
                crew.say(peer, &report(&line));
            } else {
                let is_recorded = line.contains("\"recorded\"");
                assert!(
                    is_recorded || line.contains("registered") || line.contains("idle"),
                    "{line}"
                );
                verdicts += i32::from(is_recorded);
                owed += usize::from(is_recorded);
                crew.say(peer, READY);
            }
        }
    }
    f64::from(verdicts) / begun.elapsed().as_secs_f64()
}
