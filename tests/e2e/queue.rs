//! Which commit goes to which runner, why one waits, and how many may.

use pontus_proto::{
    Attempt, Code, CommitId, Reply, Request, Status, Submission, Verdict, WaitsFor,
};
use pontus_tests::{Speaker, Yard, made_up, submission};

fn on_branch(number: u32) -> Submission {
    Submission { branch: Some("main".parse().unwrap()), ..submission(number, "p") }
}

/// Why the newest commit waits.
fn reason(client: &mut Speaker) -> Option<WaitsFor> {
    client.status(1).commits[0].waits_for
}

/// What a runner is given, one after the other, until it has the last of `count`.
fn given(runner: &mut Speaker, count: usize) -> Vec<CommitId> {
    let mut given: Vec<CommitId> = Vec::new();
    while given.len() < count {
        let attempt = runner.take();
        assert_eq!(runner.report(attempt, 0), Reply::Recorded {});
        given.push(attempt.0);
    }
    given
}

#[test]
fn each_project_has_its_turn_and_its_runners() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let mut client = Speaker::client(&yard);
    (1..=30).for_each(|number| client.submit(submission(number, "large")));
    client.submit(submission(99, "small"));
    let mut small = Speaker::runner(&yard, "elm", "small", &[]);
    assert_eq!(given(&mut small, 1), [made_up(99)], "no other project's commits come before it");
    let idle = std::thread::spawn(move || small.ask(&Request::Ready {}));
    let mut large = Speaker::runner(&yard, "oak", "large", &[]);
    assert_eq!(given(&mut large, 30), (1..=30).map(made_up).collect::<Vec<_>>(), "oldest first");
    assert_eq!(client.ask(&Request::Drain { runner: "elm/1".parse().unwrap() }), Reply::Done {});
    assert_eq!(idle.join().unwrap(), Reply::Leave {}, "nor after it");
}

#[test]
fn a_commit_that_waits_says_why() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let mut client = Speaker::client(&yard);
    let _other = Speaker::runner(&yard, "elm", "q", &[]);
    client.submit(submission(1, "p"));
    assert_eq!(reason(&mut client), Some(WaitsFor::Runner));
    let labels = vec!["gpu".parse().unwrap()];
    let mut runner = Speaker::runner(&yard, "oak", "p", &["os=linux"]);
    let attempt = runner.take();
    assert_eq!(reason(&mut client), None, "it runs");
    client.submit(Submission { labels: labels.clone(), ..submission(2, "p") });
    assert_eq!(reason(&mut client), Some(WaitsFor::Labels));
    client.submit(submission(3, "p"));
    assert_eq!(reason(&mut client), Some(WaitsFor::Turn));
    assert_eq!(client.ask(&Request::Pause {}), Reply::Done {});
    assert_eq!(reason(&mut client), Some(WaitsFor::Resume));
    assert_eq!(runner.report(attempt, 0), Reply::Recorded {});
    assert_eq!(client.ask(&Request::Resume {}), Reply::Done {});
    assert_eq!(runner.take().0, made_up(3));
    let mut able = Speaker::runner(&yard, "ash", "p", &["gpu", "os=linux"]);
    assert_eq!(able.take().0, made_up(2));
}

#[test]
fn the_newest_of_a_branch_is_tested_where_the_user_wants_that() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&["--queue", "newest"]);
    let mut client = Speaker::client(&yard);
    client.submit(on_branch(1));
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let running = runner.take();
    (2..=4).for_each(|number| client.submit(on_branch(number)));
    let verdicts = |status: Status| -> Vec<_> {
        status.commits.into_iter().map(|line| line.verdict).collect()
    };
    let (gone, waits) = (Some(Verdict::Cancelled), None);
    assert_eq!(verdicts(client.status(4)), [waits, gone, gone, waits]);
    // The running one is not outdated, and the rule outlives a restart.
    dispatcher.kill();
    let dispatcher = yard.dispatcher(&["--queue", "newest"]);
    let mut client = Speaker::client(&yard);
    client.submit(on_branch(5));
    assert_eq!(verdicts(client.status(5)), [waits, gone, gone, gone, waits]);
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let (commit, attempt) = running;
    let kept = runner.ask(&Request::Beat { commit, attempt, progress: None });
    assert_eq!(kept, Reply::Kept { output_bytes: 0 });
    assert_eq!(runner.report(running, 0), Reply::Recorded {});
    assert_eq!(given(&mut runner, 1), [made_up(5)]);
    // Each names the one that gave way to it.
    let result = yard.result(&dispatcher, &made_up(5).to_string());
    assert!(result.contains(&format!("\nskipped   {}\n\n", made_up(4))), "{result}");
    let result = yard.result_now(&made_up(4).to_string()).unwrap();
    assert!(result.contains(&format!("\nskipped   {}\n\n", made_up(3))), "{result}");
    assert!(result.ends_with(&format!("verdict: cancelled: gave way to {}\n", made_up(5))));
}

#[test]
fn a_queue_that_is_full_takes_nothing_until_something_is_decided() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&["--max-undecided", "2"]);
    let mut client = Speaker::client(&yard);
    client.submit(submission(1, "p"));
    client.submit(submission(2, "p"));
    let third = Request::Submit(submission(3, "p"));
    assert_eq!(client.refused(&third), Code::QueueFull);
    let known = client.ask(&Request::Submit(submission(2, "p")));
    assert_eq!(known, Reply::Accepted { commit: made_up(2), new: false });
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    assert_eq!(given(&mut runner, 1), [made_up(1)]);
    assert_eq!(client.ask(&third), Reply::Accepted { commit: made_up(3), new: true });
}

#[test]
fn more_than_may_be_named_is_refused_and_taken_nothing_of() {
    use pontus_proto::limits::{LABELS_MAX, SKIPPED_MAX};
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let mut client = Speaker::client(&yard);
    let skipped = (0..).take(SKIPPED_MAX + 1).map(made_up).collect();
    let long = Submission { skipped, ..submission(1, "p") };
    assert_eq!(client.refused(&Request::Submit(long)), Code::Malformed);
    let labels = (0..=LABELS_MAX).map(|n| format!("label-{n}").parse().unwrap()).collect();
    let many = Submission { labels, ..submission(1, "p") };
    assert_eq!(client.refused(&Request::Submit(many)), Code::Malformed);
    assert_eq!(client.status(9).commits, []);
    let skipped = (0..).take(SKIPPED_MAX).map(made_up).collect();
    client.submit(Submission { skipped, ..submission(1, "p") });
}

#[test]
fn output_over_the_limit_is_refused() {
    use pontus_proto::limits::ATTEMPT_BYTES_MAX;
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    Speaker::client(&yard).submit(submission(1, "p"));
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let (commit, attempt) = runner.take();
    runner.print((commit, attempt), 0, b"x");
    // As if as much had come as may come; a hole takes no room.
    let path = yard.path().join(format!("test_results/.pontus/output/{commit}.{attempt}"));
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1 + ATTEMPT_BYTES_MAX).unwrap();
    drop(runner);
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let kept = runner.ask(&Request::Beat { commit, attempt, progress: None });
    assert_eq!(kept, Reply::Kept { output_bytes: ATTEMPT_BYTES_MAX });
    let more = |attempt: Attempt| Request::Output {
        commit,
        attempt,
        offset: ATTEMPT_BYTES_MAX,
        data: pontus_proto::Bytes(b"x".to_vec()),
    };
    assert_eq!(runner.refused(&more(attempt)), Code::Malformed);
    assert_eq!(runner.refused(&more(Attempt(7))), Code::Unexpected);
}
