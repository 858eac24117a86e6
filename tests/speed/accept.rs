//! How many commits a second are accepted, each of them on the disk by then.

use std::time::{Duration, Instant};

use pontus_tests::{Goal, Spread, Yard};

use crate::crew::{Crew, Peer, dispatcher, submit, yard};
use crate::limits::{Fsync, Sqlite, rate};
use crate::table::Row;

const CONNECTIONS: [usize; 3] = [1, 8, 64];
const ROUNDS: usize = 3;
const TIME: Duration = Duration::from_millis(700);

/// At 64 connections so many times as many as rows are committed one by one.
const GOAL: f64 = 10.0;

pub fn measure() -> Vec<Row> {
    let yard = yard();
    let _dispatcher = dispatcher(&yard, &["--max-undecided", "10000000"]);
    let (mut fsync, mut sqlite) = (Fsync::in_folder(yard.path()), Sqlite::in_folder(yard.path()));
    let (mut fsyncs, mut rows, mut accepted) = (Vec::new(), Vec::new(), [const { Vec::new() }; 3]);
    let mut number = 0;
    for _ in 0..ROUNDS {
        fsyncs.push(rate(TIME / 2, || fsync.once()));
        rows.push(rate(TIME / 2, || sqlite.commit()));
        for (connections, rates) in CONNECTIONS.iter().zip(&mut accepted) {
            rates.push(submits(&yard, *connections, &mut number));
        }
    }
    let [fsyncs, rows] = [fsyncs, rows].map(|rates| Spread::of(rates).median());
    let rates = accepted.map(|rates| Spread::of(rates).median());
    CONNECTIONS
        .iter()
        .zip(rates)
        .flat_map(|(connections, measured)| {
            let what = format!("{connections} connections");
            let goal = if *connections == 64 { Goal::AtLeast(GOAL) } else { Goal::Shown };
            let row = |what, limit, limited_by, goal| Row {
                what,
                measured,
                unit: "/s",
                limit,
                limited_by,
                goal,
            };
            [
                row(what.clone(), fsyncs, "bare fsyncs", Goal::Shown),
                row(what, rows, "SQLite rows", goal),
            ]
        })
        .collect()
}

/// Hands in over so many connections at once, each as fast as it is answered.
fn submits(yard: &Yard, connections: usize, number: &mut u32) -> f64 {
    let mut crew = Crew::of((0..connections).map(|_| Peer::greeted(yard, "observer")).collect());
    let mut next = || {
        *number += 1;
        submit(*number)
    };
    (0..connections).for_each(|peer| crew.say(peer, &next()));
    let begun = Instant::now();
    let mut accepted = 0;
    while begun.elapsed() < TIME {
        for (peer, line) in crew.hear(TIME) {
            assert!(line.contains("accepted"), "{line}");
            accepted += 1;
            crew.say(peer, &next());
        }
    }
    f64::from(accepted) / begun.elapsed().as_secs_f64()
}
