//! What a look costs, and how soon it comes; and what a commit costs its runner.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pontus_tests::{Process, Yard, git, project_root};
use rustix::process::Signal;

/// A `PATH` with a `git` in it that writes down what it is asked for before it does it, and where it does.
fn counting_git(yard: &Yard) -> (String, PathBuf) {
    let (folder, calls) = (yard.path().join("bin"), yard.path().join("calls"));
    fs::create_dir(&folder).unwrap();
    let real = Command::new("sh").args(["-c", "command -v git"]).output().unwrap().stdout;
    let real = String::from_utf8(real).unwrap();
    let script =
        format!("#!/bin/sh\necho \"$*\" >> {}\nexec {} \"$@\"\n", calls.display(), real.trim());
    // Written by another process: see the harness of the tests of git.
    let mut write = Command::new("sh");
    write.args(["-c", "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"]);
    assert!(write.arg(folder.join("git")).arg(script).status().unwrap().success());
    let path = std::env::var("PATH").unwrap();
    (format!("{}:{path}", folder.display()), calls)
}

/// The calls since the last time, by their verbs.
fn verbs(calls: &Path) -> Vec<String> {
    let text = fs::read_to_string(calls).unwrap_or_default();
    fs::write(calls, "").unwrap();
    let known = [
        "ls-remote",
        "fetch",
        "for-each-ref",
        "rev-list",
        "update-ref",
        "config",
        "symbolic-ref",
        "read-tree",
    ];
    let verb =
        |line: &str| line.split(' ').find(|word| known.contains(word)).unwrap_or(line).to_owned();
    text.lines().map(verb).collect()
}

#[test]
fn a_look_at_which_nothing_has_changed_is_one_process() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    for number in 0..50 {
        git(&yard.master(), &["branch", &format!("b{number}")]);
    }
    let (path, calls) = counting_git(&yard);
    let mut command = yard.watcher_command();
    command.env("PATH", path).args(["--interval", "1h", "--branch", "*"]).arg(yard.observers());
    let observer = Process::start("observer", &mut command);
    let look = |count: usize| {
        observer.wait_for_many("looked", count);
        verbs(&calls)
    };
    let first = look(1);
    assert_eq!(first.iter().filter(|verb| *verb == "fetch").count(), 1, "{first:?}");
    for count in 2..5 {
        observer.signal(Signal::USR1);
        assert_eq!(look(count), ["ls-remote"]);
    }
    yard.commit(&[]);
    observer.signal(Signal::USR1);
    let expected = ["ls-remote", "fetch", "for-each-ref", "rev-list", "rev-list", "update-ref"];
    assert_eq!(look(5), expected);
    observer.signal(Signal::USR1);
    assert_eq!(look(6), ["ls-remote"]);
}

#[test]
fn a_dispatcher_that_is_away_costs_no_more() {
    let yard = Yard::new();
    let (path, calls) = counting_git(&yard);
    let mut command = yard.watcher_command();
    command.env("PATH", path).args(["--interval", "1h"]).arg(yard.observers());
    let observer = Process::start("observer", &mut command);
    observer.wait_for_many("looked", 1);
    verbs(&calls);
    observer.signal(Signal::USR1);
    observer.wait_for_many("looked", 2);
    assert_eq!(verbs(&calls), ["ls-remote"], "what was fetched is not fetched again");
}

#[test]
fn an_observer_that_is_called_once_fetches_without_asking_first() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let (path, calls) = counting_git(&yard);
    let look = |commit: &str| {
        let mut command = yard.command("observer");
        command.env("PATH", &path).args(["--once", "--dispatcher-server", &yard.server()]);
        assert!(Process::start("observer", command.arg(yard.observers())).wait().success());
        dispatcher.wait_for(&format!("{commit}: queued"));
        let mut verbs = verbs(&calls);
        verbs.sort_unstable();
        verbs
    };
    assert!(look(&yard.commit(&[])).contains(&"ls-remote".to_owned()), "where its history begins");
    let asked = "config fetch for-each-ref rev-list update-ref";
    assert_eq!(look(&yard.commit(&[])).join(" "), asked);
    git(&yard.master(), &["branch", "-q", "-m", "main", "trunk"]);
    assert!(look(&yard.commit(&[])).contains(&"ls-remote".to_owned()), "its branch is gone");
}

#[test]
fn a_commit_costs_a_runner_no_more_than_it_would_by_hand() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let (path, calls) = counting_git(&yard);
    let mut command = yard.command("runner");
    command.env("PATH", path).args(["--dispatcher-server", &yard.server()]).arg(yard.runners());
    let _runner = Process::start("runner", &mut command);
    let tested = |commit: &str| {
        yard.hand_in(&[]);
        yard.result(&dispatcher, commit);
        verbs(&calls)
    };
    tested(&yard.commit(&[("tests/a.sh", "true\n")]));
    assert_eq!(tested(&yard.commit(&[])), ["fetch", "read-tree"]);
    let here = yard.commit(&[]);
    git(&yard.runners(), &["fetch", "-q", "origin"]);
    assert_eq!(tested(&here), ["read-tree"]);
    git(&yard.runners(), &["repack", "-q", "-a", "-d"]);
    assert_eq!(tested(&yard.commit(&[])), ["fetch", "read-tree"]);
}

#[test]
fn a_signal_makes_it_look_now() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let observer = yard.watcher(&["--interval", "1h"]);
    observer.wait_for("looked");
    let commit = yard.commit(&[]);
    observer.signal(Signal::USR1);
    dispatcher.wait_for(&format!("{commit}: queued"));
}

/// A bare repository in the place of the master, and a clone to push from.
fn with_bare_master(yard: &Yard) -> PathBuf {
    let mine = yard.path().join("mine");
    fs::rename(yard.master(), &mine).unwrap();
    git(yard.path(), &["clone", "-q", "--bare", "mine", "test_repo.git"]);
    git(&mine, &["remote", "add", "origin", "../test_repo.git"]);
    let bare = yard.path().join("test_repo.git");
    git(&yard.observers(), &["remote", "set-url", "origin", bare.to_str().unwrap()]);
    mine
}

fn install(hooks: &Path, name: &str) {
    fs::create_dir_all(hooks).unwrap();
    fs::copy(project_root().join("examples/post-receive"), hooks.join(name)).unwrap();
}

/// Git as somebody uses it who has Pontus installed.
fn user_git(yard: &Yard, dir: &Path) -> Command {
    let programs = pontus_tests::program("observer");
    let path =
        format!("{}:{}", programs.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = yard.command_of("git");
    command.current_dir(dir).env("PATH", path).env("PONTUS_DISPATCHER_SERVER", yard.server());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env_remove("GIT_DIR");
    command.args(["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]);
    command
}

#[test]
fn a_push_is_handed_in_at_once() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let mine = with_bare_master(&yard);
    let push = |then: &dyn Fn(&str)| {
        git(&mine, &["commit", "-q", "--allow-empty", "-m", "x"]);
        let commit = git(&mine, &["rev-parse", "HEAD"]);
        let started = Instant::now();
        let pushed = user_git(&yard, &mine).args(["push", "-q", "origin", "main"]).status();
        assert!(pushed.unwrap().success());
        then(&commit);
        started.elapsed()
    };
    git(yard.path(), &["clone", "-q", "test_repo.git", "by_hand"]);
    let by_hand = || {
        let started = Instant::now();
        for verb in ["ls-remote", "fetch", "for-each-ref", "rev-list"] {
            let args: &[&str] = if verb == "rev-list" { &[verb, "-1", "HEAD"] } else { &[verb] };
            git(&yard.path().join("by_hand"), args);
        }
        started.elapsed()
    };
    let hook = yard.path().join("test_repo.git/hooks/post-receive");
    let round = || {
        // There is none at first.
        fs::remove_file(&hook).ok();
        let (alone, by_hand) = (push(&|_| {}), by_hand());
        install(hook.parent().unwrap(), "post-receive");
        let wait = |commit: &str| drop(dispatcher.wait_for(&format!("{commit}: queued")));
        (push(&wait).saturating_sub(alone), by_hand)
    };
    // One of several has to be undisturbed. What git itself takes, typed by hand, is some 25 ms on an idle machine; on one that
    // does other things too, all of it takes longer.
    let is_soon = |(delay, by_hand): &(Duration, Duration)| {
        eprintln!("{delay:?} from push to submit, {by_hand:?} by hand");
        *delay < Duration::from_millis(100).max(*by_hand * 3)
    };
    assert!((0..10).map(|_| round()).any(|round| is_soon(&round)), "no push was handed in soon");
}

#[test]
fn a_commit_is_handed_in_at_once_by_the_same_hook() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    install(&yard.master().join(".git/hooks"), "post-commit");
    let args = ["commit", "-q", "--allow-empty", "-m", "x"];
    assert!(user_git(&yard, &yard.master()).args(args).status().unwrap().success());
    let commit = git(&yard.master(), &["rev-parse", "HEAD"]);
    dispatcher.wait_for(&format!("{commit}: queued"));
}

#[test]
fn a_commit_in_a_worktree_is_handed_in_for_its_repository() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    install(&yard.master().join(".git/hooks"), "post-commit");
    git(&yard.master(), &["checkout", "-q", "--detach"]);
    git(&yard.master(), &["worktree", "add", "-q", "../elsewhere", "main"]);
    let elsewhere = yard.path().join("elsewhere");
    let args = ["commit", "-q", "--allow-empty", "-m", "x"];
    assert!(user_git(&yard, &elsewhere).args(args).status().unwrap().success());
    let commit = git(&elsewhere, &["rev-parse", "HEAD"]);
    dispatcher.wait_for(&format!("{commit}: queued"));
}

#[test]
fn the_hook_finds_a_clone_that_is_configured() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    install(&yard.master().join(".git/hooks"), "post-commit");
    let clone = yard.path().join("the observer's");
    fs::rename(yard.observers(), &clone).unwrap();
    let handed_in = || {
        let args = ["commit", "-q", "--allow-empty", "-m", "x"];
        assert!(user_git(&yard, &yard.master()).args(args).status().unwrap().success());
        let commit = git(&yard.master(), &["rev-parse", "HEAD"]);
        dispatcher.wait_for(&format!("{commit}: queued"));
    };
    git(&yard.master(), &["config", "pontus.clone", clone.to_str().unwrap()]);
    handed_in();
    // In a file that the configuration leads to.
    let included = yard.path().join("included");
    fs::rename(yard.master().join(".git/config"), &included).unwrap();
    let text = format!("[include]\n\tpath = {}\n", included.display());
    fs::write(yard.master().join(".git/config"), text).unwrap();
    handed_in();
}

#[test]
fn a_hook_that_cannot_work_is_in_nobodys_way() {
    let yard = Yard::new();
    let mine = with_bare_master(&yard);
    install(&yard.path().join("test_repo.git/hooks"), "post-receive");
    let push = || {
        git(&mine, &["commit", "-q", "--allow-empty", "-m", "x"]);
        user_git(&yard, &mine).args(["push", "-q", "origin", "main"]).output().unwrap()
    };
    let pushed = push();
    assert!(pushed.status.success() && pushed.stderr.is_empty(), "{pushed:?}");
    // The observer of the first push may still be at work in it.
    fs::rename(yard.observers(), yard.path().join("elsewhere")).unwrap();
    let pushed = push();
    assert!(pushed.status.success() && pushed.stderr.is_empty(), "{pushed:?}");
}

#[test]
fn inside_a_hook_it_looks_at_its_own_clone() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let commit = yard.commit(&[]);
    let elsewhere = yard.path().join("elsewhere");
    git(yard.path(), &["init", "-q", "elsewhere"]);
    let mut command = yard.watcher_command();
    command.args(["--once", "../test_repo_clone_obs"]).current_dir(&elsewhere);
    command.env("GIT_DIR", elsewhere.join(".git")).env("GIT_WORK_TREE", &elsewhere);
    command.env("GIT_INDEX_FILE", "nowhere").env("GIT_QUARANTINE_PATH", "nowhere");
    let mut observer = Process::start("observer", &mut command);
    assert!(observer.wait().success());
    dispatcher.wait_for(&format!("{commit}: queued for test_repo"));
}
