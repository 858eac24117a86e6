//! How the programs end when they are asked to.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use pontus_proto::{Connection, Reply, Request, decode_request, encode};
use pontus_tests::{Checkpoint, PATIENCE, Process, Yard, last_line};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

/// A runner that is inside a test, and what is around it.
struct Testing {
    yard: Yard,
    dispatcher: Process,
    runner: Process,
    checkpoint: Checkpoint,
    commit: String,
}

fn testing() -> Testing {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    let runner = yard.runner(&[]);
    yard.hand_in(&[]);
    Testing { yard, dispatcher, runner, checkpoint, commit }
}

#[test]
fn one_signal_finishes_the_commit() {
    let Testing { yard, dispatcher, mut runner, checkpoint, commit } = testing();
    let (visitor, _) = checkpoint.arrival();
    runner.signal(Signal::INT);
    runner.wait_for("leaving when what is being tested is finished");
    visitor.leave_with(0);
    assert!(runner.wait().success());
    let result = yard.result(&dispatcher, &commit);
    assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
}

#[test]
fn two_signals_give_it_back_unharmed() {
    let Testing { yard, dispatcher, mut runner, checkpoint, commit } = testing();
    let (visitor, _) = checkpoint.arrival();
    runner.signal(Signal::TERM);
    runner.wait_for("leaving when what is being tested is finished");
    runner.signal(Signal::TERM);
    visitor.wait_until_gone();
    assert!(runner.wait().success());
    dispatcher.wait_for(&format!("{commit}: attempt 1 was given back"));
    let _runner = yard.runner(&[]);
    checkpoint.arrival().0.leave_with(0);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("attempt   2\n"), "{result}");
    assert!(!dispatcher.log().iter().any(|line| line.contains("lost its runner")));
}

#[test]
fn an_idle_runner_leaves_at_once() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let mut runner = yard.runner(&[]);
    runner.wait_for("oak/1 is connected");
    runner.signal(Signal::TERM);
    assert!(runner.wait().success());
    // What comes next is for the next runner, and nothing was held against the commit.
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    yard.hand_in(&[]);
    let _runner = yard.runner(&[]);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("runner    oak/1\nattempt   1\n") || result.contains("attempt   2\n"));
    assert!(!dispatcher.log().iter().any(|line| line.contains("lost its runner")));
}

#[test]
fn observer_and_dispatcher_end_with_zero() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let mut observer = yard.observer(&[]);
    observer.wait_for("submitted");
    observer.signal(Signal::TERM);
    assert!(observer.wait().success());
    dispatcher.signal(Signal::TERM);
    assert!(dispatcher.wait().success());
}

#[test]
fn a_term_of_commits() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    yard.commit(&[("tests/a.sh", "true\n")]);
    yard.hand_in(&[]);
    let commits: Vec<_> = (0..3).map(|_| yard.commit(&[])).collect();
    yard.hand_in(&["--every-commit"]);
    let mut runner = yard.runner(&["--max-commits", "2", "--slots", "2"]);
    assert!(runner.wait().success());
    dispatcher.wait_for_many(": verdict passed", 2);
    assert_eq!(yard.results().len(), 2);
    let _rest = yard.runner(&[]);
    yard.result(&dispatcher, &commits[2]);
    assert!(!dispatcher.log().iter().any(|line| line.contains("lost its runner")));
}

#[test]
fn a_runner_that_has_nothing_to_do_leaves() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    let mut runner = yard.runner(&["--idle-exit", "300ms"]);
    let (visitor, _) = checkpoint.arrival();
    visitor.leave_with(0);
    yard.result(&dispatcher, &commit);
    assert!(runner.wait().success());
    runner.wait_for("leaving: there was nothing to test for 300ms");
}

/// How long a runner may take to leave whose dispatcher has stopped answering: the answer that it waits for is given up, a new
/// connection is tried, and once more to give the commit back.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn a_dispatcher_that_hangs_keeps_nobody() {
    let yard = Yard::new();
    // A beat is due all the time.
    let dispatcher = yard.dispatcher(&["--lease", "200ms"]);
    let (first, last) = (Checkpoint::new(), Checkpoint::new());
    let script = format!("#!/bin/bash\n({})\necho so far\n{}", first.stay(), last.stay());
    yard.commit(&[("tests/a", &script)]);
    let mut runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let (visitor, _) = first.arrival();
    dispatcher.signal(Signal::STOP);
    visitor.leave_with(0);
    let (visitor, _) = last.arrival();
    runner.signal(Signal::TERM);
    runner.wait_for("leaving when what is being tested is finished");
    runner.signal(Signal::TERM);
    let asked = Instant::now();
    visitor.wait_until_gone();
    assert!(runner.wait().success());
    assert!(asked.elapsed() < LEAVES_WITHIN, "{:?}", asked.elapsed());
}

/// A connection of a runner to somebody who answers by hand: no dispatcher can be made to say something at the worst moment.
struct Heard(Connection);

impl Heard {
    fn accept(listener: &TcpListener) -> Heard {
        let patience = Timespec::try_from(PATIENCE).unwrap();
        let called = poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&patience));
        assert_eq!(called.unwrap(), 1, "nobody calls");
        let mut heard = Heard(Connection::new(listener.accept().unwrap().0).unwrap());
        assert!(matches!(heard.request(), Request::Hello { .. }));
        heard.say(&Reply::Welcome { protocol: 1, version: "by hand".to_owned() });
        assert!(matches!(heard.request(), Request::Register { .. }));
        let runner = "oak/1".parse().unwrap();
        heard.say(&Reply::Registered { runner, lease_ms: 10_000 });
        heard
    }

    fn request(&mut self) -> Request {
        decode_request(&self.0.read_line(Instant::now() + PATIENCE).unwrap()).unwrap()
    }

    fn say(&mut self, reply: &Reply) {
        self.0.write_line(&encode(reply).unwrap(), Instant::now() + PATIENCE).unwrap();
    }
}

#[test]
fn an_assignment_that_was_on_its_way_is_given_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let yard = Yard::new();
    let mut command = yard.command("runner");
    let server = listener.local_addr().unwrap().to_string();
    let mut runner = Process::start(
        "runner",
        command
            .args(["--dispatcher-server", &server, "--no-auth", "--name", "oak"])
            .arg(yard.runners()),
    );
    let mut heard = Heard::accept(&listener);
    assert_eq!(heard.request(), Request::Ready {});
    runner.signal(Signal::TERM);
    // The dispatcher has just decided, and has yet to see that the runner leaves.
    heard.0.read_line(Instant::now() + PATIENCE).unwrap_err();
    let (commit, attempt) = ("1".repeat(40).parse().unwrap(), pontus_proto::Attempt(1));
    heard.say(&Reply::Assigned { commit, attempt, branch: None, timeout_ms: 1_000 });
    drop(heard);
    let mut heard = Heard::accept(&listener);
    assert_eq!(heard.request(), Request::GiveBack { commit, attempt });
    heard.say(&Reply::Returned {});
    assert!(runner.wait().success());
    runner.wait_for("given back");
}
