//! The rig, attacked: bugs are planted in the dispatcher, and each has to be found.

use pontus_tests::{number_in, planted_dispatcher};

use crate::plan::{Fault, Taste};
use crate::stage::{Setting, play};

/// Rounds in which a bug has to be found. Most are found in the first.
const ROUNDS: usize = 12;

/// Commits of a round.
const COMMITS: usize = 8;

/// Plays with a bug until somebody notices, against one kind of fault that lasts so long at most. What they say of it has one of these
/// words.
fn find(bug: &'static str, (fault, trouble_ms_max): (Fault, u64), words: &[&str]) {
    let seed = number_in("PONTUS_SEED").unwrap_or_else(|| fastrand::u64(..));
    let taste = Taste { faults: vec![(fault, 1)], pause_ms_max: 300, trouble_ms_max, push_max: 4 };
    let setting = Setting {
        dispatcher: planted_dispatcher(),
        planted: Some(bug),
        taste,
        stay_ms_max: 1500,
        ..Setting::all(ROUNDS, COMMITS)
    };
    let begun = std::time::Instant::now();
    match play(seed, &setting) {
        Ok(figures) => panic!("{bug} was not found with PONTUS_SEED={seed}: {figures}"),
        Err(wrong) => {
            let found = wrong.iter().find(|wrong| words.iter().any(|word| wrong.contains(word)));
            let found =
                found.unwrap_or_else(|| panic!("{bug}: {wrong:?}, with PONTUS_SEED={seed}"));
            eprintln!("{bug}: found in {:.1?}: {found:.300}", begun.elapsed());
        }
    }
}

#[test]
fn no_fence_is_found() {
    // Beyond the lease, so that its report comes late.
    let words = ["wrong: ", "torn: ", "twice: ", "changed: "];
    find("no-fence", (Fault::FreezeRunner, 3000), &words);
}

#[test]
fn forgotten_commits_are_found() {
    let words = ["forgotten: ", "never", "twice: ", "ended by itself"];
    find("forget-running", (Fault::KillDispatcher, 500), &words);
}

#[test]
fn commits_that_are_tested_twice_are_found() {
    find("no-deduplication", (Fault::Slice, 500), &["twice: ", "changed: ", "forgotten: "]);
}

#[test]
fn no_grace_after_a_restart_is_found() {
    find("no-restart-grace", (Fault::KillDispatcher, 500), &["hasty: "]);
}
