//! Under [`Policy::Newest`] a queued commit gives way to a newer one of its branch.

use super::*;

fn newest(records: impl IntoIterator<Item = Stored>) -> Fixture {
    let config = Config { policy: Policy::Newest, ..CONFIG };
    Fixture::begun(Scheduler::restore(config, records, false, Time(1_000)))
}

fn gave_way(number: u8, attempt: u32, to: u8) -> [Effect; 2] {
    decided(number, attempt, Why::GaveWay(commit(to)))
}

#[test]
fn a_queued_commit_gives_way_to_a_newer_one() {
    let mut fixture = newest([]);
    fixture.submit(1);
    fixture.watch(5, 1);
    let [remembered, published] = gave_way(1, 0, 2);
    let said = say(5, Answer::Decided);
    let expected = [submitted(2, 2), remembered, published, said, accepted(2, true)];
    assert_eq!(fixture.submit(2), expected);
    assert_eq!(fixture.submit(1), [accepted(1, false)], "it is known for ever");
    fixture.register(1, 1);
    assert_eq!(fixture.ready(1), assigned_to_one(2, 1));
}

#[test]
fn where_all_are_tested_none_gives_way() {
    let mut fixture = Fixture::with(2);
    assert_eq!(fixture.ready(1), assigned_to_one(1, 1));
}

#[test]
fn only_a_commit_of_the_same_branch_and_project_gives_way() {
    let cases = [
        ("ash", Some("main"), true),
        ("birch", Some("main"), false),
        ("ash", Some("next"), false),
        ("ash", None, false),
    ];
    for (project, branch, gives_way) in cases {
        let branch = branch.map(|branch| branch.parse().unwrap());
        let old = Submission { branch, ..submission(project, 1) };
        let mut fixture = newest([]);
        let what = format!("{old:?}");
        fixture.step(Event::Submitted { session: OBSERVER, submission: old });
        let effects = if gives_way { 4 } else { 2 };
        assert_eq!(fixture.submit(2).len(), effects, "{what}");
    }
    let mut fixture = newest([]);
    for number in [1, 2] {
        let submission = Submission { branch: None, ..submission("ash", number) };
        let submitted = Event::Submitted { session: OBSERVER, submission };
        assert_eq!(fixture.step(submitted).len(), 2, "no branch is not a branch");
    }
}

#[test]
fn a_running_commit_does_not_give_way() {
    let mut fixture = newest([]);
    fixture.register(1, 1);
    fixture.submit(1);
    let submission = Submission { branch: None, ..submission("ash", 2) };
    fixture.step(Event::Submitted { session: OBSERVER, submission });
    assert_eq!(fixture.ready(1), assigned_to_one(1, 1));
    assert_eq!(fixture.submit(3).len(), 2);
    fixture.report(1, 1, 1);
    assert_eq!(fixture.submit(4)[1..3], gave_way(3, 0, 4), "nor one that has its verdict");
}

#[test]
fn a_commit_that_lost_its_runner_gives_way_too() {
    let mut fixture = newest([]);
    fixture.register(1, 1);
    fixture.submit(1);
    fixture.ready(1);
    fixture.submit(2);
    fixture.give_back(1, 1, 1);
    // Of the attempt that came to nothing the verdict says nothing.
    let [remembered, published] = gave_way(1, 0, 3);
    let [remembered_too, published_too] = gave_way(2, 0, 3);
    let expected = [remembered, published, remembered_too, published_too];
    assert_eq!(fixture.submit(3)[1..5], expected, "oldest first");
}

#[test]
fn what_gives_way_makes_room() {
    let mut fixture = newest([]);
    for number in 1..=9 {
        assert_ne!(fixture.submit(number).last(), Some(&accepted(number, false)));
        assert_eq!(fixture.submit(number), [accepted(number, false)]);
    }
    for project in ["birch", "cedar", "elder"] {
        fixture.project = project;
        assert_eq!(fixture.submit(project.as_bytes()[0]).len(), 2);
    }
    fixture.project = "fir";
    let full = Effect::Say(OBSERVER, Answer::Full { undecided_max: 4 });
    assert_eq!(fixture.submit(10), [full]);
    fixture.project = "ash";
    assert_eq!(fixture.submit(11).last(), Some(&accepted(11, true)));
}

#[test]
fn what_a_user_asked_for_again_does_not_give_way() {
    let mut fixture = newest([]);
    fixture.submit(1);
    fixture.cancel(1);
    fixture.retry(1, 0);
    assert_eq!(fixture.submit(2).len(), 2);
    let stored = stored(StoredState::Queued);
    let mut restored = newest([Stored { is_retried: true, ..stored.clone() }]);
    assert_eq!(restored.submit(2).len(), 2, "not after a restart either");
    assert_eq!(newest([stored]).submit(2).len(), 4, "others do");
}
