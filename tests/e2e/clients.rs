//! What users and scripts are told who ask the dispatcher: each subcommand that changes nothing, and `submit`.

use std::process::{Command, Output};

use pontus_tests::{Checkpoint, PATIENCE, Yard, git};
use serde_json::{Value, json};

/// What a subcommand answered.
#[derive(Debug)]
pub struct Asked {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed to standard output.
    pub out: String,
    /// What it printed to standard error.
    pub err: String,
}

impl From<Output> for Asked {
    fn from(output: Output) -> Asked {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Asked { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// A subcommand that asks the yard's dispatcher.
pub fn asking(yard: &Yard, args: &[&str]) -> Command {
    let mut command = yard.command("dispatcher");
    command.args(args).env("PONTUS_DISPATCHER_SERVER", yard.server());
    command
}

/// Asks the yard's dispatcher and waits for the answer, as long as any test waits for anything.
pub fn ask(yard: &Yard, args: &[&str]) -> Asked {
    let asking = asking(yard, args);
    let mut command = yard.command_of("timeout");
    command.args(["-s", "KILL", &PATIENCE.as_secs().to_string()]);
    command.arg(asking.get_program()).args(asking.get_args());
    command.env("PONTUS_DISPATCHER_SERVER", yard.server()).output().unwrap().into()
}

/// Asks, holds that it went well and that nothing was complained about, and returns what was printed.
pub fn told(yard: &Yard, args: &[&str]) -> String {
    let asked = ask(yard, args);
    assert_eq!((asked.code, asked.err.as_str()), (Some(0), ""), "{args:?}: {asked:?}");
    asked.out
}

/// The same, read as JSON.
pub fn told_json(yard: &Yard, args: &[&str]) -> Value {
    serde_json::from_str(&told(yard, args)).unwrap()
}

/// Asks, holds that it ended with `code` and one line on standard error, and returns that line.
pub fn refused(yard: &Yard, args: &[&str], code: i32) -> String {
    let asked = ask(yard, args);
    assert_eq!((asked.code, asked.out.as_str()), (Some(code), ""), "{args:?}: {asked:?}");
    assert_eq!(asked.err.lines().count(), 1, "{asked:?}");
    asked.err.trim_end().to_owned()
}

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Whether it is a time as RFC 3339 has it, in UTC, with milliseconds.
fn is_time(value: &Value) -> bool {
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    value.as_str().is_some_and(|time| {
        time.chars().map(shape).collect::<String>() == "0000-00-00T00:00:00.000Z"
    })
}

#[test]
fn status_of_nothing_and_of_commits() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    assert_eq!(told(&yard, &["status"]), "0 queued, 0 running, 0 runners\n");
    let empty = json!({"queued": 0, "running": 0, "runners": 0, "paused": false, "commits": []});
    assert_eq!(told_json(&yard, &["status", "--json"]), empty);

    let [older, newer] = ["a1", "b2"].map(|pair| pair.repeat(20));
    told(&yard, &["submit", &older, "--project", "one", "--branch", "main"]);
    told(&yard, &["submit", &newer, "--project", "two"]);
    let line = |commit: &str, project: &str, branch: Value| {
        json!({"commit": commit, "project": project, "branch": branch, "state": "queued",
               "waits_for": "runner", "verdict": null})
    };
    let commits = json!([line(&newer, "two", Value::Null), line(&older, "one", json!("main"))]);
    let status = told_json(&yard, &["status", "--json"]);
    assert_eq!((&status["queued"], &status["commits"]), (&json!(2), &commits));
    let newest = told_json(&yard, &["status", "--json", "--commits", "1"]);
    assert_eq!(newest["commits"], json!([commits[0]]));
    let table = told(&yard, &["status"]);
    let row = format!("{}  two              queued: no runner for its project", &newer[..12]);
    assert_eq!(table.lines().nth(3), Some(row.as_str()), "{table}");
}

#[test]
fn runners_and_what_they_test() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    assert_eq!(told(&yard, &["runners"]), "no runners\n");
    assert_eq!(told_json(&yard, &["runners", "--json"]), json!([]));
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    let _runner = yard.runner(&[]);
    let (visitor, _) = checkpoint.arrival();
    let runners = told_json(&yard, &["runners", "--json"]);
    let [runner] = &runners.as_array().unwrap()[..] else { panic!("{runners}") };
    let expected = [
        "connected",
        "draining",
        "labels",
        "last_heard_ms",
        "project",
        "runner",
        "since",
        "testing",
    ];
    assert_eq!(keys(runner), expected);
    assert_eq!(runner["runner"], "oak/1");
    assert_eq!(runner["project"], "test_repo");
    assert_eq!(runner["testing"], commit.as_str());
    assert!(is_time(&runner["since"]), "{runner}");
    assert!(runner["last_heard_ms"].as_u64().unwrap() < 60_000, "{runner}");
    let row = told(&yard, &["runners"]);
    assert!(row.contains(&format!("\noak/1   test_repo          {}  20", &commit[..12])), "{row}");
    visitor.leave_with(0);
    assert_eq!(ask(&yard, &["wait", &commit]).code, Some(0));
}

#[test]
fn more_runners_than_one_answer_holds() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let runner = yard.runner(&["--slots", "60"]);
    runner.wait_for_many(" is connected to ", 60);
    let runners = told_json(&yard, &["runners", "--json"]);
    let names = runners.as_array().unwrap().iter().map(|runner| runner["runner"].as_str().unwrap());
    let mut expected: Vec<_> = (1..=60).map(|number| format!("oak/{number}")).collect();
    expected.sort();
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

#[test]
fn show_knows_a_commit_from_its_submission_on() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let commit = yard.commit(&[("tests/a.sh", "exit 1\n"), ("tests/b.sh", "exit 77\n")]);
    yard.hand_in(&[]);
    let queued = told_json(&yard, &["show", &commit, "--json"]);
    assert_eq!((&queued["state"], &queued["waits_for"]), (&json!("queued"), &json!("runner")));
    let text = told(&yard, &["show", &commit]);
    assert!(text.ends_with("\n\nqueued: no runner for its project\n"), "{text}");

    let _runner = yard.runner(&[]);
    let result = yard.result(&dispatcher, &commit);
    let shown = told_json(&yard, &["show", &commit, "--format", "json"]);
    assert_eq!(keys(&shown), keys(&queued), "a key came or went");
    for (key, value) in [
        ("commit", json!(commit)),
        ("project", json!("test_repo")),
        ("branch", json!("main")),
        ("state", json!("done")),
        ("verdict", json!("failed")),
        ("reason", Value::Null),
        ("counts", json!({"passed": 0, "failed": 1, "skipped": 1})),
        ("skipped_commits", json!([])),
    ] {
        assert_eq!(shown[key], value, "{key}");
    }
    let [attempt] = &shown["attempts"].as_array().unwrap()[..] else { panic!("{shown}") };
    assert_eq!((&attempt["attempt"], &attempt["runner"]), (&json!(1), &json!("oak/1")));
    assert_eq!(attempt["fate"], "reported");
    assert!(is_time(&attempt["started"]) && is_time(&attempt["ended"]), "{attempt}");
    let units = shown["units"].as_array().unwrap();
    let told_units: Vec<_> =
        units.iter().map(|unit| (&unit["unit"], &unit["outcome"], &unit["exit"])).collect();
    let [a, b, failed, skipped] =
        ["tests/a.sh", "tests/b.sh", "failed", "skipped"].map(|word| json!(word));
    assert_eq!(told_units, [(&a, &failed, &json!(1)), (&b, &skipped, &json!(77))]);
    assert!(shown["duration_ms"].is_u64() && units[0]["duration_ms"].is_u64(), "{shown}");
    for key in ["queued", "assigned", "done"] {
        assert!(is_time(&shown["timings"][key]), "{key}: {shown}");
    }
    // People read the result's last line last.
    let text = told(&yard, &["show", &commit]);
    assert_eq!(text.lines().last(), result.lines().last());
    assert!(text.contains("\n  tests/a.sh  failed   exit 1   "), "{text}");
}

#[test]
fn a_commit_is_found_by_its_first_digits() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let [one, other] = ["aaaa1", "aaaa2"].map(|digits| format!("{digits}{}", "0".repeat(35)));
    for commit in [&one, &other] {
        told(&yard, &["submit", commit, "--project", "p"]);
    }
    for digits in ["aaaa1", "AAAA10", &one] {
        assert_eq!(told_json(&yard, &["show", digits, "--json"])["commit"], one.as_str());
    }
    for subcommand in ["show", "log", "wait", "retry", "cancel"] {
        let line = refused(&yard, &[subcommand, "aaaa"], 4);
        assert_eq!(line, "dispatcher: several commits begin with aaaa: give more digits");
        let line = refused(&yard, &[subcommand, "bbbb"], 4);
        assert_eq!(line, "dispatcher: the dispatcher knows no commit bbbb");
        let line = refused(&yard, &[subcommand, "aaa"], 2);
        assert!(line.contains("at least 4 of its hex digits, not \"aaa\""), "{line}");
        let line = refused(&yard, &[subcommand, "HEAD"], 2);
        assert!(line.contains("--repo PATH"), "{line}");
    }
}

#[test]
fn git_may_say_which_commit_is_meant() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let first = yard.commit(&[("tests/a.sh", "true\n")]);
    let second = yard.commit(&[("tests/a.sh", "false\n")]);
    let master = yard.master();
    let repo = master.to_str().unwrap();
    let said = told(&yard, &["submit", "--repo", repo, "HEAD~1"]);
    assert_eq!(said, format!("{first}: submitted\n"));
    let shown = told_json(&yard, &["show", "--json", "--repo", repo, "main^"]);
    // The project is that of the clone, as the observer would have it.
    assert_eq!((&shown["commit"], &shown["project"]), (&json!(first), &json!("test_repo")));
    let line = refused(&yard, &["show", "--repo", repo, "HEAD"], 4);
    assert_eq!(line, format!("dispatcher: the dispatcher knows no commit {second}"));
    let line = refused(&yard, &["show", "--repo", repo, "no-such-branch"], 4);
    assert_eq!(line, "dispatcher: git knows no commit \"no-such-branch\"");
    let line = refused(&yard, &["show", "--repo", "test_results", "HEAD"], 3);
    assert!(line.contains("not a git repository"), "{line}");
    // Names that look like options are names.
    git(&master, &["update-ref", "refs/heads/--json", &first]);
    let shown = told(&yard, &["show", "--repo", repo, "--format", "json", "--", "--json"]);
    assert!(shown.contains(&first), "{shown}");
}

#[test]
fn submit_says_whether_it_was_new() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let commit = "c3".repeat(20);
    let labelled = ["--label", "gpu", "--label", "os=linux"];
    let line = [&["submit", commit.as_str(), "--project", "p", "--branch", "b"], &labelled[..]];
    assert_eq!(told(&yard, &line.concat()), format!("{commit}: submitted\n"));
    assert_eq!(told(&yard, &line.concat()), format!("{commit}: known already\n"));
    let json = told_json(&yard, &["submit", &commit.to_uppercase(), "--project", "p", "--json"]);
    assert_eq!(json, json!({"commit": commit, "new": false}));
    let shown = told_json(&yard, &["show", &commit, "--json"]);
    assert_eq!((&shown["branch"], &shown["labels"]), (&json!("b"), &json!(["gpu", "os=linux"])));

    let line = refused(&yard, &["submit", "c3c3", "--project", "p"], 2);
    assert!(line.contains("40 or 64") && line.contains("--repo PATH"), "{line}");
    for args in [&["submit", commit.as_str()][..], &["submit", &commit, "--project", ""]] {
        assert_eq!(ask(&yard, args).code, Some(2), "{args:?}");
    }
}

#[test]
fn a_dispatcher_that_is_not_there() {
    let yard = Yard::new();
    let commit = "d4".repeat(20);
    for args in [
        &["status"][..],
        &["runners"],
        &["show", &commit],
        &["log", "-f", &commit],
        &["wait", &commit, "--timeout", "1h"],
        &["submit", &commit, "--project", "p"],
        &["retry", &commit],
        &["cancel", &commit],
        &["drain", "oak/1"],
        &["pause"],
        &["resume"],
    ] {
        let line = refused(&yard, args, 5);
        let said = format!("dispatcher: cannot reach the dispatcher at {}: ", yard.server());
        assert!(line.starts_with(&said), "{args:?}: {line}");
    }
}

#[test]
fn asking_and_serving_are_two_things() {
    let yard = Yard::new();
    // Whoever asks all the same is told that nobody is there.
    for args in [
        &["--port", "0", "status"][..],
        &["status", "--port", "0"],
        &["--generate", "bash", "status"],
        &["status", "--dispatcher-server", "nowhere"],
        &["show"],
        &["show", "aaaa", "--format", "xml"],
        &["wait", "aaaa", "--timeout", "5"],
        &["stauts"],
    ] {
        assert_eq!(ask(&yard, args).code, Some(2), "{args:?}");
    }
    assert!(!yard.path().join("test_results").exists(), "one of them served");
}
