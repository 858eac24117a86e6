//! What a long queue costs those at its head, and those who look at it.

use std::time::{Duration, Instant};

use pontus_tests::{Goal, Spread, Yard};

use crate::crew::{Crew, Peer, READY, dispatcher, report, submit, yard};
use crate::limits::times;
use crate::table::Row;

const QUEUED: [u32; 3] = [10, 1_000, 100_000];

/// As many commits as are queued are only looked at where they are few.
const HAND_OUTS: usize = 300;
const LOOKS: usize = 100;
const CONNECTIONS: u32 = 64;
const PATIENCE: Duration = Duration::from_secs(1);

/// Flat, within what one machine differs from itself.
const FLAT: f64 = 1.3;

pub fn measure() -> Vec<Row> {
    let yard = yard();
    let _dispatcher = dispatcher(&yard, &[]);
    let (mut queued, mut measured) = (0, Vec::new());
    for length in QUEUED {
        fill(&yard, queued..length);
        queued = length;
        measured.push((length, hand_outs(&yard, &mut queued), looks(&yard)));
    }
    let [hand_out, look] = [measured[0].1, measured[0].2];
    let rows = measured.into_iter().flat_map(|(length, handed_out, looked)| {
        let row = |what: &str, measured, limit| Row {
            what: format!("{what} with {length} queued"),
            measured,
            unit: "ms",
            limit,
            limited_by: "with 10",
            goal: Goal::Under(FLAT),
        };
        [row("hand-out", handed_out, hand_out), row("status", looked, look)]
    });
    rows.collect()
}

/// Hands commits in over many connections at once.
fn fill(yard: &Yard, numbers: std::ops::Range<u32>) {
    let peers = (0..CONNECTIONS).map(|_| Peer::greeted(yard, "observer")).collect();
    let (mut crew, mut accepted, all) = (Crew::of(peers), 0, numbers.len());
    let mut numbers = numbers;
    for (peer, number) in (0..CONNECTIONS as usize).zip(numbers.by_ref().take(CONNECTIONS as usize))
    {
        crew.say(peer, &submit(number));
    }
    while accepted < all {
        for (peer, line) in crew.hear(PATIENCE) {
            assert!(line.contains("accepted"), "{line}");
            accepted += 1;
            numbers.next().into_iter().for_each(|number| crew.say(peer, &submit(number)));
        }
    }
}

/// From a runner's word that it is ready to its commit, with another commit handed in for each.
fn hand_outs(yard: &Yard, next: &mut u32) -> f64 {
    let (mut observer, mut runner) = (Peer::greeted(yard, "observer"), Peer::runner(yard, 1));
    let took = (0..HAND_OUTS).map(|_| {
        let begun = Instant::now();
        let assigned = runner.ask(READY);
        let took = begun.elapsed();
        assert!(runner.ask(&report(&assigned)).contains("recorded"));
        assert!(observer.ask(&submit(*next)).contains("accepted"));
        *next += 1;
        took
    });
    Spread::of_times(took).median()
}

fn looks(yard: &Yard) -> f64 {
    let mut client = Peer::greeted(yard, "client");
    let status = "{\"type\":\"status\",\"commits\":10}\n";
    times(LOOKS, || assert!(client.ask(status).contains("\"status\""))).median()
}
