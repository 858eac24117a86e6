//! Errors that say who is at fault. None of them is `failed`.

use std::process::Command;

use pontus_tests::{Speaker, Yard, git, last_line, submission_of};

/// Hands a commit in that no observer need have seen.
fn submit(yard: &Yard, commit: &str) {
    Speaker::client(yard).submit(submission_of(commit.parse().unwrap(), "test_repo"));
}

#[test]
fn a_commit_that_nobody_has() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let runner = yard.runner(&[]);
    let commit = "1234567890".repeat(4);
    submit(&yard, &commit);
    let result = yard.result(&dispatcher, &commit);
    assert_eq!(last_line(&result), "verdict: error: no such commit at the origin");
    // Nobody asks twice for what is not there.
    assert_eq!(runner.log().iter().filter(|line| line.contains(": fetching")).count(), 1);
}

#[test]
fn a_commit_that_no_branch_has_any_more() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let _runner = yard.runner(&[]);
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    git(&yard.master(), &["reset", "-q", "--hard", "HEAD~1"]);
    submit(&yard, &commit);
    let result = yard.result(&dispatcher, &commit);
    assert!(last_line(&result).starts_with("verdict: passed: 1 passed"), "{result}");
}

/// An annotated tag has an id too, which is not that of the commit it leads to.
#[test]
fn a_tag_that_is_handed_in_as_a_commit() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let _runner = yard.runner(&[]);
    yard.commit(&[("tests/a.sh", "true\n")]);
    git(&yard.master(), &["tag", "-a", "-m", "x", "v1"]);
    let tag = git(&yard.master(), &["rev-parse", "v1"]);
    let result = |tag: &str| {
        submit(&yard, tag);
        last_line(&yard.result(&dispatcher, tag)).to_owned()
    };
    let expected =
        |tag: &str| format!("verdict: error: checkout failed: cannot use \"{tag}\" as a commit");
    assert_eq!(result(&tag), expected(&tag));
    git(&yard.master(), &["tag", "-a", "-m", "x", "v2"]);
    git(&yard.runners(), &["fetch", "-q", "--tags", "origin"]);
    let tag = git(&yard.master(), &["rev-parse", "v2"]);
    assert_eq!(result(&tag), expected(&tag));
}

#[test]
fn an_origin_that_is_gone() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let runner = yard.runner(&[]);
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    std::fs::rename(yard.master(), yard.path().join("elsewhere")).unwrap();
    submit(&yard, &commit);
    let result = yard.result(&dispatcher, &commit);
    let line = last_line(&result);
    assert!(line.starts_with("verdict: error: no such commit here, and cannot fetch"), "{line}");
    assert_eq!(runner.log().iter().filter(|line| line.contains("; trying again in ")).count(), 3);
}

#[test]
fn an_origin_that_is_away_for_a_moment() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let runner = yard.runner(&[]);
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    let elsewhere = yard.path().join("elsewhere");
    std::fs::rename(yard.master(), &elsewhere).unwrap();
    submit(&yard, &commit);
    runner.wait_for("; trying again in 1s");
    std::fs::rename(&elsewhere, yard.master()).unwrap();
    let result = yard.result(&dispatcher, &commit);
    assert!(last_line(&result).starts_with("verdict: passed: 1 passed"), "{result}");
    assert!(result.contains("\nattempt   1\n"), "{result}");
}

#[test]
fn a_clone_that_lost_an_object() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let commit = yard.commit(&[("tests/a.sh", "true\n"), ("data", "precious\n")]);
    let clone = yard.runners();
    git(&clone, &["fetch", "-q"]);
    let blob = git(&clone, &["rev-parse", &format!("{commit}:data")]);
    std::fs::remove_file(clone.join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let _runner = yard.runner(&[]);
    submit(&yard, &commit);
    let result = yard.result(&dispatcher, &commit);
    let line = last_line(&result);
    assert!(line.starts_with("verdict: error: checkout failed: "), "{line}");
}

#[test]
fn a_clone_of_somebody_else() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let given = Command::new("chown").args(["-R", "65534"]).arg(yard.runners()).status().unwrap();
    if !given.success() {
        eprintln!("skipped: only root can give a clone away");
        return;
    }
    let mut runner = yard.runner(&[]);
    assert_eq!(runner.wait().code(), Some(3));
    let line = runner.wait_for("runner: cannot use ");
    assert!(line.contains("dubious ownership") && line.contains("safe.directory"), "{line}");
}

#[test]
fn a_tool_that_is_not_here() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    // A PATH with git and nothing else.
    let tools = yard.path().join("tools");
    std::fs::create_dir(&tools).unwrap();
    let git = Command::new("sh").args(["-c", "command -v git"]).output().unwrap();
    let git = String::from_utf8(git.stdout).unwrap();
    std::os::unix::fs::symlink(git.trim(), tools.join("git")).unwrap();
    let mut command = yard.command("runner");
    command.env("PATH", &tools).args(["--dispatcher-server", &yard.server()]).arg(yard.runners());
    let _runner = pontus_tests::Process::start("runner", &mut command);
    let _observer = yard.observer(&[]);
    for (file, tool) in [
        ("tests/a.bats", "bats"),
        ("tests/a.test.js", "node"),
        ("tests/a.t", "perl"),
        ("tests/test_a.py", "python3"),
    ] {
        git_rm_tests(&yard);
        let commit = yard.commit(&[(file, "")]);
        let result = yard.result(&dispatcher, &commit);
        assert_eq!(last_line(&result), format!("verdict: error: {file}: {tool} is missing"));
    }
}

#[test]
fn a_disk_that_is_full() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let work = yard.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let script = "mount -t tmpfs -o size=4m small \"$1\" || exit 99; shift; exec \"$@\"";
    let mut command = yard.command_of("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(&work);
    command.arg(pontus_tests::program("runner")).arg("--work-dir").arg(&work);
    command.args(["--dispatcher-server", &yard.server()]).arg(yard.runners());
    let mut runner = pontus_tests::Process::start("runner", &mut command);
    if !runner.says_before_its_end(" is connected to ") {
        eprintln!("skipped: no mount namespaces here: {:?}", runner.wait());
        return;
    }
    let _observer = yard.observer(&[]);
    let flood = yard.commit(&[("tests/a.sh", "head -c 10000000 /dev/urandom\n")]);
    let line = last_line(&yard.result(&dispatcher, &flood)).to_owned();
    assert!(line.starts_with("verdict: error: the runner's disk failed: No space left"), "{line}");
    // With room again, the same runner goes on.
    let small = yard.commit(&[("tests/a.sh", "true\n")]);
    let line = last_line(&yard.result(&dispatcher, &small)).to_owned();
    assert!(line.starts_with("verdict: passed: 1 passed"), "{line}");
}

fn git_rm_tests(yard: &Yard) {
    git(&yard.master(), &["rm", "-r", "-q", "--ignore-unmatch", "tests"]);
}
