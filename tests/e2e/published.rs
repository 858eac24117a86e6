//! When a result is there: soon after its verdict, and before anybody who waits for it hears so.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use pontus_proto::{Bytes, Reply, Request};
use pontus_tests::{Process, Speaker, Yard, made_up, passed, submission};

/// More results than may be left behind.
const MANY: u32 = 1000;

/// A dispatcher that publishes nothing, since it looks at something that never ends; and what that is.
fn stuck(yard: &Yard) -> (Process, PathBuf) {
    let mut dispatcher = yard.dispatcher(&[]);
    Speaker::client(yard).submit(submission(1, "p"));
    let mut runner = Speaker::runner(yard, "oak", "p", &[]);
    let attempt = runner.take();
    assert_eq!(runner.report(attempt, 0), Reply::Recorded {});
    yard.result(&dispatcher, &made_up(1).to_string());
    dispatcher.stop();
    // Whoever looks whether it is the result waits for somebody who writes.
    let stuck = yard.path().join("test_results").join(made_up(1).to_string());
    fs::remove_file(&stuck).unwrap();
    assert!(Command::new("mkfifo").arg(&stuck).status().unwrap().success());
    (yard.dispatcher(&[]), stuck)
}

#[test]
fn runners_do_not_wait_for_results_until_there_are_many() {
    let yard = Yard::new();
    let (mut dispatcher, stuck) = stuck(&yard);
    let (mut observer, mut runner) =
        (Speaker::client(&yard), Speaker::runner(&yard, "oak", "p", &[]));
    let mut recorded = 1;
    let unheard = loop {
        recorded += 1;
        assert!(recorded < MANY, "no end of results that are still to be written");
        observer.submit(submission(recorded, "p"));
        let attempt = runner.take();
        if !runner.hears_soon(&passed(attempt, 0)) {
            break attempt;
        }
    };
    assert!(recorded > 100, "{recorded}");
    assert!(!observer.hears_soon(&Request::Wait { commit: made_up(2), wait_ms: 0 }));
    dispatcher.kill();
    fs::remove_file(stuck).unwrap();
    let dispatcher = yard.dispatcher(&[]);
    dispatcher.wait_for_many(": verdict passed", recorded as usize);
    assert_eq!(yard.results().len(), recorded as usize);
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let beaten =
        runner.ask(&Request::Beat { commit: unheard.0, attempt: unheard.1, progress: None });
    assert_eq!(beaten, Reply::Recorded {});
}

#[test]
fn a_log_has_nothing_of_what_makes_an_output_a_result() {
    let yard = Yard::new();
    let (_dispatcher, _stuck) = stuck(&yard);
    let (mut client, mut runner) =
        (Speaker::client(&yard), Speaker::runner(&yard, "oak", "p", &[]));
    client.submit(submission(2, "p"));
    let (commit, attempt) = runner.take();
    runner.print((commit, attempt), 0, b"hello\n");
    let log = |offset| Request::Log { commit, attempt: None, offset, wait_ms: 0 };
    let logged = |data: &str, ended| {
        let data = Bytes(data.as_bytes().to_vec());
        Reply::Logged { attempt, data, ended }
    };
    assert_eq!(client.ask(&log(2)), logged("llo\n", false));
    assert_eq!(runner.report((commit, attempt), 6), Reply::Recorded {});
    // As it is between its last line and its second name.
    let path = yard.path().join(format!("test_results/.pontus/output/{commit}.{attempt}"));
    let mut output = File::options().append(true).open(path).unwrap();
    output.write_all(b"\nverdict: passed: 1 passed\n").unwrap();
    assert_eq!(client.ask(&log(2)), logged("llo\n", true));
    assert_eq!(client.ask(&log(6)), logged("", true));
}
