//! What is handed in of a branch, whatever upstream does with its history.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use pontus_tests::{Process, Yard, git};

/// What the dispatcher was told of a commit.
fn stored(yard: &Yard, columns: &str, commit: &str) -> String {
    let rows = yard.ask_database(&format!("select {columns} from commits where id = '{commit}'"));
    assert_eq!(rows.len(), 1, "{commit}: {rows:?}");
    rows[0].clone()
}

/// The commits that a commit stands for, oldest first.
fn skipped(yard: &Yard, commit: &str) -> Vec<String> {
    let sql = "select skipped_id from skipped_commits join commits on place = commit_place";
    yard.ask_database(&format!("{sql} where id = '{commit}' order by position"))
}

/// Waits until a commit has been handed in, as a new one.
fn wait_for(observer: &Process, commit: &str) {
    observer.wait_for(&format!("{commit} of main: submitted"));
}

fn reset(yard: &Yard, to: &str) {
    git(&yard.master(), &["reset", "-q", "--hard", to]);
}

/// Puts `count` commits on top of the master's branch, in one process and as one push would. Returns them, oldest first.
fn commit_many(yard: &Yard, count: usize) -> Vec<String> {
    let before = git(&yard.master(), &["rev-parse", "HEAD"]);
    let mut stream = String::new();
    for number in 0..count {
        let from = if number == 0 { format!("from {before}\n") } else { String::new() };
        let time = 1_700_000_000 + number;
        stream += &format!(
            "commit refs/heads/main\ncommitter T <t@example.org> {time} +0000\ndata 1\nx\n{from}\n"
        );
    }
    let path = yard.path().join("stream");
    fs::write(&path, stream).unwrap();
    let mut import = Command::new("git");
    import.args(["fast-import", "--quiet"]).current_dir(yard.master());
    let status = import.stdin(Stdio::from(fs::File::open(&path).unwrap())).status();
    assert!(status.unwrap().success());
    let range = format!("{before}..main");
    let ids = git(&yard.master(), &["rev-list", "--reverse", "--first-parent", &range]);
    ids.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_known_of_a_commit_is_told() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    yard.hand_in(&[]);
    let first = git(&yard.master(), &["rev-parse", "HEAD"]);
    let message = format!("Ünïcode \u{1b}[31m {}\n\nand more", "long ".repeat(200));
    git(&yard.master(), &["commit", "-q", "--allow-empty", "-m", &message]);
    let second = git(&yard.master(), &["rev-parse", "HEAD"]);
    yard.hand_in(&[]);
    assert_eq!(stored(&yard, "previous, subject", &first), "None|begin");
    let tree = git(&yard.master(), &["rev-parse", "HEAD^{tree}"]);
    let time = git(&yard.master(), &["log", "-1", "--format=%ct"]) + "000";
    let author = "Tester <tester@example.org>";
    let expected = format!("{first}|{tree}|main|test_repo|{author}|{time}");
    assert_eq!(
        stored(&yard, "previous, tree, branch, project, author, committed_ms", &second),
        expected
    );
    let subject = stored(&yard, "subject", &second);
    assert!(subject.starts_with("Ünïcode \u{fffd}[31m long long"), "{subject}");
    assert!(subject.len() > 400 && subject.len() <= 500, "{}", subject.len());
}

#[test]
fn force_pushes_back_and_forth() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let observer = yard.watcher(&[]);
    let [first, second, third] = [(); 3].map(|()| {
        let commit = yard.commit(&[]);
        wait_for(&observer, &commit);
        commit
    });
    // Back, forth, and to where it never was.
    reset(&yard, &first);
    observer.wait_for(&format!("{first} of main: known already"));
    reset(&yard, &third);
    observer.wait_for(&format!("{third} of main: known already"));
    reset(&yard, &first);
    observer.wait_for_look();
    git(&yard.master(), &["checkout", "-q", "--detach"]);
    let between = yard.commit(&[("a", "")]);
    let other = yard.commit(&[("a", "x")]);
    git(&yard.master(), &["update-ref", "refs/heads/main", &other]);
    wait_for(&observer, &other);
    assert_eq!(skipped(&yard, &other), [between]);
    assert_eq!(stored(&yard, "previous", &other), first);
    assert_eq!(skipped(&yard, &second), [""; 0]);
}

#[test]
fn merges_rebases_and_orphans() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let observer = yard.watcher(&[]);
    observer.wait_for(" of main: submitted");
    let master = yard.master();
    let git = |args: &[&str]| git(&master, args);
    // A merge stands for what came along first parents, not for the branch that it merges.
    git(&["checkout", "-q", "-b", "side"]);
    let side = yard.commit(&[("side", "")]);
    git(&["checkout", "-q", "--detach", "main"]);
    let before = yard.commit(&[("main", "")]);
    git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let merge = git(&["rev-parse", "HEAD"]);
    git(&["update-ref", "refs/heads/main", &merge]);
    wait_for(&observer, &merge);
    assert_eq!(skipped(&yard, &merge), [before]);
    // Rebased onto something else: what was handed in is left behind.
    git(&["checkout", "-q", "--detach", &side]);
    let rebased = [("x", "1"), ("x", "2")].map(|file| yard.commit(&[file]));
    git(&["update-ref", "refs/heads/main", &rebased[1]]);
    wait_for(&observer, &rebased[1]);
    assert_eq!(skipped(&yard, &rebased[1]), [rebased[0].clone()]);
    // Another beginning.
    git(&["checkout", "-q", "--orphan", "fresh"]);
    let orphan = yard.commit(&[]);
    git(&["update-ref", "refs/heads/main", &orphan]);
    wait_for(&observer, &orphan);
    assert_eq!(skipped(&yard, &orphan), [""; 0]);
    assert_eq!(stored(&yard, "previous", &orphan), rebased[1]);
}

#[test]
fn two_tips_at_one_commit_are_handed_in_once() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let branch = |name: &str| git(&yard.master(), &["branch", "-f", name]);
    branch("a");
    branch("b");
    let observer = yard.watcher(&["--branch", "*"]);
    observer.wait_for(": submitted");
    observer.wait_for_look();
    // And a branch that comes to it later, also when the observer has forgotten nothing but itself.
    branch("c");
    observer.wait_for_look();
    drop(observer);
    let observer = yard.watcher(&["--branch", "*"]);
    branch("d");
    observer.wait_for_look();
    // On no branch at first, so that no look comes between the two.
    git(&yard.master(), &["checkout", "-q", "--detach"]);
    let (skipped, commit) = (yard.commit(&[]), yard.commit(&[]));
    branch("a");
    dispatcher.wait_for(&format!("{commit}: queued"));
    observer.wait_for_look();
    // That one of them skipped it is no reason not to test it.
    git(&yard.master(), &["update-ref", "refs/heads/b", &skipped]);
    observer.wait_for(&format!("{skipped} of b: submitted"));
    assert_eq!(observer.count(" known already"), 0);
    dispatcher.wait_for_many(": queued", 3);
    // The dispatcher need not be there for it.
    dispatcher.kill();
    branch("e");
    observer.wait_for_look();
    assert_eq!(observer.count("cannot reach the dispatcher"), 0);
    assert_eq!(dispatcher.count(": queued"), 3);
}

#[test]
fn ten_thousand_commits_in_one_push() {
    const COMMITS: usize = 10_000;
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    yard.hand_in(&[]);
    let commits = commit_many(&yard, COMMITS);
    let tip = commits.last().unwrap();
    yard.hand_in(&[]);
    dispatcher.wait_for_many(": queued", 2);
    assert_eq!(dispatcher.count(": queued"), 2);
    assert_eq!(stored(&yard, "skipped_unnamed", tip), "8999");
    assert_eq!(skipped(&yard, tip), commits[COMMITS - 1_001..COMMITS - 1]);
    // The same again, each of them.
    git(
        &yard.observers(),
        &["update-ref", "refs/pontus/submitted/main/@", &format!("{}~", commits[0])],
    );
    let started = Instant::now();
    yard.hand_in(&["--every-commit"]);
    eprintln!("{COMMITS} commits were handed in within {:?}", started.elapsed());
    let order = yard.ask_database("select id from commits order by place");
    // The first two are known: what there was before, and the tip.
    assert_eq!(order[2..], commits[..COMMITS - 1]);
    let last = &commits[COMMITS - 2];
    assert_eq!(
        stored(&yard, "previous, skipped_unnamed", last),
        format!("{}|0", commits[COMMITS - 3])
    );
    let cursor = git(&yard.observers(), &["rev-parse", "refs/pontus/submitted/main/@"]);
    assert_eq!(cursor, *tip);
}

#[test]
fn a_shallow_clone_stays_one() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let old: Vec<_> = (0..3).map(|_| yard.commit(&[])).collect();
    fs::remove_dir_all(yard.observers()).unwrap();
    let url = format!("file://{}", yard.master().display());
    git(yard.path(), &["clone", "-q", "--depth=1", &url, "test_repo_clone_obs"]);
    yard.hand_in(&[]);
    let between = yard.commit(&[]);
    let newest = yard.commit(&[]);
    let observer = yard.watcher(&[]);
    wait_for(&observer, &newest);
    assert_eq!(skipped(&yard, &newest), [between]);
    // Put back to before its beginning.
    reset(&yard, &old[0]);
    observer.wait_for(&format!("{} of main: submitted", old[0]));
    assert_eq!(git(&yard.observers(), &["rev-parse", "--is-shallow-repository"]), "true");
    assert_eq!(observer.count("trying again"), 0);
}

#[test]
fn a_repository_of_sha256() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    fs::remove_dir_all(yard.master()).unwrap();
    git(yard.path(), &["init", "-q", "--object-format=sha256", "test_repo"]);
    yard.commit(&[]);
    yard.clone_master();
    yard.hand_in(&[]);
    let (between, newest) = (yard.commit(&[]), yard.commit(&[]));
    assert_eq!(newest.len(), 64);
    yard.hand_in(&[]);
    assert_eq!(skipped(&yard, &newest), [between]);
}

#[test]
fn what_was_first_seen_of_a_branch_is_where_its_history_begins() {
    let yard = Yard::new();
    // As if it had been killed before it heard that this was accepted.
    let first = yard.commit(&[]);
    assert_eq!(yard.watcher(&["--once"]).wait().code(), Some(5));
    let (between, newest) = (yard.commit(&[]), yard.commit(&[]));
    let dispatcher = yard.dispatcher(&[]);
    yard.hand_in(&["--every-commit"]);
    for commit in [first, between, newest] {
        dispatcher.wait_for(&format!("{commit}: queued"));
    }
}

#[test]
fn a_cursor_whose_commit_is_not_there_any_more() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    yard.hand_in(&[]);
    let cursor = yard.observers().join(".git/refs/pontus/submitted/main/@");
    fs::write(cursor, "1".repeat(40) + "\n").unwrap();
    let (_, newest) = (yard.commit(&[]), yard.commit(&[]));
    let mut observer = yard.watcher(&["--once"]);
    assert!(observer.wait().success());
    observer.wait_for("main: what was remembered of it is not here any more; beginning anew");
    wait_for(&observer, &newest);
    assert_eq!(skipped(&yard, &newest), [""; 0]);
    let observer = yard.watcher(&[]);
    observer.wait_for_look();
    assert_eq!(observer.count(&newest), 0, "once");
}
