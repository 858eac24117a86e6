//! What users ask: cancel, retry, drain, pause and resume.

use super::*;

#[test]
fn a_queued_commit_is_cancelled() {
    let mut fixture = Fixture::with(2);
    let [remembered, published] = decided(1, 0, Why::Cancelled);
    assert_eq!(fixture.cancel(1), [remembered, published, told(Answer::Done)]);
    assert_eq!(fixture.ready(1), assigned_to_one(2, 1), "nobody is given it");
}

#[test]
fn a_running_commit_is_cancelled_and_its_runner_hears_so_at_its_next_word() {
    for hear in [Fixture::beat, Fixture::report, Fixture::give_back] {
        let mut fixture = Fixture::with(1);
        fixture.ready(1);
        let [remembered, published] = decided(1, 1, Why::Cancelled);
        assert_eq!(fixture.cancel(1), [remembered, published, told(Answer::Done)]);
        assert_eq!(hear(&mut fixture, 1, 1, 1), [say(1, Answer::Stale)]);
        assert_eq!(fixture.wait(60_000), [], "there is no lease any more");
    }
}

#[test]
fn a_verdict_is_not_cancelled() {
    let mut fixture = Fixture::with(1);
    assert_eq!(fixture.cancel(2), [told(Answer::Unknown)]);
    fixture.ready(1);
    fixture.report(1, 1, 1);
    assert_eq!(fixture.cancel(1), [told(Answer::Decided)]);
    assert_eq!(fixture.report(1, 1, 1), [say(1, Answer::Recorded)], "it stands");
}

#[test]
fn a_cancelled_runner_that_is_gone_is_forgotten() {
    let mut fixture = Fixture::with(1);
    fixture.ready(1);
    fixture.end(1);
    fixture.cancel(1);
    assert!(fixture.scheduler.runners.is_empty() && fixture.scheduler.names.is_empty());
}

#[test]
fn a_retried_commit_goes_to_the_end_of_the_queue_and_its_attempts_count_on() {
    let mut fixture = Fixture::with(2);
    fixture.ready(1);
    fixture.report(1, 1, 1);
    assert_eq!(fixture.retry(1, 1), [retried(1, 3), told(Answer::Done)]);
    assert_eq!(fixture.report(1, 1, 1), [say(1, Answer::Stale)], "that was before");
    assert_eq!(fixture.ready(1), assigned_to_one(2, 1));
    fixture.report(1, 2, 1);
    assert_eq!(fixture.ready(1), assigned_to_one(1, 2));
    let [remembered, published] = decided(1, 2, Why::Report);
    assert_eq!(fixture.report(1, 1, 2), [remembered, published, say(1, Answer::Recorded)]);
}

#[test]
fn a_runner_that_waits_is_given_a_retried_commit_at_once() {
    let mut fixture = Fixture::with(1);
    fixture.cancel(1);
    fixture.ready(1);
    let [remembered, said] = assigned_to_one(1, 1);
    assert_eq!(fixture.retry(1, 0), [retried(1, 2), told(Answer::Done), remembered, said]);
}

#[test]
fn losses_before_a_retry_are_forgotten() {
    let mut fixture = Fixture::with(1);
    for round in [0, 3] {
        for attempt in 1..=3 {
            assert_eq!(fixture.ready(1), assigned_to_one(1, round + attempt));
            let is_last = attempt == 3;
            assert_eq!(fixture.wait(10_000).len(), if is_last { 3 } else { 1 });
        }
        assert_eq!(fixture.retry(1, round + 3).len(), 2);
    }
}

/// Between the look at the disk and the retry, somebody else retried the commit, and it was tried again.
#[test]
fn an_attempts_number_is_not_given_out_again_where_the_disk_was_asked_too_early() {
    let mut fixture = Fixture::with(1);
    for attempt in 1..=3 {
        assert_eq!(fixture.ready(1), assigned_to_one(1, attempt));
        fixture.cancel(1);
        fixture.retry(1, 0);
    }
}

#[test]
fn only_what_has_its_verdict_is_retried() {
    let mut fixture = Fixture::with(1);
    assert_eq!(fixture.retry(1, 0), [told(Answer::Undecided)]);
    fixture.ready(1);
    assert_eq!(fixture.retry(1, 0), [told(Answer::Undecided)]);
    assert_eq!(fixture.retry(2, 0), [told(Answer::Unknown)]);
    fixture.report(1, 1, 1);
    let unread = Event::Retried { session: USER, commit: commit(1), stored: None };
    assert_eq!(fixture.step(unread), [told(Answer::Unknown)]);
    assert_eq!(fixture.report(1, 1, 1), [say(1, Answer::Recorded)], "nothing has changed");
}

#[test]
fn a_retry_is_taken_where_the_queue_is_full() {
    let mut fixture = Fixture::with(1);
    fixture.cancel(1);
    (2..=5).for_each(|number| drop(fixture.submit(number)));
    assert_eq!(fixture.submit(6).len(), 1, "it is full");
    assert_eq!(fixture.retry(1, 0), [retried(1, 6), told(Answer::Done)]);
}

#[test]
fn a_drained_runner_that_waits_leaves_at_once() {
    let mut fixture = Fixture::with(0);
    fixture.ready(1);
    assert_eq!(fixture.drain("oak/1"), [told(Answer::Done), say(1, Answer::Leave)]);
    assert_eq!(fixture.submit(1).len(), 2);
    assert_eq!(fixture.ready(1), [say(1, Answer::Leave)]);
    assert_eq!(fixture.drain("oak/1"), [told(Answer::Done)], "again");
    assert_eq!(fixture.wait(10_000), []);
}

#[test]
fn a_drained_runner_that_tests_leaves_when_it_has() {
    let mut fixture = Fixture::with(2);
    fixture.ready(1);
    assert_eq!(fixture.drain("oak/1"), [told(Answer::Done)]);
    assert_eq!(fixture.beat(1, 1, 1), [say(1, Answer::Kept)]);
    fixture.end(1);
    assert_eq!(fixture.register(2, 1), [registered(2, "oak/1")]);
    assert_eq!(fixture.beat(2, 1, 1), [say(2, Answer::Kept)]);
    assert_eq!(fixture.report(2, 1, 1).last(), Some(&say(2, Answer::Recorded)));
    assert_eq!(fixture.ready(2), [say(2, Answer::Leave)], "also on its next connection");
}

#[test]
fn a_drained_runner_that_never_heard_of_its_commit_is_not_told_again() {
    let mut fixture = Fixture::with(1);
    fixture.ready(1);
    fixture.end(1);
    fixture.drain("oak/1");
    fixture.register(2, 1);
    fixture.register(3, 3);
    fixture.ready(3);
    let [remembered, said] = assigned(3, 3, "oak/2", 1, 2);
    let leave = say(2, Answer::Leave);
    assert_eq!(fixture.ready(2), [given_back(1, 1), leave, remembered, said]);
}

#[test]
fn nobody_is_drained_by_a_name_that_nobody_has() {
    let mut fixture = Fixture::with(0);
    assert_eq!(fixture.drain("oak/2"), [told(Answer::Unknown)]);
    fixture.end(1);
    assert_eq!(fixture.drain("oak/1"), [told(Answer::Unknown)], "it is gone");
}

#[test]
fn nothing_is_handed_out_while_paused() {
    let mut fixture = Fixture::with(1);
    let paused = Effect::Remember(Record::Paused(true));
    assert_eq!(fixture.pause(true), [paused, told(Answer::Done)]);
    assert_eq!(fixture.pause(true), [told(Answer::Done)], "it is remembered once");
    assert_eq!(fixture.ready(1), []);
    assert_eq!(fixture.submit(2), [submitted(2, 2), accepted(2, true)]);
    assert_eq!(fixture.wait(5_000), [say(1, Answer::Idle)], "it waits as ever");
}

#[test]
fn resuming_pairs_up_all_who_wait() {
    let mut fixture = Fixture::with(3);
    fixture.pause(true);
    fixture.register(2, 2);
    fixture.project = "birch";
    fixture.register(3, 3);
    fixture.submit(4);
    assert_eq!([3, 2, 1].map(|session| fixture.ready(session).len()), [0, 0, 0]);
    let resumed = [Effect::Remember(Record::Paused(false)), told(Answer::Done)];
    let pairs =
        [assigned(2, 2, "oak/2", 1, 1), assigned_to_one(2, 1), assigned(3, 3, "oak/3", 4, 1)];
    let expected: Vec<_> = resumed.into_iter().chain(pairs.into_iter().flatten()).collect();
    assert_eq!(fixture.pause(false), expected);
    assert_eq!(fixture.pause(false), [told(Answer::Done)]);
}

#[test]
fn what_is_running_goes_on_while_paused() {
    let mut fixture = Fixture::with(2);
    fixture.ready(1);
    fixture.pause(true);
    fixture.end(1);
    fixture.register(2, 1);
    assert_eq!(fixture.ready(2), [said_assigned(2, 1, 1)], "it is told of the same attempt");
    assert_eq!(fixture.beat(2, 1, 1), [say(2, Answer::Kept)]);
    assert_eq!(fixture.give_back(2, 1, 1), [given_back(1, 1), say(2, Answer::Returned)]);
    assert_eq!(fixture.ready(2), []);
}

#[test]
fn a_drained_runner_that_registers_again_stays_drained() {
    let mut fixture = Fixture::with(1);
    fixture.drain("oak/1");
    assert_eq!(fixture.register(1, 1), [registered(1, "oak/1")], "on the same connection");
    assert_eq!(fixture.ready(1), [say(1, Answer::Leave)]);
    fixture.register(2, 1);
    assert_eq!(fixture.ready(2), [say(2, Answer::Leave)], "and on another");
}
