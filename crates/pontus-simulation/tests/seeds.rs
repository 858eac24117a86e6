//! Thousands of seeds hold, together they meet all that there is to meet, and each planted bug is found.

use std::num::NonZero;
use std::thread;

use pontus_simulation::{Bug, Model, Outcome, Player, Seen, Store, Trace, run};

const SEEDS: u64 = 20_000;
/// In so many seeds everything happens that is to happen sometimes.
const MEETING_SEEDS: u64 = 1_000;

const PLAYER: Player = Player {
    store: model,
    command: "cargo test -p pontus-simulation the_named_seed -- --nocapture",
};

fn model() -> Box<dyn Store> {
    Box::new(Model::default())
}

fn played(seed: u64, bug: Option<Bug>, trace: Trace) -> Outcome {
    run(seed, model(), bug, trace)
}

#[test]
fn twenty_thousand_seeds_hold() {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let some = |first: usize| (first as u64..SEEDS).step_by(threads);
        let play = |first| move || some(first).for_each(|seed| drop(hold(seed)));
        (0..threads).for_each(|first| drop(scope.spawn(play(first))));
    });
}

#[test]
fn a_thousand_seeds_meet_everything() {
    let mut seen = Seen::default();
    (0..MEETING_SEEDS).for_each(|seed| seen.merge(&hold(seed)));
    eprintln!("{seen}");
    assert_eq!(seen.missing(), Vec::<String>::new(), "never happened in {MEETING_SEEDS} seeds");
}

#[test]
fn a_seed_repeats_itself() {
    for seed in [1, 2, 3] {
        let [once, twice] = [(); 2].map(|()| played(seed, None, Trace::kept()));
        assert!(once.trace.lines().len() > 100, "seed {seed}: hardly anything happened");
        assert_eq!(once.trace.lines(), twice.trace.lines(), "seed {seed}");
    }
}

/// A bug is found where the rule that is there for it breaks, in a run that is sound without it.
#[test]
fn each_planted_bug_is_found() {
    for bug in Bug::ALL.iter().copied() {
        let broken_by = |seed| {
            let broken = played(seed, Some(bug), Trace::silent()).broken?;
            broken.0.contains(bug.breaks()).then_some((seed, broken))
        };
        let found = (0..bug.budget()).find_map(broken_by);
        let (seed, broken) = found.unwrap_or_else(|| panic!("{bug:?}: not in {}", bug.budget()));
        eprintln!("{bug:?}: needed {} seeds of {}: {}", seed + 1, bug.budget(), broken.0);
        assert_eq!(played(seed, None, Trace::silent()).broken, None, "seed {seed} without {bug:?}");
    }
}

/// What somebody is told of a failure: the rule, the seed, how to see it again, and what went before.
#[test]
fn a_failure_tells_its_story() {
    let bug = Bug::AcknowledgeFirst;
    let is_broken = |seed: &u64| played(*seed, Some(bug), Trace::silent()).broken.is_some();
    let seed = (0..bug.budget()).find(is_broken).expect("it is found, as above");
    let story = PLAYER.story(seed, Some(bug), 20);
    eprintln!("{story}");
    let lines: Vec<_> = story.lines().collect();
    assert!(lines[0].starts_with(&format!("seed {seed} breaks a rule: ")), "{story}");
    assert!(lines[1].contains(&format!("PONTUS_SEED={seed} cargo test ")), "{story}");
    let is_short = |line: &&str| line.len() < 160 && !line.contains("0000");
    assert!(lines[3..].iter().all(is_short), "{story}");
}

/// The seed that `PONTUS_SEED` names, with its whole trace.
#[test]
fn the_named_seed() {
    PLAYER.play_named().unwrap_or_else(|story| panic!("{story}"));
}

fn hold(seed: u64) -> Seen {
    PLAYER.play(seed).unwrap_or_else(|story| panic!("{story}"))
}
