//! From the word of who hands a commit in to the ear of an idle runner.

use std::time::{Duration, Instant};

use pontus_tests::{Goal, Spread, Yard};

use crate::crew::{Peer, READY, commit_of, dispatcher, report, submit, yard};
use crate::limits::{Fsync, Loopback, Relay};
use crate::table::Row;

const ROUNDS: u32 = 600;

/// By then the dispatcher knows that the runner is idle.
const REST: Duration = Duration::from_millis(1);

pub fn measure() -> Vec<Row> {
    let yard = yard();
    let _dispatcher = dispatcher(&yard, &[]);
    let (mut fsync, mut loopback) = (Fsync::in_folder(yard.path()), Loopback::new());
    let mut pair = Pair::of(&yard, 0);
    let mut relay = Relay::in_folder(yard.path());
    let (mut handed_out, mut limits, mut relayed) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        // A machine that has rested is slow to begin, whoever wants something of it.
        pair.rest();
        let begun = Instant::now();
        fsync.once();
        loopback.round_trip();
        limits.push(begun.elapsed());
        handed_out.push(pair.hand_out(number));
        // By then the result is written as well.
        pair.rest();
        pair.rest();
        let begun = Instant::now();
        relay.hand_out();
        relayed.push(begun.elapsed());
    }
    let [measured, limits, relayed] = [handed_out, limits, relayed].map(Spread::of_times);
    let row = |what: &str, measured, goal| Row {
        what: what.to_owned(),
        measured,
        unit: "ms",
        limit: limits.median(),
        limited_by: "fsync + round trip",
        goal,
    };
    vec![
        row("p50", measured.median(), Goal::Under(1.5)),
        row("p99", measured.percentile(99.0), Goal::Under(4.0)),
        row("p50 of the least such server", relayed.median(), Goal::Shown),
    ]
}

/// An observer and an idle runner.
pub struct Pair {
    observer: Peer,
    runner: Peer,
}

impl Pair {
    pub fn of(yard: &Yard, number: usize) -> Pair {
        let observer = Peer::greeted(yard, "observer");
        let mut runner = Peer::runner(yard, number);
        runner.say(READY);
        Pair { observer, runner }
    }

    /// Waits until the dispatcher knows that the runner is idle.
    fn rest(&mut self) {
        while self.runner.hears_within(REST) {
            // The poll has ended, and the next one begins.
            assert!(self.runner.hear().contains("idle"));
            self.runner.say(READY);
        }
    }

    /// From submission to hand-out. The runner is idle again afterwards.
    pub fn hand_out(&mut self, number: u32) -> Duration {
        self.rest();
        let line = submit(number);
        let begun = Instant::now();
        self.observer.say(&line);
        let assigned = self.runner.hear();
        let took = begun.elapsed();
        assert_eq!(commit_of(&line), commit_of(&assigned));
        assert!(self.observer.hear().contains("accepted"));
        assert!(self.runner.ask(&report(&assigned)).contains("recorded"));
        self.runner.say(READY);
        took
    }
}
