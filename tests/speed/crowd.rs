//! Thousands of idle runners on one dispatcher.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pontus_proto::limits::POLL_MS_MAX;
use pontus_tests::{Goal, Process, Spread, Yard};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::crew::{Crew, READY, dispatcher, register, yard};
use crate::handout::Pair;
use crate::limits::let_pass;
use crate::table::Row;

const CROWDS: [usize; 2] = [1_000, 4_000];

/// A poll of each, so that all of it is seen.
const IDLE: Duration = Duration::from_millis(POLL_MS_MAX);
const HAND_OUTS: u32 = 200;
const PATIENCE: Duration = Duration::from_millis(50);

/// Goals of their own, not multiples of anything: of memory a runner, of a core, of the time until all are registered.
const KIB: f64 = 16.0;
const CORE_PERCENT: f64 = 1.0;
const REGISTERED_S: f64 = 2.0;

pub fn measure() -> Vec<Row> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    CROWDS.into_iter().flat_map(crowd).collect()
}

fn crowd(runners: usize) -> Vec<Row> {
    let yard = yard();
    let dispatcher = dispatcher(&yard, &["--max-connections", "5000"]);
    // Its memory has all that hand-outs take.
    let mut first = Pair::of(&yard, 0);
    for number in 0..HAND_OUTS {
        first.hand_out(number);
    }
    drop(first);
    let empty_bytes = dispatcher.resident_bytes();
    let begun = Instant::now();
    let mut crew = gather(&yard, runners);
    let gathered = begun.elapsed();
    let (percent, [crowded, alone]) = observe(&mut crew, &dispatcher, &yard);
    let bytes = dispatcher.resident_bytes().saturating_sub(empty_bytes);
    let row = |what: &str, measured, unit, limit, limited_by, goal| Row {
        what: format!("{runners} runners, {what}"),
        measured,
        unit,
        limit,
        limited_by,
        goal: Goal::Under(goal),
    };
    let kib = bytes as f64 / 1024.0 / runners as f64;
    let mut rows = vec![
        row("memory of each", kib, "KiB", KIB, "the goal", 1.0),
        row("all of them idle", percent, "% of a core", CORE_PERCENT, "the goal", 1.0),
        row("hand-out to another", crowded.median(), "ms", alone.median(), "alone", 1.2),
    ];
    if runners == CROWDS[0] {
        let seconds = gathered.as_secs_f64();
        rows.push(row(
            "from dialling at once to registered",
            seconds,
            "s",
            REGISTERED_S,
            "the goal",
            1.0,
        ));
    }
    rows
}

/// Of two dispatchers in turns, so that both find the machine alike.
fn hand_outs(yards: [&Yard; 2]) -> [Spread; 2] {
    let mut pairs = yards.map(|yard| (Pair::of(yard, 0), Vec::new()));
    for number in HAND_OUTS..2 * HAND_OUTS {
        for (pair, took) in &mut pairs {
            took.push(pair.hand_out(number));
        }
    }
    pairs.map(|(_, took)| Spread::of_times(took))
}

/// All dial at once. Whom a dispatcher shows out among so many strangers dials again, as a runner does.
fn gather(yard: &Yard, runners: usize) -> Crew {
    let mut crew = Crew::of(Vec::new());
    (0..runners).for_each(|runner| crew.dial(yard, runner, "runner"));
    let mut registered = BTreeSet::new();
    while registered.len() < runners {
        for (runner, line) in crew.hear(PATIENCE) {
            if line.is_empty() {
                crew.dial(yard, runner, "runner");
            } else if line.contains("welcome") {
                crew.say(runner, &project_of(runner));
            } else if line.contains("registered") {
                registered.insert(runner);
                crew.say(runner, READY);
            } else {
                assert!(line.contains("idle"), "{line}");
                crew.say(runner, READY);
            }
        }
    }
    crew
}

/// The crowd tests another project, so that nothing is handed out to it.
fn project_of(runner: usize) -> String {
    register(runner + 1).replace(crate::crew::PROJECT, "another")
}

/// Keeps the crowd waiting, first all by itself, then while commits are handed out to another runner: percent of a core, and how
/// long a hand-out takes, and one of a dispatcher that has no crowd.
fn observe(crew: &mut Crew, dispatcher: &Process, crowded: &Yard) -> (f64, [Spread; 2]) {
    let over = AtomicBool::new(false);
    let alone = yard();
    let _other = crate::crew::dispatcher(&alone, &[]);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for (runner, line) in crew.hear(PATIENCE) {
                    assert!(line.contains("idle"), "{line}");
                    crew.say(runner, READY);
                }
            }
        });
        let (begun, spent) = (Instant::now(), dispatcher.processor_time_of_threads());
        let_pass(IDLE);
        let spent = dispatcher.processor_time_of_threads() - spent;
        let percent = 100.0 * spent.as_secs_f64() / begun.elapsed().as_secs_f64();
        let took = hand_outs([crowded, &alone]);
        over.store(true, Ordering::Relaxed);
        waiting.join().unwrap();
        (percent, took)
    })
}
