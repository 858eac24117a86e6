//! Random things done upstream and to the processes, against an observer: each tip that stood is handed in, once.
//!
//! A failure is played again with the seed that it names, in the environment variable `PONTUS_SEED`. What the processes make of it
//! in which moment is theirs, so it may take more than one try.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use fastrand::Rng;
use pontus_tests::{Process, Yard, number_in};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::remains::processes;

/// How much is done to upstream in one run.
const OPERATIONS: usize = 300;

/// Branches that come and go. Some of them are in each other's way.
const NAMES: [&str; 8] = ["main", "a", "a/b", "a/b/c", "x", "x/@", "-y", "ü"];

/// What is done.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Commit,
    Merge,
    Orphan,
    ForcePush,
    Delete,
    Create,
    Tag,
    Collect,
    KillObserver,
    KillObserverInMidLook,
    KillDispatcher,
}

use Operation::*;

/// How often each is done, in so many parts.
const CHANCES: [(Operation, usize); 11] = [
    (Commit, 24),
    (Merge, 6),
    (Orphan, 3),
    (ForcePush, 12),
    (Delete, 8),
    (Create, 12),
    (Tag, 4),
    (Collect, 2),
    (KillObserver, 5),
    (KillObserverInMidLook, 5),
    (KillDispatcher, 4),
];

/// Upstream as it should be, and who watches it.
struct World {
    yard: Yard,
    rng: Rng,
    arguments: &'static [&'static str],
    observer: Process,
    dispatcher: Process,
    /// All commits that were ever made.
    commits: Vec<String>,
    /// What stood long enough to have been handed in, and on which branch.
    owed: BTreeMap<String, String>,
    /// What was pushed to each branch since it last stood, where it only grew: with `--every-commit` each of them is owed. None
    /// where something else became of the branch.
    grown: BTreeMap<String, Option<Vec<String>>>,
    /// The log of each observer that was killed.
    logs: Vec<String>,
}

impl World {
    fn new(seed: u64, arguments: &'static [&'static str]) -> World {
        let yard = Yard::new();
        let dispatcher = yard.dispatcher(&[]);
        let observer = yard.watcher(arguments);
        let rng = Rng::with_seed(seed);
        let (owed, grown, logs) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let commits = Vec::new();
        let mut world =
            World { yard, rng, arguments, observer, dispatcher, commits, owed, grown, logs };
        world.commits.extend(world.heads().into_values());
        world
    }

    /// Git in upstream. None where it says no, as it does to a branch in the place of another's folder.
    fn git(&self, args: &[&str]) -> Option<String> {
        run_git(&self.yard.master(), args)
    }

    fn heads(&self) -> BTreeMap<String, String> {
        let format = "--format=%(refname:lstrip=2) %(objectname)";
        let lines = self.git(&["for-each-ref", format, "refs/heads"]).unwrap();
        let head = |line: &str| line.split_once(' ').map(|(name, id)| (name.into(), id.into()));
        lines.lines().filter_map(head).collect()
    }

    fn any_head(&mut self) -> Option<(String, String)> {
        let heads: Vec<_> = self.heads().into_iter().collect();
        self.rng.choice(heads)
    }

    /// A commit with these parents. None where one of them has been collected.
    fn make(&mut self, parents: &[&str]) -> Option<String> {
        let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        let message = self.commits.len().to_string();
        let mut args = vec!["commit-tree", "-m", &message];
        parents.iter().for_each(|parent| args.extend(["-p", *parent]));
        let commit = self.git(&[&args[..], &[tree]].concat())?;
        self.commits.push(commit.clone());
        Some(commit)
    }

    /// Puts a branch somewhere else.
    fn put(&mut self, branch: &str, commit: &str) -> Option<()> {
        self.git(&["update-ref", &format!("refs/heads/{branch}"), commit])?;
        self.grown.insert(branch.to_owned(), None);
        Some(())
    }

    /// Puts commits on top of a branch, oldest first.
    fn grow(&mut self, branch: &str, commits: Vec<String>) -> Option<()> {
        self.git(&["update-ref", &format!("refs/heads/{branch}"), commits.last()?])?;
        if let Some(grown) = self.grown.entry(branch.to_owned()).or_insert_with(|| None) {
            grown.extend(commits);
        }
        Some(())
    }

    /// Does one thing. None where it could not be done.
    fn operate(&mut self, operation: Operation) -> Option<()> {
        match operation {
            Commit => self.commit(),
            Merge => {
                let ((branch, tip), (_, other)) = (self.any_head()?, self.any_head()?);
                let merge = self.make(&[&tip, &other])?;
                self.grow(&branch, vec![merge])
            }
            Orphan => {
                let (branch, _) = self.any_head()?;
                let orphan = self.make(&[])?;
                self.put(&branch, &orphan)
            }
            ForcePush => {
                let (branch, _) = self.any_head()?;
                let commit = self.rng.choice(self.commits.clone())?;
                self.put(&branch, &commit)
            }
            Delete => {
                let (branch, _) = self.any_head()?;
                self.grown.insert(branch.clone(), None);
                self.git(&["update-ref", "-d", &format!("refs/heads/{branch}")]).map(drop)
            }
            Create => {
                let branch = self.rng.choice(NAMES)?;
                let begun = self.rng.choice(self.commits.clone())?;
                // What it was may have been collected.
                let commit =
                    self.git(&["rev-parse", "-q", "--verify", &format!("{begun}^{{commit}}")]);
                let commit = commit.or_else(|| self.make(&[]))?;
                self.put(branch, &commit)
            }
            Tag => {
                let (_, commit) = self.any_head()?;
                self.git(&["tag", "-f", &format!("v{}", self.commits.len()), &commit]).map(drop)
            }
            Collect => {
                let gc = ["gc", "-q", "--prune=now"];
                self.git(&gc)?;
                // Git's manual has it break a repository that somebody is at work in.
                self.end_observer();
                wait_for_those_in(&self.yard.observers());
                run_git(&self.yard.observers(), &gc).unwrap();
                self.observer = self.yard.watcher(self.arguments);
                Some(())
            }
            KillObserver => {
                self.kill_observer();
                Some(())
            }
            KillObserverInMidLook => {
                let lines = self.observer.count(": submitted");
                self.commit()?;
                // The moment after the acknowledgement, when the cursor is about to be moved.
                self.observer.wait_for_many(": submitted", lines + 1);
                self.kill_observer();
                Some(())
            }
            KillDispatcher => {
                self.dispatcher.kill();
                self.dispatcher = self.yard.dispatcher(&[]);
                Some(())
            }
        }
    }

    /// One push of one to three commits.
    fn commit(&mut self) -> Option<()> {
        let (branch, mut tip) = self.any_head()?;
        let mut commits = Vec::new();
        for _ in 0..self.rng.usize(1..=3) {
            tip = self.make(&[&tip])?;
            commits.push(tip.clone());
        }
        self.grow(&branch, commits)
    }

    fn kill_observer(&mut self) {
        self.end_observer();
        self.observer = self.yard.watcher(self.arguments);
    }

    fn end_observer(&mut self) {
        self.observer.kill();
        self.logs.extend(self.observer.log());
    }

    /// Leaves upstream alone for two looks: what is there now is owed.
    fn stand(&mut self) {
        self.observer.wait_for_look();
        self.observer.wait_for_look();
        let heads = self.heads();
        if self.arguments.contains(&"--every-commit") {
            for (branch, commits) in &self.grown {
                let commits = commits.iter().flatten().cloned();
                self.owed.extend(commits.map(|commit| (commit, branch.clone())));
            }
        }
        // From here on they may grow.
        self.grown = heads.keys().map(|branch| (branch.clone(), Some(Vec::new()))).collect();
        self.owed.extend(heads.into_iter().map(|(branch, tip)| (tip, branch)));
    }

    /// Each that was owed is there, and none was new to the dispatcher twice.
    fn check(&mut self) {
        let handed_in: BTreeSet<_> =
            self.yard.ask_database("select id from commits").into_iter().collect();
        for (commit, branch) in &self.owed {
            assert!(handed_in.contains(commit), "{commit} of {branch} was never handed in");
        }
        self.logs.extend(self.observer.log());
        let mut new = BTreeSet::new();
        for line in self.logs.iter().filter(|line| line.ends_with(": submitted")) {
            let commit = line.split("] ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
            assert!(new.insert(commit), "{commit} was submitted twice");
        }
        let said = |text: &str| self.logs.iter().filter(|line| line.contains(text)).count();
        assert_eq!(said("panicked"), 0);
        eprintln!(
            "{} commits, {} owed, {} handed in, {} of them known already",
            self.commits.len(),
            self.owed.len(),
            handed_in.len(),
            said(": known already"),
        );
    }
}

fn run_git(dir: &Path, args: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]);
    command.args(args).current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").env_remove("GIT_DIR");
    let output = command.output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// Waits for what an observer that was killed has left at work in the folder.
fn wait_for_those_in(folder: &Path) {
    let is_in = |id: &u32| {
        fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|path| path.starts_with(folder))
    };
    for id in processes().filter(is_in) {
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).unwrap();
        // Where there is none of this id, it is gone.
        if let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) {
            poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], None).unwrap();
        }
    }
}

fn play(arguments: &'static [&'static str]) {
    let seed = number_in("PONTUS_SEED").unwrap_or_else(|| fastrand::u64(..));
    eprintln!("PONTUS_SEED={seed}");
    let mut world = World::new(seed, arguments);
    // Nobody is on a branch, so that each may be deleted.
    world.git(&["checkout", "-q", "--detach"]).unwrap();
    let all: Vec<_> =
        CHANCES.iter().flat_map(|(operation, count)| vec![*operation; *count]).collect();
    let mut done = 0;
    while done < OPERATIONS {
        let operation = world.rng.choice(&all).copied().unwrap();
        done += usize::from(world.operate(operation).is_some());
        if world.rng.u8(..) < 64 {
            world.stand();
        }
    }
    world.stand();
    world.check();
    // All has been said: another start has nothing to say.
    world.kill_observer();
    world.stand();
    let lines = world.observer.log();
    assert!(
        !lines.iter().any(|line| line.contains(": submitted") || line.contains(": known already")),
        "{lines:?}"
    );
}

#[test]
fn each_tip_that_stood_is_handed_in_once() {
    play(&["--interval", "20ms", "--branch", "*"]);
}

#[test]
fn each_tip_that_stood_is_handed_in_once_with_every_commit() {
    play(&["--interval", "20ms", "--branch", "*", "--every-commit"]);
}
