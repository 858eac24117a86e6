//! A commit goes only to a runner that has all of its labels.

use super::*;

/// Runner 1, which has no labels, and runner 2 with `labels`. Both are ready.
fn with_labelled(labels: &'static [&'static str]) -> Fixture {
    let mut fixture = Fixture::with(0);
    fixture.ready(1);
    fixture.labels = labels;
    fixture.register(2, 2);
    fixture.ready(2);
    fixture
}

#[test]
fn a_runner_has_to_have_all_of_a_commits_labels() {
    let cases: [(&[_], bool); 4] =
        [(&["gpu"], true), (&["os=linux", "gpu"], true), (&["gpu", "x"], false), (&["x"], false)];
    for (wanted, fits) in cases {
        let mut fixture = with_labelled(&["gpu", "os=linux"]);
        fixture.labels = wanted;
        let mut after = fixture.submit(1).split_off(1);
        assert_eq!(after.pop(), Some(accepted(1, true)));
        assert_eq!(!after.is_empty(), fits, "{wanted:?}");
        assert!(!fits || after == assigned(2, 2, "oak/2", 1, 1), "{wanted:?}: {after:?}");
    }
}

#[test]
fn whoever_has_more_than_a_commit_asks_for_may_take_it() {
    let mut fixture = with_labelled(&["gpu"]);
    fixture.labels = &[];
    assert_eq!(fixture.submit(1)[1..3], assigned_to_one(1, 1));
    assert_eq!(fixture.submit(2)[1..3], assigned(2, 2, "oak/2", 2, 1));
}

#[test]
fn a_runner_takes_the_oldest_commit_that_it_may_take() {
    let mut fixture = Fixture::with(0);
    fixture.labels = &["gpu"];
    fixture.submit(1);
    fixture.labels = &[];
    fixture.submit(2);
    assert_eq!(fixture.ready(1), assigned_to_one(2, 1), "the older asks for more");
    fixture.submit(3);
    fixture.labels = &["gpu"];
    fixture.register(2, 2);
    assert_eq!(fixture.ready(2), assigned(2, 2, "oak/2", 1, 1), "the oldest of all");
    fixture.report(2, 1, 1);
    assert_eq!(fixture.ready(2), assigned(2, 2, "oak/2", 3, 1), "then what asks for less");
}

#[test]
fn a_commit_that_comes_back_asks_for_the_same_labels() {
    let mut fixture = with_labelled(&["gpu"]);
    assert_eq!(fixture.submit(1).len(), 4);
    assert_eq!(fixture.wait(10_000).last(), Some(&lost(1, 1)), "runner 1 may not take it");
    assert_eq!(fixture.ready(2), assigned(2, 2, "oak/2", 1, 2));
}

/// The runner's process began anew by the same instance, say from another configuration.
#[test]
fn what_a_runner_said_last_of_its_labels_counts() {
    let mut fixture = with_labelled(&["gpu"]);
    fixture.labels = &[];
    fixture.register(3, 2);
    fixture.ready(3);
    fixture.labels = &["gpu"];
    assert_eq!(fixture.submit(1).len(), 2);
}
