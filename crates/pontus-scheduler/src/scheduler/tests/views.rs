//! What people see.

use super::*;
use crate::view::{Overview, RunnerView, WaitsFor};

#[test]
fn the_overview_counts() {
    let mut fixture = Fixture::with(3);
    fixture.ready(1);
    fixture.register(2, 2);
    fixture.pause(true);
    let expected = Overview { queued: 2, running: 1, runners: 2, paused: true };
    assert_eq!(fixture.scheduler.overview(), expected);
    fixture.cancel(1);
    fixture.cancel(2);
    fixture.pause(false);
    fixture.end(2);
    let expected = Overview { queued: 1, running: 0, runners: 1, paused: false };
    assert_eq!(fixture.scheduler.overview(), expected);
}

#[test]
fn runners_are_seen_in_the_order_of_their_names() {
    let mut fixture = Fixture::with(1);
    fixture.labels = &["os=linux", "gpu"];
    fixture.project = "birch";
    fixture.register(2, 0);
    fixture.ready(1);
    fixture.wait(700);
    fixture.beat(1, 1, 1);
    fixture.end(1);
    fixture.drain("oak/1");
    let first = RunnerView {
        runner: "oak/1".parse().unwrap(),
        project: "ash".parse().unwrap(),
        labels: Vec::new(),
        testing: Some((commit(1), Time(1_000))),
        heard: Time(1_700),
        is_connected: false,
        is_draining: true,
    };
    let second = RunnerView {
        runner: "oak/2".parse().unwrap(),
        project: "birch".parse().unwrap(),
        labels: labels(&["gpu", "os=linux"]),
        testing: None,
        heard: Time(1_000),
        is_connected: true,
        is_draining: false,
    };
    assert_eq!(fixture.scheduler.runners().collect::<Vec<_>>(), [first, second]);
}

#[test]
fn every_word_of_a_runner_is_heard_and_its_end_is_none() {
    let mut fixture = Fixture::with(2);
    let heard = |fixture: &Fixture| fixture.scheduler.runners().next().unwrap().heard;
    let words: [fn(&mut Fixture) -> Vec<Effect>; 6] = [
        |fixture| fixture.ready(1),
        |fixture| fixture.beat(1, 1, 1),
        |fixture| fixture.give_back(1, 1, 1),
        |fixture| fixture.ready(1),
        |fixture| fixture.report(1, 1, 2),
        |fixture| fixture.ready(1),
    ];
    for say in words {
        fixture.wait(10);
        say(&mut fixture);
        assert_eq!(heard(&fixture), fixture.now);
    }
    fixture.wait(10);
    fixture.end(1);
    assert_eq!(heard(&fixture).after(10), fixture.now);
    fixture.register(2, 1);
    assert_eq!(heard(&fixture), fixture.now);
}

#[test]
fn a_queued_commit_waits_for_something() {
    let mut fixture = Fixture::with(1);
    let waits_for = |fixture: &Fixture| fixture.scheduler.waits_for(commit(2));
    assert_eq!(waits_for(&fixture), None, "there is none");
    fixture.ready(1);
    fixture.labels = &["gpu"];
    fixture.submit(2);
    assert_eq!(waits_for(&fixture), Some(WaitsFor::Labels));
    fixture.pause(true);
    assert_eq!(waits_for(&fixture), Some(WaitsFor::Resume));
    fixture.pause(false);
    fixture.drain("oak/1");
    assert_eq!(waits_for(&fixture), Some(WaitsFor::Runner));
    fixture.register(2, 2);
    assert_eq!(waits_for(&fixture), Some(WaitsFor::Turn));
    fixture.ready(2);
    assert_eq!(waits_for(&fixture), None, "it is running");
    fixture.report(2, 2, 1);
    assert_eq!(waits_for(&fixture), None, "it has its verdict");
}
