//! What a user may want of one runner: to test what others cannot, to tell how far it is, or to leave.

use std::time::{Duration, Instant};

use pontus_proto::{
    AttemptLine, Counts, Progress, Reply, Request, Role, RunnerLine, State, Submission,
};
use pontus_tests::{Checkpoint, Process, Speaker, Yard, last_line, submission_of};

/// How soon whoever waits is to see that the tests have come further. Without such news the lease's beats would tell it too, but
/// after a quarter of a minute.
const NEWS: Duration = Duration::from_secs(7);

/// Asks as a client does.
fn ask(yard: &Yard, request: &Request) -> Reply {
    Speaker::client(yard).ask(request)
}

/// Hands a commit in that asks for labels.
fn submit(yard: &Yard, commit: &str, labels: &[&str]) {
    let submission = submission_of(commit.parse().unwrap(), "test_repo");
    let labels = labels.iter().map(|label| label.parse().unwrap()).collect();
    Speaker::client(yard).submit(Submission { labels, ..submission });
}

fn drain(yard: &Yard, runner: &str) {
    let request = Request::Drain { runner: runner.parse().unwrap() };
    assert_eq!(ask(yard, &request), Reply::Done {});
}

fn runners(yard: &Yard) -> Vec<RunnerLine> {
    match ask(yard, &Request::Runners { after: None }) {
        Reply::Runners { runners, more: false } => runners,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_commit_goes_to_a_runner_that_has_its_labels() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let linux = yard.runner(&["--label", "os=linux"]);
    linux.wait_for("oak/1 is connected");
    // From the environment, and with what is there twice.
    let mut command = yard.command("runner");
    command.args(["--dispatcher-server", &yard.server(), "--name", "elm"]).arg(yard.runners());
    let able = command.env("PONTUS_LABEL", "os=linux, gpu,os=linux");
    let _able = Process::start("runner", able);
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    submit(&yard, &commit, &["gpu", "os=linux"]);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("\nrunner    elm/1\n"), "{result}");
    assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
    let labels = |line: &RunnerLine| line.labels.iter().map(ToString::to_string).collect();
    let all: Vec<Vec<String>> = runners(&yard).iter().map(labels).collect();
    assert_eq!(all, [vec!["gpu", "os=linux"], vec!["os=linux"]]);
}

#[test]
fn a_drained_runner_finishes_its_commit_and_leaves() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    let mut runner = yard.runner(&["--slots", "2"]);
    let (visitor, _) = checkpoint.arrival();
    runner.wait_for_many(" is connected", 2);
    let next = yard.commit(&[]);
    // Both slots are told, one of them while it waits and one while it tests.
    drain(&yard, "oak/1");
    drain(&yard, "oak/2");
    let waiting = runner.wait_for(" was drained, and leaves");
    yard.hand_in(&[]);
    visitor.leave_with(0);
    assert!(runner.wait().success());
    let result = yard.result(&dispatcher, &commit);
    assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
    let left: Vec<_> = runner.log().into_iter().filter(|line| line.contains("drained")).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[0] == waiting && left[0] != left[1], "{left:?}");
    // What was handed in meanwhile is for the next, and nothing is held against it.
    let _next = yard.runner(&[]);
    checkpoint.arrival().0.leave_with(0);
    let result = yard.result(&dispatcher, &next);
    assert!(result.contains("\nattempt   1\n"), "{result}");
}

/// Waits for a commit as a terminal does, until its progress is `expected`.
fn wait_for_progress(yard: &Yard, commit: &str, expected: &Progress) {
    let mut client = yard.connect(Role::Client);
    let deadline = Instant::now() + NEWS;
    loop {
        let request = Request::Wait { commit: commit.parse().unwrap(), wait_ms: 50 };
        let reply = client.ask(&request).unwrap();
        match reply {
            Reply::Waited { state: State::Running, progress: Some(progress), .. }
                if progress == *expected =>
            {
                return;
            }
            Reply::Waited { state: State::Done, .. } => panic!("{reply:?}"),
            _ => assert!(Instant::now() < deadline, "{reply:?}"),
        }
    }
}

#[test]
fn whoever_waits_sees_how_far_the_tests_have_come() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&["--lease", "1h"]);
    let (inside, between) = (Checkpoint::new(), Checkpoint::new());
    let tap = format!("#!/bin/bash\nprintf '1..3\\nok 1\\nnot ok 2\\n'\n{}", inside.stay());
    let files =
        [("tests/a.sh", "exit 77\n"), ("tests/b.t", tap.as_str()), ("tests/c", &between.script())];
    let commit = yard.commit(&files);
    let _runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let (visitor, _) = inside.arrival();
    let counts = Counts { passed: 1, failed: 1, skipped: 1 };
    let unit = Some("tests/b.t".parse().unwrap());
    wait_for_progress(&yard, &commit, &Progress { unit, units_done: 1, units: 3, counts });
    visitor.leave_with(0);
    let (visitor, _) = between.arrival();
    let unit = Some("tests/c".parse().unwrap());
    wait_for_progress(&yard, &commit, &Progress { unit, units_done: 2, units: 3, counts });
    visitor.leave_with(0);
}

/// The only attempt of a commit, as clients see it.
fn attempt(yard: &Yard, commit: &str) -> AttemptLine {
    match ask(yard, &Request::Show { commit: commit.parse().unwrap() }) {
        Reply::Shown(shown) if shown.attempts.len() == 1 => shown.attempts[0].clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_attempt_has_its_times() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let script = format!("#!/bin/bash\n({})\necho hello\n", checkpoint.stay());
    let commit = yard.commit(&[("tests/a", "#!/bin/sh\n"), ("tests/b", &script)]);
    let _runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let (visitor, _) = checkpoint.arrival();
    // It has been checked out, one test has printed nothing, and the other nothing yet.
    ask(&yard, &Request::Wait { commit: commit.parse().unwrap(), wait_ms: 200 });
    visitor.leave_with(0);
    yard.result(&dispatcher, &commit);
    let times = attempt(&yard, &commit);
    let (checked_out, printed) = (times.checked_out_ms.unwrap(), times.first_output_ms.unwrap());
    let whole = times.ended_ms.unwrap() - times.started_ms;
    assert!(printed >= checked_out + 190 && i64::try_from(printed).unwrap() <= whole, "{times:?}");
    let silent = yard.commit(&[("tests/b", "#!/bin/sh\n")]);
    yard.hand_in(&[]);
    yard.result(&dispatcher, &silent);
    let times = attempt(&yard, &silent);
    assert!(times.checked_out_ms.is_some() && times.first_output_ms.is_none(), "{times:?}");
}
