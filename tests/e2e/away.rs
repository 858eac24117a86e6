//! Whatever the observer needs may be away, or hang, or say no: that is told once, and nothing is missed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pontus_tests::{Process, Yard, git};
use rustix::process::Signal;

/// Another repository with one commit, and its clone, which is returned.
fn another(yard: &Yard, name: &str) -> PathBuf {
    let (master, clone) = (yard.path().join(name), yard.path().join(format!("{name}_clone")));
    fs::create_dir(&master).unwrap();
    git(&master, &["init", "-q"]);
    git(&master, &["commit", "-q", "--allow-empty", "-m", name]);
    git(yard.path(), &["clone", "-q", name, clone.to_str().unwrap()]);
    clone
}

fn watch(yard: &Yard, clones: &[&Path]) -> Process {
    Process::start("observer", yard.watcher_command().args(clones))
}

/// Makes the origin of a clone hang: what answers for it opens a pipe that nobody writes to.
fn hang(clone: &Path) {
    let pipe = clone.join(".git/pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let answer = format!("echo hangs >&2; cat {}; :", pipe.display());
    git(clone, &["config", "remote.origin.uploadpack", &answer]);
}

#[test]
fn an_origin_that_is_away_for_a_while() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let observer = yard.watcher(&[]);
    observer.wait_for(" of main: submitted");
    let elsewhere = yard.path().join("elsewhere");
    fs::rename(yard.master(), &elsewhere).unwrap();
    observer.wait_for("cannot list origin's branches: ");
    observer.wait_for_look();
    git(&elsewhere, &["commit", "-q", "--allow-empty", "-m", "meanwhile"]);
    let between = git(&elsewhere, &["rev-parse", "HEAD"]);
    git(&elsewhere, &["commit", "-q", "--allow-empty", "-m", "meanwhile"]);
    let newest = git(&elsewhere, &["rev-parse", "HEAD"]);
    fs::rename(&elsewhere, yard.master()).unwrap();
    observer.wait_for("origin: all is well again");
    observer.wait_for(&format!("{newest} of main: submitted"));
    let skipped = yard.ask_database("select skipped_id from skipped_commits");
    assert_eq!(skipped, [between]);
    assert_eq!(observer.count("trying again"), 1);
}

#[test]
fn a_clone_that_is_away_for_a_while() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let observer = yard.watcher(&[]);
    observer.wait_for(" of main: submitted");
    observer.wait_for_look();
    fs::rename(yard.observers(), yard.path().join("aside")).unwrap();
    observer.wait_for("there is no such folder; trying again");
    observer.wait_for_look();
    // A fresh one, which remembers nothing.
    yard.clone_master();
    observer.wait_for("the clone: all is well again");
    let commit = yard.commit(&[]);
    observer.wait_for(&format!("{commit} of main: submitted"));
}

#[test]
fn a_queue_that_is_full() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&["--max-undecided", "1"]);
    let observer = yard.watcher(&["--every-commit"]);
    observer.wait_for(" of main: submitted");
    let commits = [yard.commit(&[]), yard.commit(&[])];
    observer.wait_for(
        "the dispatcher refused: 1 commits wait for a verdict, no more may; trying again",
    );
    // It is asked ever more rarely, though upstream is looked at as before: after 50, 100, 200, 400, 800 ms and so on.
    observer.wait_for_many("looked", observer.count("looked") + 30);
    let asked = observer.count("something to hand in");
    assert!(asked <= 12, "asked {asked} times in {} looks", observer.count("looked"));
    assert_eq!(observer.count("the dispatcher refused"), 1);
    let cursor = git(&yard.observers(), &["rev-parse", "refs/pontus/submitted/main/@"]);
    assert_eq!(cursor, git(&yard.master(), &["rev-parse", "HEAD~2"]));
    // Looking once says it with its exit code.
    assert_eq!(yard.watcher(&["--once"]).wait().code(), Some(5));
    let _runner = yard.runner(&[]);
    for commit in &commits {
        dispatcher.wait_for(&format!("{commit}: verdict"));
    }
    observer.wait_for("the dispatcher: all is well again");
}

#[test]
fn whoever_cannot_wait_for_a_full_queue_says_so() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&["--max-undecided", "1"]);
    let first = yard.commit(&[]);
    let observer = yard.watcher(&["--interval", "1h"]);
    observer.wait_for("looked");
    let second = yard.commit(&[]);
    observer.signal(Signal::USR1);
    observer.wait_for("the dispatcher refused");
    let _runner = yard.runner(&[]);
    dispatcher.wait_for(&format!("{first}: verdict"));
    observer.signal(Signal::USR1);
    dispatcher.wait_for(&format!("{second}: verdict"));
}

#[test]
fn a_dispatcher_that_comes_and_goes_is_told_of_once_each_time() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let observer = yard.watcher(&[]);
    observer.wait_for(" of main: submitted");
    for round in 1..=2 {
        dispatcher.kill();
        let commit = yard.commit(&[]);
        observer.wait_for_many("cannot reach the dispatcher", round);
        observer.wait_for_look();
        observer.wait_for_look();
        dispatcher = yard.dispatcher(&[]);
        observer.wait_for(&format!("{commit} of main: submitted"));
        observer.wait_for_many("the dispatcher: all is well again", round);
        assert_eq!(observer.count("cannot reach the dispatcher"), round);
    }
}

#[test]
fn a_branch_that_was_deleted_while_the_dispatcher_was_away() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let observer = yard.watcher(&["--branch", "*"]);
    observer.wait_for(" of main: submitted");
    dispatcher.kill();
    git(&yard.master(), &["checkout", "-q", "-b", "x"]);
    let commit = yard.commit(&[]);
    observer.wait_for("cannot reach the dispatcher");
    git(&yard.master(), &["checkout", "-q", "main"]);
    git(&yard.master(), &["branch", "-q", "-D", "x"]);
    observer.wait_for_look();
    let _dispatcher = yard.dispatcher(&[]);
    observer.wait_for(&format!("{commit} of x: submitted"));
}

#[test]
fn one_that_breaks_does_not_hold_up_the_others() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let [hung, broken] = ["hung", "broken"].map(|name| another(&yard, name));
    hang(&hung);
    fs::remove_dir_all(broken.join(".git/refs")).unwrap();
    let missing = yard.path().join("missing");
    let mut observer = watch(&yard, &[&hung, &broken, &missing, &yard.observers()]);
    observer.wait_for(" of main: submitted");
    observer.wait_for("broken_clone: cannot watch ");
    observer.wait_for("missing: cannot watch ");
    for _ in 0..3 {
        let commit = yard.commit(&[]);
        dispatcher.wait_for(&format!("{commit}: queued for test_repo"));
    }
    assert_eq!(observer.count("trying again"), 2);
    // What was missing is there.
    git(yard.path(), &["clone", "-q", "test_repo", "missing"]);
    observer.wait_for("missing: watching main of test_repo");
    observer.wait_for("missing: the clone: all is well again");
    // The first signal waits for the look that hangs, the second does not.
    observer.signal(Signal::TERM);
    observer.signal(Signal::INT);
    assert!(observer.wait().success());
}

#[test]
fn several_clones_looked_at_once() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let other = another(&yard, "other");
    let mut command = yard.watcher_command();
    command.arg("--once").args([Path::new("missing"), &other, &yard.observers()]);
    let mut observer = Process::start("observer", &mut command);
    assert_eq!(observer.wait().code(), Some(3));
    observer.wait_for("observer: missing: cannot watch missing: ");
    dispatcher.wait_for(": queued for test_repo");
    dispatcher.wait_for(": queued for other");
}

#[test]
fn a_single_look_says_all_troubles_and_ends_with_the_worst() {
    let yard = Yard::new();
    let mut command = yard.watcher_command();
    command.args(["--once", "--branch", "main", "--branch", "gone", "--branch", "lost"]);
    command.args([Path::new("missing"), &yard.observers(), Path::new("nowhere")]);
    let mut observer = Process::start("observer", &mut command);
    assert_eq!(observer.wait().code(), Some(5), "the dispatcher's comes before the clones'");
    let clone = yard.observers();
    observer.wait_for(&format!("observer: {}: cannot reach the dispatcher", clone.display()));
    for said in [
        "gone: there is no such branch there",
        "lost: there is no such branch there",
        "missing: cannot watch missing: ",
        "nowhere: cannot watch nowhere: ",
    ] {
        observer.wait_for(said);
        assert_eq!(observer.count(said), 1, "{said}");
    }
}

#[test]
fn clones_that_cannot_be_meant() {
    let yard = Yard::new();
    let said = |args: &[&str]| {
        let mut process = Process::start("observer", yard.command("observer").args(args));
        (process.wait().code(), process.log().join("\n"))
    };
    let (code, log) = said(&["test_repo", "test_repo_clone_obs", "test_repo/.git"]);
    assert_eq!(code, Some(2), "{log}");
    assert_eq!(log, "observer: cannot watch one clone twice: test_repo and test_repo/.git");
    let (code, log) = said(&["--project", "x", "test_repo", "test_repo_clone_obs"]);
    assert_eq!(code, Some(2), "{log}");
    assert_eq!(said(&[]).0, Some(2));
    assert_eq!(said(&["--branch", "a:b", "test_repo"]).0, Some(2));
}

#[test]
fn two_observers_of_one_clone() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let both = [yard.watcher(&["--every-commit"]), yard.watcher(&["--every-commit"])];
    dispatcher.wait_for(": queued");
    for _ in 0..20 {
        let commit = yard.commit(&[]);
        dispatcher.wait_for(&format!("{commit}: queued"));
    }
    both.iter().for_each(Process::wait_for_look);
    let commits = yard.ask_database("select count(*) from commits");
    assert_eq!(commits, ["21"]);
}
