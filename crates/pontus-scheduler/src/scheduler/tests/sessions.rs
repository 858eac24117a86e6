//! Connections: their names, their waiting, their end.

use super::*;

#[test]
fn a_runner_that_waits_is_told_so_when_its_poll_ends() {
    let mut fixture = Fixture::with(0);
    fixture.ready(1);
    assert_eq!(fixture.wait(4_999), []);
    assert_eq!(fixture.wait(1), [say(1, Answer::Idle)]);
    assert_eq!(fixture.submit(1).len(), 2, "nobody waits any more");
    assert!(fixture.scheduler.next_deadline().is_none());
}

#[test]
fn a_name_is_the_lowest_that_is_free_and_nothing_is_kept_of_who_is_gone() {
    let mut fixture = Fixture::with(0);
    assert_eq!(fixture.register(2, 2), [registered(2, "oak/2")]);
    fixture.ready(1);
    fixture.end(1);
    assert_eq!(fixture.register(3, 3), [registered(3, "oak/1")]);
    assert_eq!([fixture.end(2), fixture.end(3)], [[], []]);
    let Scheduler { runners, names, sessions, queues, .. } = fixture.scheduler;
    assert_eq!((runners.len(), names.len(), sessions.len()), (0, 0, 0));
    assert!(queues.is_empty());
}

#[test]
fn a_waiting_connection_is_replaced_when_its_runner_dials_again() {
    let mut fixture = Fixture::with(0);
    fixture.ready(1);
    assert_eq!(fixture.register(2, 1), [say(1, Answer::Replaced), registered(2, "oak/1")]);
    assert_eq!(fixture.ready(1), [say(1, Answer::Unregistered)]);
    fixture.ready(2);
    assert_eq!(fixture.end(1), []);
    assert_eq!(fixture.submit(1)[1..3], assigned(2, 1, "oak/1", 1, 1));
}
