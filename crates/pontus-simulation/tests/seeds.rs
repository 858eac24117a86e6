//! Thousands of seeds hold, and each planted bug is found.

use std::ops::Range;
use std::thread;

use pontus_simulation::{Bug, Seen, Trace, run};

const SEEDS: u64 = 2_000;
/// Within so many seeds a planted bug has to be found.
const BUG_SEEDS: u64 = 1_000;
/// How much of a failure's trace is printed.
const TRACE_LINES: usize = 40;

#[test]
fn two_thousand_seeds_hold() {
    let half = SEEDS / 2;
    let (mut seen, others) = thread::scope(|scope| {
        let others = scope.spawn(|| hold_all(half..SEEDS));
        (hold_all(0..half), others.join())
    });
    seen.merge(&others.expect("the other half holds, too"));
    eprintln!("{seen}");
    assert_eq!(seen.missing(), Vec::<&str>::new(), "never happened in {SEEDS} seeds");
}

#[test]
fn a_seed_repeats_itself() {
    for seed in [1, 2, 3] {
        let (once, twice) = (run(seed, None, Trace::kept()), run(seed, None, Trace::kept()));
        assert!(once.trace.lines().len() > 100, "seed {seed}: hardly anything happened");
        assert_eq!(once.trace.lines(), twice.trace.lines(), "seed {seed}");
    }
}

/// A bug is found where the rule that is there for it breaks, in a run that is sound without it.
#[test]
fn each_planted_bug_is_found() {
    for bug in Bug::ALL {
        let broken_by = |seed| {
            let broken = run(seed, Some(bug), Trace::silent()).broken?;
            broken.0.contains(bug.breaks()).then_some((seed, broken))
        };
        let found = (0..BUG_SEEDS).find_map(broken_by);
        let (seed, broken) = found.unwrap_or_else(|| panic!("{bug:?}: not in {BUG_SEEDS} seeds"));
        eprintln!("{bug:?}: needed {} seeds: {}", seed + 1, broken.0);
        assert_eq!(run(seed, None, Trace::silent()).broken, None, "seed {seed} without {bug:?}");
    }
}

/// The seed that `PONTUS_SEED` names, with its whole trace.
#[test]
fn one_seed() {
    let named = std::env::var("PONTUS_SEED").ok();
    let seed = named.as_ref().map_or(0, |text| text.parse().expect("PONTUS_SEED is a number"));
    let outcome = run(seed, None, Trace::kept());
    for line in outcome.trace.lines().iter().filter(|_| named.is_some()) {
        eprintln!("{line}");
    }
    assert_eq!(outcome.broken, None, "seed {seed}");
}

fn hold_all(seeds: Range<u64>) -> Seen {
    let mut seen = Seen::default();
    for seed in seeds {
        let outcome = run(seed, None, Trace::silent());
        assert!(outcome.broken.is_none(), "{}", story(seed));
        seen.merge(&outcome.seen);
    }
    seen
}

/// A failing seed is run again, this time with its trace kept.
fn story(seed: u64) -> String {
    let outcome = run(seed, None, Trace::kept());
    let lines = outcome.trace.lines();
    let last = &lines[lines.len().saturating_sub(TRACE_LINES)..];
    let rule = outcome.broken.map_or_else(String::new, |broken| broken.0);
    format!("seed {seed}: {rule}\n{}", last.join("\n"))
}
