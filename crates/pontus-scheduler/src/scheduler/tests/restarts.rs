//! What comes back after a restart.

use super::*;

#[test]
fn a_restart_gives_every_running_commit_a_whole_lease() {
    let mut fixture = Fixture::restored([stored_running()]);
    assert_eq!(fixture.wait(9_999), []);
    // Its name is its own all the while, and so is its commit.
    assert_eq!(fixture.register(1, 2), [registered(1, "oak/1")]);
    assert_eq!(fixture.register(2, 3), [registered(2, "oak/3")]);
    assert_eq!(fixture.register(3, 1), [registered(3, "oak/2")]);
    assert_eq!(fixture.beat(1, 1, 2), [say(1, Answer::Stale)]);
    assert_eq!(fixture.beat(3, 1, 2), [say(3, Answer::Kept)]);
    assert_eq!(Fixture::restored([stored_running()]).wait(10_000), [lost(1, 2)]);
}

#[test]
fn a_restart_goes_on_where_the_records_end() {
    let mut queued = Fixture::restored([stored(StoredState::Queued)]);
    queued.register(1, 1);
    assert_eq!(queued.ready(1), assigned_to_one(1, 3));
    assert_eq!(queued.submit(2), [submitted(2, 8), accepted(2, true)]);
    assert_eq!(queued.wait(10_000), [lost(1, 3)]);

    let reported = Some(Attempt(2));
    let mut done = Fixture::restored([stored(StoredState::Done { reported })]);
    assert_eq!(done.submit(1), [accepted(1, false)]);
    assert_eq!(done.report(1, 1, 2), [say(1, Answer::Recorded)]);
    done.register(1, 1);
    assert_eq!(done.retry(1, 2), [retried(1, 8), told(Answer::Done)]);
    assert_eq!(done.ready(1), assigned_to_one(1, 3));
}

#[test]
fn a_restart_does_not_forget_that_we_are_paused() {
    let stored = stored(StoredState::Queued);
    let mut fixture = Fixture::begun(Scheduler::restore(CONFIG, [stored], true, Time(1_000)));
    fixture.register(1, 1);
    assert_eq!(fixture.ready(1), []);
    assert_eq!(fixture.pause(false)[2..], assigned_to_one(1, 3));
}

#[test]
fn a_restart_does_not_forget_labels() {
    let stored = Stored { labels: labels(&["gpu"]), ..stored(StoredState::Queued) };
    let mut fixture = Fixture::restored([stored]);
    fixture.register(1, 1);
    assert_eq!(fixture.ready(1), []);
    fixture.labels = &["gpu"];
    fixture.register(2, 2);
    assert_eq!(fixture.ready(2), assigned(2, 2, "oak/2", 1, 3));
}
