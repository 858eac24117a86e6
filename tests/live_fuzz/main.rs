//! Nonsense on a live socket: a dispatcher that is written to by whoever does not mean well, for some seconds and from many
//! connections, while a canary that speaks as it should is served throughout.
//!
//! Half of the time goes to a dispatcher that trusts everybody, so that nonsense gets as far as it can; the other half to one that
//! wants proof. `LIVE_FUZZ_SECONDS` (8, at most 60) is how long both together take, `LIVE_FUZZ_SEED` what was failed with. What is sent
//! follows from the seed; when it arrives does not.
#![allow(clippy::unwrap_used)]

mod canary;
mod nonsense;
mod stranger;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pontus_tests::{PATIENCE, Process, Yard};

use canary::Canary;
use stranger::{Knowledge, Stranger};

/// Strangers at a time; each has one connection after the other.
const STRANGERS: u64 = 6;

/// Sessions that may ever be at work at a time: the strangers', and those whose stranger is gone while they still answer it. About
/// ten are; a leak would be thousands.
const SESSIONS_AT_WORK_MAX: usize = 64;

/// What a dispatcher may have more than before: the commits that strangers handed in, and what the allocator holds on to.
const GROWTH_BYTES_MAX: u64 = 48 * 1024 * 1024;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

fn seconds() -> Duration {
    Duration::from_secs(number("LIVE_FUZZ_SECONDS").unwrap_or(8).min(60)) / 2
}

fn seed() -> u64 {
    number("LIVE_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000))
}

/// What a process has of what must not leak.
#[derive(Debug)]
struct Possessions {
    threads: usize,
    /// All but the database's.
    descriptors: Vec<PathBuf>,
    /// SQLite keeps that of a connection which has ended, for the next one, as long as another one has the file locked. So these
    /// are as many as there ever were at a time.
    of_database: usize,
}

impl Possessions {
    fn of(process: &Process) -> Possessions {
        let entries = |what| fs::read_dir(process.proc(what)).unwrap().flatten();
        // One that is gone meanwhile is none.
        let links = entries("fd").filter_map(|entry| fs::read_link(entry.path()).ok());
        let is_databases = |path: &PathBuf| path.ends_with("pontus.db");
        let (database, descriptors): (Vec<_>, Vec<_>) = links.partition(is_databases);
        Possessions { threads: entries("task").count(), descriptors, of_database: database.len() }
    }

    fn is_within(&self, before: &Possessions) -> bool {
        self.threads <= before.threads
            && self.descriptors.len() <= before.descriptors.len()
            && self.of_database <= before.of_database + SESSIONS_AT_WORK_MAX
    }
}

/// Lets strangers at a dispatcher, and holds what has to hold meanwhile and afterwards.
fn withstands(args: &[&str], knowledge: impl Fn(&Yard) -> Vec<Knowledge>) {
    let seed = seed();
    eprintln!("LIVE_FUZZ_SEED={seed}");
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(args);
    let canary = |digits| Canary::new(&yard, args.contains(&"--no-auth"), digits);
    // Once all that a dispatcher does has been done, it has what it always has.
    canary("c0").gets_its_verdict(&dispatcher);
    let mut canary = canary("ca");
    canary.is_served();
    let before = Possessions::of(&dispatcher);
    let memory_before = dispatcher.memory_bytes();

    let knowledge = knowledge(&yard);
    let connections = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let deadline = Instant::now() + seconds();
    thread::scope(|scope| {
        for number in 0..STRANGERS {
            let knowledge = knowledge[number as usize % knowledge.len()].clone();
            let mut stranger = Stranger::new(yard.server(), knowledge, seed + number);
            let (connections, over) = (&connections, &over);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    stranger.comes_and_goes();
                    connections.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Also where the canary dies.
        let _over = Over(&over);
        while Instant::now() < deadline {
            canary.is_served();
        }
    });
    let connections = connections.into_inner();
    let (rounds, slowest) = (canary.rounds(), canary.slowest());
    eprintln!("{connections} connections, {rounds} rounds of the canary, the slowest {slowest:?}");
    assert!(connections > 20 && canary.rounds() > 5, "hardly anything was tried");

    canary.gets_its_verdict(&dispatcher);
    is_as_before(&dispatcher, &before, &mut canary);
    let memory = dispatcher.memory_bytes();
    assert!(memory < memory_before + GROWTH_BYTES_MAX, "{memory_before} bytes became {memory}");
    assert!(!dispatcher.log().iter().any(|line| line.contains("panicked")));
    canary.was_handed_in_once(&yard);
}

/// Ends the strangers when it goes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sessions end a moment after their connections; the canary's next answer is what we wait for.
fn is_as_before(dispatcher: &Process, before: &Possessions, canary: &mut Canary) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = Possessions::of(dispatcher);
        if now.is_within(before) {
            return;
        }
        assert!(Instant::now() < deadline, "{before:?} became {now:?}");
        canary.is_served();
    }
}

#[test]
fn whoever_may_say_anything_says_nonsense() {
    withstands(&["--no-auth"], |_| vec![Knowledge::NoneNeeded]);
}

#[test]
fn whoever_does_not_know_the_token_is_not_let_in() {
    withstands(&[], |yard| {
        let token = fs::read_to_string(yard.token_file()).unwrap().trim_end().parse().unwrap();
        vec![Knowledge::Wrong, Knowledge::Token(token)]
    });
}
