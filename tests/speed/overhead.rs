//! What Pontus adds to a commit whose only test does nothing, with real runners.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pontus_tests::{Goal, Speaker, Spread, Yard, git, program, project_root, submission_of};

use crate::by_hand::{Hand, commits};
use crate::crew::{PROJECT, yard};
use crate::table::Row;

/// Commits that are in the clone, that have to be fetched, and that come through the hook.
const HERE: usize = 60;
const FETCHED: usize = 40;
const HOOKED: usize = 40;

/// Commits that are queued at once.
const QUEUED: usize = 100;
const SLOTS: [usize; 4] = [1, 2, 4, 8];

/// Each slot makes its checkout at its first commit, which is not what is measured.
const WARMING: usize = 24;

pub fn measure() -> Vec<Row> {
    one_by_one().into_iter().chain(many_at_once()).collect()
}

/// Pontus and a hand in turn, commit by commit.
fn one_by_one() -> Vec<Row> {
    let yard = yard();
    let commits = commits(&yard.master(), 1 + 2 * (HERE + FETCHED) + HOOKED);
    let mut commits = commits.iter();
    bring(&yard, &commits.as_slice()[2 * HERE]);
    git(&yard.runners(), &["fetch", "-q", "origin"]);
    let dispatcher = yard.dispatcher(&[]);
    let _runner = yard.runner(&[]);
    let mut observer = Speaker::client(&yard);
    let (mut hand, mut log) = (Hand::new(&yard, "by_hand"), dispatcher.follow());
    let mut pontus = |commit: &str| {
        let begun = Instant::now();
        observer.submit(submission_of(commit.parse().unwrap(), PROJECT));
        log.wait_for(&verdict(commit));
        begun.elapsed()
    };
    pontus(commits.next().unwrap());
    let (mut here, mut fetched, mut hooked) = <(Vec<_>, Vec<_>, Vec<_>)>::default();
    for _ in 0..HERE {
        let ours = pontus(commits.next().unwrap());
        here.push((ours, lasts(|| hand.test(commits.next().unwrap()))));
    }
    for _ in 0..FETCHED {
        let [ours, theirs] = [commits.next(), commits.next()].map(Option::unwrap);
        bring(&yard, ours);
        let ours = pontus(ours);
        bring(&yard, theirs);
        fetched.push((ours, lasts(|| hand.fetch_and_test(theirs))));
    }
    for commit in commits.take(HOOKED) {
        bring(&yard, commit);
        hooked.push(lasts(|| {
            run_hook(&yard);
            log.wait_for(&verdict(commit));
        }));
    }
    rows(here, fetched, hooked)
}

fn rows(
    here: Vec<(Duration, Duration)>,
    fetched: Vec<(Duration, Duration)>,
    hooked: Vec<Duration>,
) -> Vec<Row> {
    let [(here, by_hand), (fetched, fetched_by_hand)] = [here, fetched].map(|pairs| {
        let (ours, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        (Spread::of_times(ours), Spread::of_times(theirs).median())
    });
    let row = |what: &str, measured, limit, limited_by, goal| Row {
        what: what.to_owned(),
        measured,
        unit: "ms",
        limit,
        limited_by,
        goal: Goal::Under(goal),
    };
    vec![
        row("submit → result", here.median(), by_hand, "by hand", 1.5),
        row("the same, p95", here.percentile(95.0), here.median(), "its median", 1.4),
        row("with a fetch", fetched.median(), fetched_by_hand, "by hand", 1.2),
        row("the same, p95", fetched.percentile(95.0), fetched.median(), "its median", 1.4),
        row("hook → result", Spread::of_times(hooked).median(), fetched_by_hand, "by hand", 2.0),
    ]
}

/// A hundred commits, on more and more slots, against hands in parallel.
fn many_at_once() -> Vec<Row> {
    let yard = yard();
    let commits = commits(&yard.master(), SLOTS.len() * (WARMING + QUEUED));
    bring(&yard, commits.last().unwrap());
    git(&yard.runners(), &["fetch", "-q", "origin"]);
    let dispatcher = yard.dispatcher(&[]);
    let (mut observer, mut log) = (Speaker::client(&yard), dispatcher.follow());
    let by_hand = [1, 2, 4].map(|hands| hands_in_parallel(&yard, hands, &commits[..QUEUED]));
    let limit = Spread::of(by_hand).max();
    let mut measured = Vec::new();
    for (slots, commits) in SLOTS.iter().zip(commits.chunks(WARMING + QUEUED)) {
        let _runner = yard.runner(&["--slots", &slots.to_string()]);
        let (warming, queued) = commits.split_at(WARMING);
        let mut all = |commits: &[String]| {
            for commit in commits {
                observer.submit(submission_of(commit.parse().unwrap(), PROJECT));
            }
            commits.iter().for_each(|_| drop(log.wait_for(": verdict passed")));
        };
        all(warming);
        measured.push(QUEUED as f64 / lasts(|| all(queued)).as_secs_f64());
    }
    let best = Spread::of(measured.iter().copied()).max();
    let row = |what: String, measured, limit, limited_by, goal| Row {
        what,
        measured,
        unit: "/s",
        limit,
        limited_by,
        goal,
    };
    let each = SLOTS.iter().zip(&measured).map(|(slots, measured)| {
        let goal = if *measured == best { Goal::AtLeast(0.6) } else { Goal::Shown };
        row(
            format!("{QUEUED} commits at once, {slots} slots"),
            *measured,
            limit,
            "hands in parallel",
            goal,
        )
    });
    let last = row("8 slots".to_owned(), measured[3], best, "the best count", Goal::AtLeast(0.95));
    each.chain([last]).collect()
}

/// What the dispatcher says when the result is there.
fn verdict(commit: &str) -> String {
    format!("{commit}: verdict passed")
}

/// So many hands share the commits; commits a second.
fn hands_in_parallel(yard: &Yard, hands: usize, commits: &[String]) -> f64 {
    let work = |(number, commits): (usize, &[String])| {
        let mut hand = Hand::new(yard, &format!("hand_{hands}_{number}"));
        hand.test(&commits[0]);
        (hand, commits.to_vec())
    };
    let mut shares: Vec<_> =
        commits.chunks(commits.len().div_ceil(hands)).enumerate().map(work).collect();
    let took = lasts(|| {
        thread::scope(|scope| {
            for (hand, commits) in &mut shares {
                scope.spawn(move || commits.iter().for_each(|commit| hand.test(commit)));
            }
        });
    });
    commits.len() as f64 / took.as_secs_f64()
}

/// Has the master's branch be at a commit, so that it can be fetched.
fn bring(yard: &Yard, commit: &str) {
    git(&yard.master(), &["update-ref", "refs/heads/main", commit]);
}

/// What git does at the end of a push.
fn run_hook(yard: &Yard) {
    let mut hook: Command = yard.command_of(project_root().join("examples/post-receive"));
    let programs = program("observer");
    let path = std::env::var("PATH").unwrap();
    hook.env("PATH", format!("{}:{path}", programs.parent().unwrap_or(Path::new("/")).display()));
    hook.env("PONTUS_DISPATCHER_SERVER", yard.server())
        .env("GIT_DIR", ".")
        .current_dir(yard.master().join(".git"));
    assert!(hook.status().unwrap().success());
}

fn lasts(something: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    something();
    begun.elapsed()
}
