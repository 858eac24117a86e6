//! The fuzz targets' corpora as ordinary tests, on any compiler: each file of `fuzz/corpus/TARGET`, and for a while what a seeded
//! hand makes of it.
//!
//! A longer search, guided by what the code does, is `cargo +nightly fuzz run TARGET`. What it finds goes into the corpus, and is
//! tried here from then on.
#![allow(clippy::unwrap_used)]

mod mutate;

/// Each is the body of a target in `fuzz/fuzz_targets`.
mod targets {
    pub mod cases;
    pub mod git_output;
    pub mod ids;
    pub mod line_reader;
    pub mod messages;
    pub mod session;
}

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pontus_tests::project_root;

/// How long a target is tried beyond its corpus.
const TIME: Duration = Duration::from_millis(700);

/// However quick the machine is, so many inputs are enough.
const TRIES_MAX: u64 = 20_000;

/// No input is longer: it is length that costs time, and shape that finds something.
const INPUT_BYTES_MAX: usize = 16 * 1024;

fn folder(target: &str) -> PathBuf {
    project_root().join("fuzz/corpus").join(target)
}

/// A target's corpus in the order of names, so that a seed means the same everywhere.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder(target)).unwrap().map(|entry| entry.unwrap().path());
    let paths: BTreeSet<_> = entries.collect();
    assert!(!paths.is_empty(), "{target} has no corpus");
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Tries the corpus of `target`, and what becomes of it.
fn try_all(target: &str, run: fn(&[u8])) {
    let holds = |data: &[u8]| catch_unwind(|| run(data)).is_ok();
    let corpus = corpus(target);
    for (path, data) in &corpus {
        assert!(holds(data), "{}", path.display());
    }
    let seeds: Vec<Vec<u8>> = corpus.into_iter().map(|(_, data)| data).collect();
    let deadline = Instant::now() + TIME;
    for seed in (0..TRIES_MAX).take_while(|_| Instant::now() < deadline) {
        let mut random = fastrand::Rng::with_seed(seed);
        let data = mutate::mutated(&seeds, &mut random, INPUT_BYTES_MAX);
        assert!(holds(&data), "{target}, seed {seed}: {}", data.escape_ascii());
    }
}

#[test]
fn line_reader() {
    try_all("line_reader", targets::line_reader::run);
}

#[test]
fn messages() {
    try_all("messages", targets::messages::run);
}

#[test]
fn session() {
    try_all("session", targets::session::run);
}

#[test]
fn ids() {
    try_all("ids", targets::ids::run);
}

#[test]
fn cases() {
    try_all("cases", targets::cases::run);
}

#[test]
fn git_output() {
    try_all("git_output", targets::git_output::run);
}

/// A target that is only in one of the places is tried in none.
#[test]
fn each_target_has_its_corpus_its_program_and_its_test() {
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(project_root().join(folder)).unwrap();
        let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        entries.map(|entry| name(entry.unwrap().path())).collect()
    };
    let targets = names("tests/fuzz/targets");
    assert_eq!(names("fuzz/corpus"), targets);
    assert_eq!(names("fuzz/fuzz_targets"), targets);
    let manifest = fs::read_to_string(project_root().join("fuzz/Cargo.toml")).unwrap();
    for target in targets {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not built");
        let test = format!("try_all(\"{target}\", targets::{target}::run)");
        assert!(include_str!("main.rs").contains(&test), "{target} has no test");
    }
}
