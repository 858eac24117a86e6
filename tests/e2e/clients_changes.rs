//! Users who change what happens: `retry`, `cancel`, `drain`, `pause` and `resume`.

use pontus_tests::{Checkpoint, Yard};
use serde_json::json;

use crate::clients::{ask, refused, told, told_json};

#[test]
fn retry_tests_once_more_and_keeps_the_history() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    let line = refused(&yard, &["retry", &commit], 3);
    assert!(line.starts_with(&format!("dispatcher: cannot try {commit} again: ")), "{line}");
    let _runner = yard.runner(&[]);
    checkpoint.arrival().0.leave_with(1);
    assert_eq!(ask(&yard, &["wait", &commit]).code, Some(1));
    assert_eq!(told(&yard, &["retry", &commit[..8]]), format!("{commit}: queued again\n"));
    checkpoint.arrival().0.leave_with(0);
    assert_eq!(ask(&yard, &["wait", &commit]).code, Some(0));
    let shown = told_json(&yard, &["show", &commit, "--json"]);
    let attempts = shown["attempts"].as_array().unwrap();
    let verdicts: Vec<_> = attempts.iter().map(|attempt| &attempt["verdict"]).collect();
    assert_eq!(verdicts, [&json!("failed"), &json!("passed")]);
    assert_eq!(shown["units"][0]["outcome"], "passed");
}

#[test]
fn cancel_in_each_state() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let queued = "e5".repeat(20);
    told(&yard, &["submit", &queued, "--project", "nobody's"]);
    let said = format!("{queued}: cancelled\n");
    assert_eq!(told(&yard, &["cancel", &queued]), said);
    let said = format!("{queued}: has its verdict already, nothing was cancelled\n");
    assert_eq!(told(&yard, &["cancel", &queued]), said);
    assert_eq!(ask(&yard, &["wait", &queued]).code, Some(3));
    let shown = told_json(&yard, &["show", &queued, "--json"]);
    assert_eq!((&shown["verdict"], &shown["attempts"]), (&json!("cancelled"), &json!([])));
    let asked = ask(&yard, &["log", &queued]);
    let said = format!("dispatcher: {queued} has no output: it was never run, and is cancelled\n");
    assert_eq!((asked.code, asked.out.as_str(), asked.err), (Some(0), "", said));

    let checkpoint = Checkpoint::new();
    let running = yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    let _runner = yard.runner(&[]);
    let (visitor, _) = checkpoint.arrival();
    assert_eq!(told(&yard, &["cancel", &running]), format!("{running}: cancelled\n"));
    visitor.wait_until_gone();
    let shown = told_json(&yard, &["show", &running, "--json"]);
    assert_eq!(shown["verdict"], "cancelled");
    assert_eq!(shown["attempts"][0]["fate"], "cancelled");
}

#[test]
fn what_is_cancelled_after_a_retry_says_nothing_of_the_attempt_before() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    let _runner = yard.runner(&[]);
    yard.hand_in(&[]);
    yard.result(&dispatcher, &commit);
    told(&yard, &["pause"]);
    told(&yard, &["retry", &commit]);
    told(&yard, &["cancel", &commit]);
    let result = yard.result_now(&commit).unwrap();
    assert!(!result.contains("attempt") && !result.contains("oak"), "{result}");
    assert!(result.ends_with("\n\nverdict: cancelled: at a user's word\n"), "{result}");
    let shown = told_json(&yard, &["show", &commit, "--json"]);
    assert_eq!((&shown["verdict"], &shown["units"]), (&json!("cancelled"), &json!([])));
    assert_eq!(shown["attempts"][0]["verdict"], "passed");
}

#[test]
fn drain_names_a_runner() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let line = refused(&yard, &["drain", "oak/1"], 3);
    assert!(line.starts_with("dispatcher: cannot drain oak/1: "), "{line}");
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    let _runner = yard.runner(&[]);
    let (visitor, _) = checkpoint.arrival();
    assert_eq!(told(&yard, &["drain", "oak/1"]), "oak/1: leaves after its commit\n");
    assert_eq!(told_json(&yard, &["runners", "--json"])[0]["draining"], true);
    visitor.leave_with(0);
    assert_eq!(ask(&yard, &["wait", &commit]).code, Some(0), "its commit is finished");
}

#[test]
fn nothing_is_handed_out_while_it_is_paused() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    assert_eq!(told(&yard, &["pause"]), "paused: nothing is handed out until resume\n");
    // A restart changes nothing about it.
    dispatcher.kill();
    let _dispatcher = yard.dispatcher(&[]);
    let runner = yard.runner(&[]);
    runner.wait_for(" is connected to ");
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    yard.hand_in(&[]);
    let status = told_json(&yard, &["status", "--json"]);
    assert_eq!((&status["paused"], &status["running"]), (&json!(true), &json!(0)));
    assert_eq!(status["commits"][0]["waits_for"], "resume");
    let line = told(&yard, &["status"]).lines().next().unwrap().to_owned();
    assert!(line.ends_with("; paused: nothing is handed out until resume"), "{line}");
    assert_eq!(told(&yard, &["resume"]), "resumed\n");
    assert_eq!(ask(&yard, &["wait", &commit]).code, Some(0));
}
