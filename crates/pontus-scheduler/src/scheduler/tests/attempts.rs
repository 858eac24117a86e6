//! How an attempt ends: by a report, given back, or lost.

use super::*;
use crate::scheduler::commits::GIVE_BACKS_PER_LOSS;

#[test]
fn a_silent_runner_loses_its_commit_to_another() {
    let mut fixture = Fixture::with(1);
    fixture.ready(1);
    fixture.register(2, 2);
    assert_eq!(fixture.wait(9_000), []);
    fixture.ready(2);
    assert_eq!(fixture.wait(999), []);
    let [remembered, said] = assigned(2, 2, "oak/2", 1, 2);
    assert_eq!(fixture.wait(1), [lost(1, 1), remembered, said]);
}

#[test]
fn a_connection_that_ends_leaves_its_runner_a_grace() {
    let mut fixture = Fixture::with(1);
    fixture.ready(1);
    assert_eq!(fixture.end(1), []);
    assert_eq!(fixture.wait(1_999), []);
    assert_eq!(fixture.wait(1), [lost(1, 1)]);
}

#[test]
fn a_runner_that_dials_again_within_the_grace_keeps_its_commit_and_its_name() {
    let mut fixture = Fixture::with(1);
    fixture.register(2, 2);
    fixture.ready(2);
    fixture.end(2);
    fixture.end(1);
    fixture.wait(1_999);
    assert_eq!(fixture.register(3, 2), [registered(3, "oak/2")]);
    assert_eq!(fixture.wait(9_999), []);
    assert_eq!(fixture.beat(3, 1, 1), [say(3, Answer::Kept)]);
}

#[test]
fn what_comes_late_of_a_lost_attempt_is_stale() {
    let mut fixture = Fixture::with(1);
    fixture.ready(1);
    fixture.wait(10_000);
    assert_eq!(fixture.report(1, 1, 1), [say(1, Answer::Stale)]);
    // The same runner has the second attempt: its number is the fence, not its name.
    assert_eq!(fixture.ready(1), assigned_to_one(1, 2));
    assert_eq!(fixture.report(1, 1, 1), [say(1, Answer::Stale)]);
    assert_eq!(fixture.give_back(1, 1, 1), [say(1, Answer::Stale)]);
    assert_eq!(fixture.beat(1, 1, 1), [say(1, Answer::Stale)]);
    assert_eq!(fixture.beat(1, 1, 2), [say(1, Answer::Kept)]);
}

#[test]
fn a_repeated_report_is_recorded_again_and_nothing_else_happens() {
    let mut fixture = Fixture::with(1);
    fixture.ready(1);
    let [remembered, published] = decided(1, 1, Why::Report);
    assert_eq!(fixture.report(1, 1, 1), [remembered, published, say(1, Answer::Recorded)]);
    assert_eq!(fixture.report(1, 1, 1), [say(1, Answer::Recorded)]);
    fixture.end(1);
    fixture.register(2, 1);
    assert_eq!(fixture.beat(2, 1, 1), [say(2, Answer::Recorded)]);
    assert_eq!(fixture.report(2, 1, 2), [say(2, Answer::Stale)]);
}

#[test]
fn a_runner_that_never_heard_of_its_commit_is_told_the_same_attempt() {
    let mut fixture = Fixture::with(2);
    fixture.ready(1);
    fixture.end(1);
    fixture.register(2, 1);
    assert_eq!(fixture.ready(2), [said_assigned(2, 1, 1)]);
}

#[test]
fn an_unheard_attempt_uses_its_number_and_is_not_counted_as_lost() {
    let mut fixture = Fixture::with(1);
    for attempt in 1..=4 {
        fixture.register(1, 1);
        assert_eq!(fixture.ready(1), assigned_to_one(1, attempt));
        let ended = Event::Ended { session: SessionId(1), unheard: true };
        assert_eq!(fixture.step(ended), [given_back(1, attempt)]);
    }
}

#[test]
fn a_commit_that_is_given_back_goes_to_the_next_runner() {
    let mut fixture = Fixture::with(1);
    fixture.ready(1);
    fixture.register(2, 2);
    fixture.ready(2);
    let [remembered, said] = assigned(2, 2, "oak/2", 1, 2);
    let returned = say(1, Answer::Returned);
    assert_eq!(fixture.give_back(1, 1, 1), [given_back(1, 1), returned, remembered, said]);
}

/// However it gets rid of it: each way uses up a try, and each try is remembered.
#[test]
fn a_commit_that_is_given_back_again_and_again_is_given_up() {
    let give_back = |fixture: &mut Fixture, attempt| fixture.give_back(1, 1, attempt);
    let leave_unheard = |fixture: &mut Fixture, _| {
        let effects = fixture.step(Event::Ended { session: SessionId(1), unheard: true });
        fixture.register(1, 1);
        effects
    };
    type Way = fn(&mut Fixture, u32) -> Vec<Effect>;
    let ways: [(Way, Vec<Effect>); 2] =
        [(give_back, vec![say(1, Answer::Returned)]), (leave_unheard, vec![])];
    for (give_back, said) in ways {
        let mut fixture = Fixture::with(1);
        let last = GIVE_BACKS_PER_LOSS * CONFIG.attempts_max;
        for attempt in 1..last {
            assert_eq!(fixture.ready(1), assigned_to_one(1, attempt));
            let is_lost = attempt % GIVE_BACKS_PER_LOSS == 0;
            let expected = if is_lost { lost(1, attempt) } else { given_back(1, attempt) };
            assert_eq!(give_back(&mut fixture, attempt)[..], [&[expected], &said[..]].concat());
        }
        fixture.ready(1);
        let given_up = decided(1, last, Why::RunnersLost(CONFIG.attempts_max));
        let expected = [&[lost(1, last)], &given_up[..], &said].concat();
        assert_eq!(give_back(&mut fixture, last), expected);
        assert_eq!(fixture.ready(1), [], "nothing is left to be given");
    }
}

#[test]
fn a_commit_that_loses_too_many_runners_is_given_up() {
    let mut fixture = Fixture::with(1);
    for attempt in 1..=2 {
        assert_eq!(fixture.ready(1), assigned_to_one(1, attempt));
        assert_eq!(fixture.wait(10_000), [lost(1, attempt)]);
    }
    fixture.ready(1);
    let [remembered, published] = decided(1, 3, Why::RunnersLost(3));
    assert_eq!(fixture.wait(10_000), [lost(1, 3), remembered, published]);
    assert_eq!(fixture.report(1, 1, 3), [say(1, Answer::Stale)]);
}

/// Long past the deadline, just past it, and past the longest time that an attempt may take.
#[test]
fn our_own_absence_costs_nobody_a_lease() {
    for (before_ms, away_ms) in [(0, 25_000), (500, 9_700), (0, 90_000)] {
        let mut fixture = Fixture::with(1);
        fixture.ready(1);
        fixture.wait(before_ms);
        fixture.now = fixture.now.after(away_ms);
        assert_eq!(fixture.step(Event::Ticked), [], "{away_ms} ms");
        assert_eq!(fixture.wait(9_999), [], "{away_ms} ms");
        assert_eq!(fixture.wait(1), [lost(1, 1)], "{away_ms} ms");
    }
}

#[test]
fn beats_do_not_keep_an_attempt_for_ever() {
    let mut fixture = Fixture::with(1);
    fixture.ready(1);
    for _ in 0..11 {
        assert_eq!(fixture.wait(5_000), []);
        assert_eq!(fixture.beat(1, 1, 1), [say(1, Answer::Kept)]);
    }
    assert_eq!(fixture.wait(4_999), []);
    assert_eq!(fixture.wait(1), [lost(1, 1)]);
    assert_eq!(fixture.beat(1, 1, 1), [say(1, Answer::Stale)]);
}
