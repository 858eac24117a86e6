//! What a checkout costs, as a ratio against a limit that is measured in the same run on the same machine.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pontus_tests::{Process, Yard, git};

/// The repository of the contract's promise: so many files, together about 200 MB that do not compress.
const FILES: usize = 20_000;
const FILE_BYTES: usize = 10_000;

/// A warm checkout of a commit that touches one file may take so much of a fresh clone and checkout.
const WARM_RATIO_MAX: f64 = 0.15;

/// How often the two are measured, one after the other. The machine is not ours alone, and one round without others is enough;
/// a checkout that costs too much does so in each.
const ROUNDS: usize = 5;

/// What is short is disturbed more easily, and the best of so many.
const WARM_TRIES: usize = 4;

#[test]
fn a_warm_checkout_costs_what_has_changed() {
    let yard = Yard::new();
    fill(&yard.master());
    yard.clone_master();
    let dispatcher = yard.dispatcher(&[]);
    let runner = yard.runner(&[]);
    let cold = tested(&yard, &dispatcher, &runner, 0);
    eprintln!("checkout: cold {cold:?}");
    let ratio = |round| {
        let tries = round * WARM_TRIES + 1..=(round + 1) * WARM_TRIES;
        let warm = tries.map(|number| tested(&yard, &dispatcher, &runner, number)).min().unwrap();
        let fresh = fresh(&yard, round);
        let ratio = warm.as_secs_f64() / fresh.as_secs_f64();
        eprintln!("checkout: warm {warm:?}; by hand, fresh {fresh:?}; warm/fresh {ratio:.3}");
        ratio
    };
    let is_cheap = (0..ROUNDS).any(|round| ratio(round) < WARM_RATIO_MAX);
    assert!(is_cheap, "in none of {ROUNDS} rounds was it below {WARM_RATIO_MAX}");
}

/// Makes the large commit, as one stream: the files go into a pack at once.
fn fill(master: &Path) {
    let stream = master.join("../stream");
    let mut out = BufWriter::new(File::create(&stream).unwrap());
    let tip = git(master, &["rev-parse", "HEAD"]);
    write!(out, "commit refs/heads/main\ncommitter T <t@example.org> 1700000000 +0000\n").unwrap();
    write!(out, "data 1\nx\nfrom {tip}\n").unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut data = vec![0; FILE_BYTES];
    for number in 0..FILES {
        random.fill(&mut data);
        write!(out, "M 100644 inline src/{}/{number}\ndata {FILE_BYTES}\n", number / 100).unwrap();
        out.write_all(&data).unwrap();
        out.write_all(b"\n").unwrap();
    }
    let script = "true\n";
    write!(out, "M 100644 inline tests/a.sh\ndata {}\n{script}\n", script.len()).unwrap();
    out.flush().unwrap();
    let status = Command::new("git")
        // Trying to compress what cannot be would take longer than everything else.
        .args(["-c", "core.compression=0", "fast-import", "--quiet"])
        .current_dir(master)
        .stdin(File::open(&stream).unwrap())
        .status();
    assert!(status.unwrap().success());
    std::fs::remove_file(stream).unwrap();
    git(master, &["reset", "-q", "--hard"]);
}

/// How long the runner took to have a commit ready that touches one file.
fn tested(yard: &Yard, dispatcher: &Process, runner: &Process, round: usize) -> Duration {
    let commit = yard.commit(&[("src/0/0", &format!("round {round}\n"))]);
    yard.hand_in(&[]);
    yard.result(dispatcher, &commit);
    let line = runner.wait_for(&format!("{commit}: checked out in "));
    let seconds = line.rsplit(' ').next().unwrap().trim_end_matches('s');
    Duration::from_secs_f64(seconds.parse().unwrap())
}

/// The same by hand, from nothing.
fn fresh(yard: &Yard, round: usize) -> Duration {
    let folder = yard.path().join(format!("fresh-{round}"));
    let clone = yard.runners();
    let tip = git(&yard.master(), &["rev-parse", "HEAD"]);
    let started = Instant::now();
    git(
        yard.path(),
        &[
            "clone",
            "-q",
            "--shared",
            "--no-checkout",
            clone.to_str().unwrap(),
            folder.to_str().unwrap(),
        ],
    );
    git(&folder, &["checkout", "-q", "--detach", &tip]);
    let took = started.elapsed();
    std::fs::remove_dir_all(folder).unwrap();
    took
}
