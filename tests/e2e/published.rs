//! When a result is there: soon after its verdict, and before anybody who waits for it hears so.

use std::fs;
use std::process::Command;

use pontus_proto::{Reply, Request};
use pontus_tests::{Speaker, Yard, made_up, passed, submission};

/// More results than may be left behind.
const MANY: u32 = 1000;

#[test]
fn runners_do_not_wait_for_results_until_there_are_many() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    // Whoever writes to it waits for somebody who reads.
    let stuck = yard.path().join(format!("test_results/.pontus/{}.new", made_up(1)));
    assert!(Command::new("mkfifo").arg(&stuck).status().unwrap().success());
    let (mut observer, mut runner) =
        (Speaker::client(&yard), Speaker::runner(&yard, "oak", "p", &[]));
    let mut recorded = 0;
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
