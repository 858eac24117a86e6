//! Who tests what, in which order.

use super::*;

#[test]
fn accepted_is_said_after_the_commit_is_remembered() {
    assert_eq!(Fixture::with(0).submit(1), [submitted(1, 1), accepted(1, true)]);
}

#[test]
fn there_may_be_only_so_many_commits_without_a_verdict() {
    let mut fixture = Fixture::restored([]);
    for number in 1..=4 {
        assert_eq!(fixture.submit(number).len(), 2);
    }
    let full = Effect::Say(OBSERVER, Answer::Full { undecided_max: 4 });
    assert_eq!(fixture.submit(5), [full]);
    assert_eq!(fixture.submit(4), [accepted(4, false)], "what is known takes no room");
}

#[test]
fn a_known_commit_is_accepted_and_nothing_else_happens() {
    let mut fixture = Fixture::with(1);
    assert_eq!(fixture.submit(1), [accepted(1, false)]);
    fixture.ready(1);
    assert_eq!(fixture.submit(1), [accepted(1, false)]);
    fixture.report(1, 1, 1);
    fixture.project = "birch";
    assert_eq!(fixture.submit(1), [accepted(1, false)]);
}

#[test]
fn the_oldest_commit_goes_first_and_a_requeued_one_keeps_its_place() {
    let mut fixture = Fixture::with(0);
    assert_eq!([9, 5, 7].map(|number| fixture.submit(number).len()), [2, 2, 2]);
    assert_eq!(fixture.ready(1), assigned_to_one(9, 1));
    fixture.give_back(1, 9, 1);
    assert_eq!(fixture.ready(1), assigned_to_one(9, 2));
    fixture.report(1, 9, 2);
    assert_eq!(fixture.ready(1), assigned_to_one(5, 1));
}

#[test]
fn the_runner_that_has_waited_longest_goes_first() {
    let mut fixture = Fixture::with(0);
    fixture.register(2, 2);
    fixture.ready(2);
    fixture.ready(1);
    assert_eq!(fixture.submit(1)[1..3], assigned(2, 2, "oak/2", 1, 1));
    assert_eq!(fixture.submit(2)[1..3], assigned_to_one(2, 1));
}

#[test]
fn a_commit_goes_only_to_runners_of_its_project() {
    let mut fixture = Fixture::with(0);
    fixture.ready(1);
    fixture.project = "birch";
    assert_eq!(fixture.submit(1).len(), 2);
    fixture.register(2, 2);
    assert_eq!(fixture.ready(2), assigned(2, 2, "oak/2", 1, 1));
}

#[test]
fn a_busy_project_does_not_hold_up_another() {
    let mut fixture = Fixture::with(3);
    fixture.ready(1);
    fixture.project = "birch";
    fixture.register(2, 2);
    assert_eq!(fixture.ready(2), []);
    assert_eq!(fixture.submit(4)[1..3], assigned(2, 2, "oak/2", 4, 1));
}
