//! Which branches are watched, whatever upstream does with them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Command;

use pontus_tests::{Yard, git};

/// Puts a branch of the master on a new commit, which nothing else is on.
fn branch(yard: &Yard, name: &str) -> String {
    let master = yard.master();
    let message = format!("{name} {}", git(&master, &["rev-parse", "HEAD"]));
    let id = git(&master, &["commit-tree", "-p", "HEAD", "-m", &message, "HEAD^{tree}"]);
    git(&master, &["update-ref", &format!("refs/heads/{name}"), &id]);
    id
}

#[test]
fn what_the_patterns_match_and_nothing_else() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let [a, deep, other] = ["feature/a", "feature/b/c", "other"].map(|name| branch(&yard, name));
    let observer = yard.watcher(&["--branch", "main", "--branch", "feature/*"]);
    observer.wait_for(&format!("{a} of feature/a: submitted"));
    observer.wait_for(&format!("{deep} of feature/b/c: submitted"));
    observer.wait_for(" of main: submitted");
    let new = branch(&yard, "feature/new");
    dispatcher.wait_for(&format!("{new}: queued"));
    assert_eq!(dispatcher.count(&other), 0);
    assert_eq!(dispatcher.count(": queued"), 4);
}

#[test]
fn several_patterns_in_the_environment() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let [a, b] = ["a", "b/c"].map(|name| branch(&yard, name));
    let mut observer = yard.watcher_command();
    observer.env("PONTUS_BRANCH", "a b/*").arg("--once").arg(yard.observers());
    assert!(observer.status().unwrap().success());
    for commit in [a, b] {
        dispatcher.wait_for(&format!("{commit}: queued"));
    }
}

#[test]
fn an_empty_variable_is_as_good_as_unset() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let mut observer = yard.watcher_command();
    for name in ["PONTUS_BRANCH", "PONTUS_INTERVAL", "PONTUS_PROJECT", "PONTUS_EVERY_COMMIT"] {
        observer.env(name, "");
    }
    assert!(observer.arg("--once").arg(yard.observers()).status().unwrap().success());
    dispatcher.wait_for(": queued for test_repo");
    let mut status = yard.command("dispatcher");
    let variables =
        [("PONTUS_TOKEN_FILE", ""), ("PONTUS_DISPATCHER_SERVER", ""), ("PONTUS_NO_AUTH", "0")];
    status.envs(variables).args(["status", "--dispatcher-server", &yard.server()]);
    assert!(status.status().unwrap().success());
}

#[test]
fn a_branch_whose_name_looks_like_an_option() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let commit = branch(&yard, "-x");
    yard.hand_in(&["--branch", "-x"]);
    dispatcher.wait_for(&format!("{commit}: queued"));
    assert_eq!(dispatcher.count(": queued"), 1);
}

#[test]
fn a_branch_that_is_deleted_and_comes_back() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let observer = yard.watcher(&["--branch", "*"]);
    let first = branch(&yard, "x");
    observer.wait_for(&format!("{first} of x: submitted"));
    let delete = ["update-ref", "-d", "refs/heads/x"];
    git(&yard.master(), &delete);
    observer.wait_for_look();
    git(&yard.master(), &["update-ref", "refs/heads/x", &first]);
    observer.wait_for_look();
    assert_eq!(observer.count(" of x: "), 1, "the same commit is not handed in again");
    git(&yard.master(), &delete);
    observer.wait_for_look();
    yard.commit(&[]);
    let second = branch(&yard, "x");
    observer.wait_for(&format!("{second} of x: submitted"));
    let previous = format!("select previous from commits where id = '{second}'");
    assert_eq!(yard.ask_database(&previous), [first]);
    assert_eq!(observer.count("trying again"), 0, "nobody asked for x by name");
    drop(dispatcher);
}

#[test]
fn a_branch_that_was_asked_for_by_name_is_missed_once() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let observer = yard.watcher(&["--branch", "main", "--branch", "x"]);
    observer.wait_for("x: there is no such branch there; trying again");
    observer.wait_for(" of main: submitted");
    observer.wait_for_look();
    let first = branch(&yard, "x");
    observer.wait_for(&format!("{first} of x: submitted"));
    observer.wait_for("x: all is well again");
    assert_eq!(observer.count("there is no such branch"), 1);
}

#[test]
fn a_default_branch_that_is_renamed_is_followed() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let observer = yard.watcher(&[]);
    observer.wait_for(" of main: submitted");
    git(&yard.master(), &["branch", "-q", "-m", "main", "trunk"]);
    observer.wait_for("there is no branch main there; watching trunk");
    let commit = yard.commit(&[]);
    observer.wait_for(&format!("{commit} of trunk: submitted"));
    git(&yard.master(), &["branch", "-q", "-m", "trunk", "main"]);
    observer.wait_for("watching main again");
    let commit = yard.commit(&[]);
    observer.wait_for(&format!("{commit} of main: submitted"));
    assert_eq!(observer.count("there is no branch main there"), 1);
}

#[test]
fn a_clone_that_is_on_no_branch() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let tip = git(&yard.master(), &["rev-parse", "HEAD"]);
    git(&yard.observers(), &["checkout", "-q", "--detach"]);
    let mut observer = yard.watcher(&["--once"]);
    assert!(observer.wait().success());
    observer.wait_for("the clone is on no branch; watching main");
    observer.wait_for(&format!("{tip} of main: submitted"));
    // And where origin cannot tell either, what to do.
    git(&yard.master(), &["checkout", "-q", "--detach"]);
    let mut observer = yard.watcher(&["--once"]);
    assert_eq!(observer.wait().code(), Some(3));
    observer.wait_for("observer: the clone is on no branch, and neither is origin; give --branch");
}

#[test]
fn an_empty_repository_that_gets_its_first_commit_later() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    for folder in [yard.master(), yard.observers()] {
        std::fs::remove_dir_all(folder).unwrap();
    }
    git(yard.path(), &["init", "-q", "test_repo"]);
    git(yard.path(), &["clone", "-q", "test_repo", "test_repo_clone_obs"]);
    // Its first branch need not be what the clone thinks that it will be.
    git(&yard.master(), &["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    let observer = yard.watcher(&[]);
    observer.wait_for("there is no branch there yet");
    observer.wait_for_look();
    let mut once = yard.watcher(&["--once"]);
    assert!(once.wait().success(), "there is nothing to hand in");
    assert_eq!(once.count("there is no branch there yet"), 1);
    let commit = yard.commit(&[]);
    dispatcher.wait_for(&format!("{commit}: queued"));
    observer.wait_for("there is no branch main there; watching trunk");
    observer.wait_for(&format!("{commit} of trunk: submitted"));
    assert_eq!(observer.count("there is no branch there yet"), 1);
    assert_eq!(observer.count("trying again"), 0, "nothing is wrong");
}

#[test]
fn hostile_names_are_watched_or_told_and_hold_up_nobody() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    for name in ["-x", "--upload-pack=touch", "it's;$(x)", "x/@", "refs/heads/main", "ä/日本"] {
        branch(&yard, name);
    }
    let long = ["x".repeat(200), "y".repeat(200)].join("/");
    for name in [long.as_bytes(), b"\xff\xfe", "red\u{9b}31m".as_bytes()] {
        let full = OsString::from_vec([b"refs/heads/", name].concat());
        let args = [OsString::from("update-ref"), full, "HEAD".into()];
        assert!(
            Command::new("git").current_dir(yard.master()).args(args).status().unwrap().success()
        );
    }
    // A name that git itself does not take.
    let tip = git(&yard.master(), &["rev-parse", "HEAD"]);
    std::fs::write(yard.master().join(".git/refs/heads/a b\u{1b}[31m"), tip + "\n").unwrap();
    let observer = yard.watcher(&["--branch", "*"]);
    for name in
        ["-x", "--upload-pack=touch", "it's;$(x)", "x/@", "refs/heads/main", "ä/日本", "main"]
    {
        observer.wait_for(&format!(" of {name}: submitted"));
    }
    observer.wait_for_look();
    let told: Vec<_> =
        observer.log().into_iter().filter(|line| line.contains("trying again")).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    for why in [
        "\u{fffd}\u{fffd}: its name is not UTF-8",
        "red\\u{9b}31m: a branch has no control",
        "at most 255 bytes",
        "a: its ref is broken there",
    ] {
        assert!(told.iter().any(|line| line.contains(why)), "{why}: {told:?}");
    }
    // One in the place of another's folder, and of our own ref in it.
    git(&yard.master(), &["update-ref", "-d", "refs/heads/x/@"]);
    let x = branch(&yard, "x");
    observer.wait_for(&format!("{x} of x: submitted"));
}

#[test]
fn a_clone_without_origin_is_watched_itself() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let mut command = yard.watcher_command();
    let observer = pontus_tests::Process::start("observer", command.arg(Path::new("test_repo")));
    observer.wait_for("there is no remote called origin");
    observer.wait_for(" of main: submitted");
    let commit = yard.commit(&[]);
    observer.wait_for(&format!("{commit} of main: submitted"));
    assert_eq!(
        yard.ask_database(&format!("select project from commits where id = '{commit}'")),
        ["test_repo"]
    );
}
