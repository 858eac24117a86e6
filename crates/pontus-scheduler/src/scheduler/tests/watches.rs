//! Clients that wait for a verdict.

use super::*;

#[test]
fn whoever_waits_hears_of_the_verdict_once_it_is_published() {
    let mut fixture = Fixture::with(1);
    assert_eq!([fixture.watch(5, 1), fixture.watch(6, 1)], [[], []]);
    fixture.ready(1);
    let [remembered, published] = decided(1, 1, Why::Report);
    let [said, said_too] = [5, 6].map(|session| say(session, Answer::Decided));
    let expected = [remembered, published, said, said_too, say(1, Answer::Recorded)];
    assert_eq!(fixture.report(1, 1, 1), expected);
    assert!(fixture.scheduler.watches.is_empty());
    assert_eq!(fixture.wait(10_000), [], "they have been answered");
}

#[test]
fn what_there_is_to_say_at_once_is_said_at_once() {
    let mut fixture = Fixture::with(1);
    assert_eq!(fixture.watch(5, 2), [say(5, Answer::Unknown)]);
    fixture.cancel(1);
    assert_eq!(fixture.watch(5, 1), [say(5, Answer::Decided)]);
    fixture.retry(1, 0);
    assert_eq!(fixture.watch(5, 1), [], "it has no verdict any more");
}

#[test]
fn every_way_to_a_verdict_is_heard_of() {
    let mut fixture = Fixture::with(1);
    fixture.watch(5, 1);
    let [remembered, published] = decided(1, 0, Why::Cancelled);
    let said = say(5, Answer::Decided);
    assert_eq!(fixture.cancel(1), [remembered, published, said.clone(), told(Answer::Done)]);

    let mut fixture = Fixture::with(1);
    for attempt in 1..=3 {
        assert_eq!(fixture.ready(1), assigned_to_one(1, attempt));
        fixture.wait(6_000);
        fixture.watch(5, 1);
        let effects = fixture.wait(4_000);
        assert_eq!(effects.contains(&said), attempt == 3, "{effects:?}");
        fixture.wait(1_000);
    }
}

#[test]
fn a_wait_has_an_end() {
    let mut fixture = Fixture::with(1);
    fixture.watch(5, 1);
    assert_eq!(fixture.wait(4_999), []);
    assert_eq!(fixture.wait(1), [say(5, Answer::Idle)]);
    assert_eq!(fixture.cancel(1).len(), 3, "nobody waits any more");
    assert!(fixture.scheduler.next_deadline().is_none());
}

#[test]
fn whoever_is_gone_hears_nothing() {
    let mut fixture = Fixture::with(1);
    fixture.watch(5, 1);
    assert_eq!(fixture.end(5), []);
    assert!(fixture.scheduler.watches.is_empty());
    assert_eq!(fixture.cancel(1).len(), 3);
}
