//! The whole of Pontus under all faults at once: forty commits, or `CHAOS_COMMITS` of them.
//!
//! A failure is played again with the seed that it names, in the environment variable `PONTUS_SEED`. What the processes make of it
//! in which moment is theirs, so it may take more than one try.

use pontus_tests::number_in;

use crate::stage::{Setting, play};

/// Commits of an act.
const ACT: usize = 40;

#[test]
fn each_commit_gets_its_verdict_whatever_happens() {
    let seed = number_in("PONTUS_SEED").unwrap_or_else(|| fastrand::u64(..));
    let commits = number_in("CHAOS_COMMITS").unwrap_or(ACT as u64) as usize;
    let again = format!(
        "PONTUS_SEED={seed} CHAOS_COMMITS={commits} cargo test -p pontus-tests --test chaos \
         each_commit_gets_its_verdict -- --nocapture"
    );
    eprintln!("{again}");
    match play(seed, &Setting::all(commits.div_ceil(ACT), ACT.min(commits))) {
        Ok(figures) => eprintln!("{figures}"),
        Err(wrong) => panic!("{}\nagain: {again}", wrong.join("\n")),
    }
}
