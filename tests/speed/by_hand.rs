//! What a person would do in a straight line: note the commit, have it, check it out, run its script, keep the result.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use pontus_tests::{Yard, git};

/// A clone with a work tree, and where notes are taken.
pub struct Hand {
    clone: PathBuf,
    results: PathBuf,
    notes: File,
}

impl Hand {
    pub fn new(yard: &Yard, name: &str) -> Hand {
        let (clone, results) =
            (yard.path().join(name), yard.path().join(format!("{name}.results")));
        // From a folder all objects would come along, those that are to be fetched later too.
        let master = yard.master();
        git(yard.path(), &["clone", "-q", "--no-local", master.to_str().unwrap(), name]);
        fs::create_dir(&results).unwrap();
        let notes = File::create(yard.path().join(format!("{name}.notes"))).unwrap();
        Hand { clone, results, notes }
    }

    /// Fetches whatever there is.
    pub fn fetch(&self) {
        self.git(&["fetch", "-q", "origin"]);
    }

    /// Tests a commit that is here.
    pub fn test(&mut self, commit: &str) {
        self.note(commit);
        self.test_noted(commit);
    }

    /// Tests one that is still at the origin.
    pub fn fetch_and_test(&mut self, commit: &str) {
        self.note(commit);
        self.fetch();
        self.test_noted(commit);
    }

    fn test_noted(&mut self, commit: &str) {
        self.git(&["checkout", "-q", "--detach", commit]);
        let script = Command::new("tests/nothing.sh").current_dir(&self.clone).output().unwrap();
        assert!(script.status.success());
        self.keep(commit);
    }

    fn note(&mut self, commit: &str) {
        writeln!(self.notes, "{commit}").unwrap();
        self.notes.sync_data().unwrap();
    }

    fn keep(&self, commit: &str) {
        let (unfinished, result) = (self.results.join("unfinished"), self.results.join(commit));
        let mut file = File::create(&unfinished).unwrap();
        writeln!(file, "commit {commit}\nverdict: passed").unwrap();
        file.sync_all().unwrap();
        fs::rename(unfinished, result).unwrap();
        File::open(&self.results).unwrap().sync_all().unwrap();
    }

    fn git(&self, args: &[&str]) {
        // Nothing is read of what it says, and nothing is set that a person would not set.
        let status = Command::new("git").args(args).current_dir(&self.clone).status();
        assert!(status.unwrap().success());
    }
}

/// So many commits in a row with a script that does nothing, each with a change of one file, not yet on any branch of the master.
pub fn commits(master: &Path, count: usize) -> Vec<String> {
    let stream = master.join("../stream");
    let mut out = File::create(&stream).unwrap();
    let tip = git(master, &["rev-parse", "HEAD"]);
    let script = "#!/bin/sh\n";
    for number in 1..=count {
        writeln!(
            out,
            "commit refs/made/all\nmark :{number}\ncommitter T <t@example.org> 1700000000 +0000"
        )
        .unwrap();
        writeln!(out, "data 1\nx").unwrap();
        if number == 1 {
            writeln!(out, "from {tip}").unwrap();
            for file in 0..50 {
                writeln!(out, "M 100644 inline src/{file}\ndata 2\n{:02}", file).unwrap();
            }
            writeln!(out, "M 100755 inline tests/nothing.sh\ndata {}\n{script}", script.len())
                .unwrap();
        }
        let text = format!("change {number}");
        writeln!(out, "M 100644 inline src/0\ndata {}\n{text}", text.len()).unwrap();
    }
    drop(out);
    let marks = master.join("../marks");
    let export = format!("--export-marks={}", marks.display());
    let mut import = Command::new("git");
    import.args(["fast-import", "--quiet", &export]).stdin(File::open(&stream).unwrap());
    assert!(import.current_dir(master).status().unwrap().success());
    let text = fs::read_to_string(marks).unwrap();
    let mut marked: Vec<(usize, String)> = text
        .lines()
        .map(|line| line[1..].split_once(' ').unwrap())
        .map(|(mark, id)| (mark.parse().unwrap(), id.to_owned()))
        .collect();
    marked.sort_unstable();
    marked.into_iter().map(|(_, id)| id).collect()
}
