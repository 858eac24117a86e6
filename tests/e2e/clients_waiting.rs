//! Users who wait: `wait` and `log -f`, over lost runners and restarted dispatchers.

use std::process::Stdio;
use std::time::{Duration, Instant};

use pontus_tests::{Checkpoint, Process, Yard, last_line};
use rustix::process::Signal;

use crate::clients::{ask, asking, refused, told, told_json};

#[test]
fn wait_answers_with_the_verdict() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let mut runner = yard.runner(&[]);
    for (text, code) in [("true\n", 0), ("false\n", 1), ("#!/no/such/thing\n", 3)] {
        let commit = yard.commit(&[("tests/a.sh", text)]);
        yard.hand_in(&[]);
        holds_for(&yard, &dispatcher, &commit, code);
    }
    runner.kill();
    let commit = yard.commit(&[("tests/a.sh", "#!/bin/sh\nexec sleep 1000\n")]);
    yard.hand_in(&[]);
    let _runner = yard.runner(&["--unit-timeout", "300ms"]);
    holds_for(&yard, &dispatcher, &commit, 1);
}

/// Holds that `wait` ends with `code`, and says what the commit's result says last.
fn holds_for(yard: &Yard, dispatcher: &Process, commit: &str, code: i32) {
    let asked = ask(yard, &["wait", commit]);
    let result = yard.result(dispatcher, commit);
    let said = format!("{}\n", last_line(&result));
    assert_eq!((asked.code, asked.out), (Some(code), said));
    // Nobody looks at it, so there is no progress.
    assert_eq!(asked.err, "");
    let json = ask(yard, &["wait", commit, "--json"]);
    assert_eq!((json.code, json.out), (Some(code), told(yard, &["show", commit, "--json"])));
}

/// A dispatcher that tells who connects.
fn talkative(yard: &Yard) -> Process {
    let port = yard.server().rsplit(':').next().unwrap().to_owned();
    let mut command = yard.command("dispatcher");
    let command = command.args(["--port", &port]).env("RUST_LOG", "debug");
    let dispatcher = Process::start("dispatcher", command);
    dispatcher.wait_for("listening on ");
    dispatcher
}

#[test]
fn wait_gives_up_when_it_is_told_to() {
    let yard = Yard::new();
    let mut dispatcher = talkative(&yard);
    let commit = "a1".repeat(20);
    told(&yard, &["submit", &commit, "--project", "nobody's"]);
    let line = refused(&yard, &["wait", &commit, "--timeout", "50ms"], 124);
    assert_eq!(line, format!("dispatcher: {commit} has no verdict yet: queued"));
    // The time goes on while there is no dispatcher.
    let mut waiting =
        Process::start("wait", &mut asking(&yard, &["wait", &commit, "--timeout", "3s"]));
    dispatcher.wait_for_many(" is Client", 3);
    dispatcher.kill();
    waiting.wait_for("; dialling ");
    assert_eq!(waiting.wait().code(), Some(124));
    waiting.wait_for("dispatcher: cannot wait any longer: the dispatcher is not back");
}

#[test]
fn wait_gives_up_also_where_the_dispatcher_hangs() {
    let yard = Yard::new();
    let dispatcher = talkative(&yard);
    let commit = "a2".repeat(20);
    told(&yard, &["submit", &commit, "--project", "nobody's"]);
    let started = Instant::now();
    let mut waiting =
        Process::start("wait", &mut asking(&yard, &["wait", &commit, "--timeout", "1s"]));
    dispatcher.wait_for_many(" is Client", 2);
    dispatcher.signal(Signal::STOP);
    assert_eq!(waiting.wait().code(), Some(124));
    // One that hangs already is connected to, and says nothing.
    let line = refused(&yard, &["wait", &commit, "--timeout", "50ms"], 124);
    // An answer alone may take fifteen seconds, a greeting three.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let said = "dispatcher: cannot wait any longer: lost the dispatcher: nothing was heard in time";
    assert_eq!(line, said);
    dispatcher.signal(Signal::CONT);
    let line = refused(&yard, &["wait", &commit, "--timeout", "50ms"], 124);
    assert_eq!(line, format!("dispatcher: {commit} has no verdict yet: queued"));
}

#[test]
fn wait_survives_a_dispatcher_that_is_restarted() {
    let yard = Yard::new();
    let mut dispatcher = talkative(&yard);
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    yard.hand_in(&[]);
    let mut waiting = Process::start("wait", &mut asking(&yard, &["wait", &commit]));
    let mut following = Process::start("log", &mut asking(&yard, &["log", "-f", &commit]));
    dispatcher.wait_for_many(" is Client", 2);
    dispatcher.kill();
    for asked in [&waiting, &following] {
        asked.wait_for("; dialling ");
    }
    dispatcher = yard.dispatcher(&[]);
    let _runner = yard.runner(&[]);
    assert_eq!(waiting.wait().code(), Some(0));
    assert_eq!(following.wait().code(), Some(0));
    let result = yard.result(&dispatcher, &commit);
    waiting.wait_for(last_line(&result));
    following.wait_for("=== tests/a.sh: passed in ");
    for asked in [&waiting, &following] {
        let notes = asked.log().iter().filter(|line| line.contains("dialling")).count();
        assert_eq!(notes, 1, "{:?}", asked.log());
    }
}

#[test]
fn the_exit_code_tells_also_where_nobody_reads() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let commit = "b2".repeat(20);
    told(&yard, &["submit", &commit, "--project", "p"]);
    told(&yard, &["cancel", &commit]);
    for (args, code) in [(["wait", commit.as_str()], 3), (["show", &commit], 0)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = asking(&yard, &args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(code), vec![]), "{args:?}");
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let status = asking(&yard, &args).stdout(full).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(74), "{args:?}");
    }
}

#[test]
fn log_follows_while_it_runs_and_into_the_next_attempt() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&["--reconnect-grace", "100ms"]);
    let checkpoint = Checkpoint::new();
    let script = format!("#!/bin/bash\necho \"on $HOME_OF_IT\"\n{}", checkpoint.stay());
    let commit = yard.commit(&[("tests/wait", &script)]);
    yard.hand_in(&[]);
    let asked = ask(&yard, &["log", &commit]);
    let said = format!("dispatcher: no output of {commit} is there yet\n");
    assert_eq!((asked.code, asked.out.as_str(), asked.err), (Some(0), "", said));
    let mut following = Process::start("log", &mut asking(&yard, &["log", "--follow", &commit]));

    let mut command = yard.command("runner");
    command.args(["--dispatcher-server", &yard.server(), "--name", "elm"]).arg(yard.runners());
    let mut elm = Process::start("runner", command.env("HOME_OF_IT", "elm"));
    let _visitor = checkpoint.arrival();
    following.wait_for("on elm");
    assert!(told(&yard, &["log", &commit]).starts_with("=== tests/wait\n"), "what there is now");
    elm.kill();
    drop(elm);
    let mut command = yard.command("runner");
    command.args(["--dispatcher-server", &yard.server(), "--name", "oak"]).arg(yard.runners());
    let _oak = Process::start("runner", command.env("HOME_OF_IT", "oak"));
    checkpoint.arrival().0.leave_with(1);
    assert_eq!(following.wait().code(), Some(0), "whatever the verdict");
    following.wait_for("dispatcher: attempt 1 is over; this is attempt 2");
    following.wait_for("on oak");
    // What decided it is what is kept.
    let log = told(&yard, &["log", &commit]);
    assert!(log.contains("on oak\n=== tests/wait: failed in ") && !log.contains("elm"), "{log}");
    assert_eq!(told_json(&yard, &["show", &commit, "--json"])["attempts"][0]["fate"], "lost");
}

#[test]
fn log_gives_bytes_as_they_came() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    // More than one answer holds, and bytes that are no text.
    let script = "#!/bin/sh\nseq 1 200000\nprintf '\\033[31mred\\377\\000\\r\\n'\n";
    let commit = yard.commit(&[("tests/print", script)]);
    yard.hand_in(&[]);
    let _runner = yard.runner(&[]);
    yard.result(&dispatcher, &commit);
    let result = std::fs::read(yard.path().join("test_results").join(&commit)).unwrap();
    for args in [&["log", commit.as_str()][..], &["log", "-f", &commit]] {
        let log = asking(&yard, args).output().unwrap().stdout;
        assert!(log.len() > 1_000_000, "{} bytes", log.len());
        assert!(log.windows(14).any(|bytes| bytes == b"\x1b[31mred\xff\0\r\n=="), "{args:?}");
        assert!(result.windows(log.len()).any(|bytes| bytes == log), "{args:?}");
    }
}
