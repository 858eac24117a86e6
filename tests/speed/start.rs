//! From exec to being there.

use std::time::{Duration, Instant};

use pontus_tests::{Goal, Spread, Yard, remember};

use crate::crew::yard;
use crate::table::Row;

const ROUNDS: usize = 20;
const ROUNDS_WITH_PAST: usize = 5;
const VERDICTS: u32 = 100_000;

/// Goals of their own, in milliseconds.
const EMPTY_MS: f64 = 10.0;
const WITH_PAST_MS: f64 = 500.0;
const REGISTERED_MS: f64 = 15.0;

pub fn measure() -> Vec<Row> {
    let empty = yard();
    let old = yard();
    remember(&old, VERDICTS);
    let started = (0..ROUNDS).map(|_| starts(&yard()));
    let started = Spread::of_times(started.collect::<Vec<_>>()).median();
    let with_past = Spread::of_times((0..ROUNDS_WITH_PAST).map(|_| starts(&old))).median();
    let row = |what: &str, measured, limit| Row {
        what: what.to_owned(),
        measured,
        unit: "ms",
        limit,
        limited_by: "the goal",
        goal: Goal::Under(1.0),
    };
    vec![
        row("exec → listening, in an empty folder", started, EMPTY_MS),
        row(
            "exec → listening, again",
            Spread::of_times((0..ROUNDS).map(|_| starts(&empty))).median(),
            EMPTY_MS,
        ),
        row("exec → listening, 100,000 verdicts", with_past, WITH_PAST_MS),
        row("a runner, exec → registered", registered(&empty).median(), REGISTERED_MS),
    ]
}

fn starts(yard: &Yard) -> Duration {
    let begun = Instant::now();
    let mut dispatcher = yard.dispatcher(&[]);
    let took = begun.elapsed();
    dispatcher.stop();
    took
}

fn registered(yard: &Yard) -> Spread {
    let _dispatcher = yard.dispatcher(&[]);
    Spread::of_times((0..ROUNDS).map(|_| {
        let begun = Instant::now();
        let mut runner = yard.runner(&[]);
        runner.wait_for("is connected to");
        let took = begun.elapsed();
        runner.stop();
        took
    }))
}
