//! What is kept of results and output, and for how long.

use std::fs;
use std::path::PathBuf;

use pontus_proto::{Attempt, CommitId, Reply, Request, State};
use pontus_tests::{Process, Speaker, Yard, made_up, submission};

/// Has a commit tested by somebody who says that it passed.
fn tested(yard: &Yard, runner: &mut Speaker, number: u32) {
    Speaker::client(yard).submit(submission(number, "p"));
    let attempt = runner.take();
    runner.print(attempt, 0, b"hello\n");
    assert_eq!(runner.report(attempt, 6), Reply::Recorded {});
    Speaker::client(yard).wait(attempt.0);
}

/// The results that are there, by the numbers of their commits.
fn results(yard: &Yard) -> Vec<u32> {
    let number = |name: String| u32::from_str_radix(&name[..8], 16).unwrap();
    let mut results: Vec<_> = yard.results().into_iter().map(number).collect();
    results.sort_unstable();
    results
}

/// The output that is there.
fn outputs(yard: &Yard) -> Vec<String> {
    let folder = fs::read_dir(yard.path().join("test_results/.pontus/output")).unwrap();
    folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn output(yard: &Yard, (commit, attempt): (CommitId, Attempt)) -> PathBuf {
    yard.path().join(format!("test_results/.pontus/output/{commit}.{attempt}"))
}

fn done(status: &pontus_proto::Status) -> usize {
    status.commits.iter().filter(|line| line.state == State::Done).count()
}

#[test]
fn the_newest_results_are_kept() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&["--keep", "2"]);
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    (1..=4).for_each(|number| tested(&yard, &mut runner, number));
    assert_eq!(results(&yard), [3, 4]);
    assert_eq!(done(&Speaker::client(&yard).status(9)), 4, "verdicts stay");
    dispatcher.kill();
    // Those that are kept no longer do not come back, and fewer may be kept from now on.
    let mut dispatcher = yard.dispatcher(&["--keep", "1"]);
    assert_eq!(results(&yard), [4]);
    dispatcher.kill();
    // All are to be kept again: those whose verdicts are known are written anew.
    let dispatcher = yard.dispatcher(&[]);
    dispatcher.wait_for_many(": verdict passed", 3);
    assert_eq!(results(&yard), [1, 2, 3, 4]);
    assert_eq!(outputs(&yard), [""; 0]);
}

#[test]
fn none_need_be_kept() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&["--keep", "0"]);
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    tested(&yard, &mut runner, 1);
    assert_eq!((results(&yard), outputs(&yard)), (vec![], vec![]));
    let logged = Speaker::client(&yard).ask(&Request::Log {
        commit: made_up(1),
        attempt: None,
        offset: 0,
        wait_ms: 0,
    });
    assert!(matches!(logged, Reply::Logged { ended: true, .. }), "{logged:?}");
}

#[test]
fn results_are_kept_for_a_while() {
    let yard = Yard::new();
    let mut command = yard.command("dispatcher");
    command.env("RUST_LOG", "debug");
    let mut dispatcher = yard.dispatcher_by(command, &["--keep-for", "1s"]);
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    tested(&yard, &mut runner, 1);
    // Said before it is removed, and the next one's after it.
    dispatcher.wait_for("its result is kept no longer");
    tested(&yard, &mut runner, 2);
    assert!(!results(&yard).contains(&1));
    dispatcher.kill();
    let _dispatcher = yard.dispatcher(&["--keep-for", "1ms"]);
    assert_eq!(results(&yard), [0; 0]);
}

/// Starts a dispatcher that soon takes a runner's commit away, and knows of one commit.
fn hasty(yard: &Yard) -> Process {
    let dispatcher = yard.dispatcher(&["--reconnect-grace", "1ms", "--max-attempts", "9"]);
    Speaker::client(yard).submit(submission(1, "p"));
    dispatcher
}

/// Takes the commit, prints, and is gone. Returns which attempt it was.
fn lost(yard: &Yard, dispatcher: &Process) -> (CommitId, Attempt) {
    let mut runner = Speaker::runner(yard, "oak", "p", &[]);
    let attempt = runner.take();
    runner.print(attempt, 0, b"hello\n");
    drop(runner);
    dispatcher.wait_for(&format!("attempt {} lost its runner", attempt.1));
    attempt
}

#[test]
fn output_of_lost_attempts_does_not_pile_up() {
    let yard = Yard::new();
    let dispatcher = hasty(&yard);
    for _ in 0..3 {
        let attempt = lost(&yard, &dispatcher);
        assert!(output(&yard, attempt).exists(), "whoever wants to know why can look");
    }
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let attempt = runner.take();
    runner.print(attempt, 0, b"hello\n");
    // What is to be removed goes before what is published after it.
    Speaker::client(&yard).submit(submission(2, "q"));
    let mut other = Speaker::runner(&yard, "elm", "q", &[]);
    let others = other.take();
    assert_eq!(other.report(others, 0), Reply::Recorded {});
    Speaker::client(&yard).wait(others.0);
    assert_eq!(outputs(&yard), [format!("{}.4", made_up(1))]);
    assert_eq!(runner.report(attempt, 6), Reply::Recorded {});
    Speaker::client(&yard).wait(attempt.0);
    assert_eq!(outputs(&yard), [""; 0]);
}

#[test]
fn a_start_removes_what_was_left() {
    let yard = Yard::new();
    let mut dispatcher = hasty(&yard);
    let attempt = lost(&yard, &dispatcher);
    dispatcher.kill();
    let left = [".pontus/output", ".pontus"].map(|folder| {
        yard.path().join("test_results").join(folder).join(format!("{}.new", made_up(1)))
    });
    for path in &left {
        fs::write(path, "half").unwrap();
    }
    let _dispatcher = yard.dispatcher(&[]);
    assert!(!output(&yard, attempt).exists());
    assert_eq!(left.map(|path| path.exists()), [false; 2]);
}
