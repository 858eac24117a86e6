//! One decision a test: a scheduler is told what happens, and all that it wants done is compared, in its order:
//! remember, publish, say.

use super::*;

const CONFIG: Config = Config {
    lease_ms: 10_000,
    reconnect_grace_ms: 2_000,
    undecided_max: 4,
    attempts_max: 3,
    attempt_ms_max: 60_000,
    poll_ms: 5_000,
    policy: crate::Policy::All,
};

/// The observer's connection. The runners' are those that a test names.
const OBSERVER: SessionId = SessionId(99);

/// A scheduler and its clock: the one door through which every test goes.
struct Fixture {
    scheduler: Scheduler,
    now: Time,
    /// Whose commits are submitted, and whose runners register.
    project: &'static str,
}

impl Fixture {
    fn restored(records: impl IntoIterator<Item = Stored>) -> Fixture {
        let now = Time(1_000);
        Fixture { scheduler: Scheduler::restore(CONFIG, records, false, now), now, project: "ash" }
    }

    /// A runner that is registered, and the commits `1..=commits` in the queue.
    fn with(commits: u8) -> Fixture {
        let mut fixture = Fixture::restored([]);
        fixture.register(1, 1);
        (1..=commits).for_each(|number| drop(fixture.submit(number)));
        fixture
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        self.scheduler.step(self.now, event)
    }

    fn submit(&mut self, number: u8) -> Vec<Effect> {
        let submission = submission(self.project, number);
        self.step(Event::Submitted { session: OBSERVER, submission })
    }

    fn register(&mut self, session: u64, instance: u8) -> Vec<Effect> {
        let (name, project) = ("oak".parse().unwrap(), self.project.parse().unwrap());
        let (session, instance) = (SessionId(session), InstanceId::from_bytes([instance; 16]));
        self.step(Event::Registered { session, name, instance, project, labels: Vec::new() })
    }

    fn ready(&mut self, session: u64) -> Vec<Effect> {
        self.step(Event::Ready { session: SessionId(session) })
    }

    fn beat(&mut self, session: u64, number: u8, attempt: u32) -> Vec<Effect> {
        let (commit, attempt) = (commit(number), Attempt(attempt));
        self.step(Event::Beat { session: SessionId(session), commit, attempt })
    }

    fn report(&mut self, session: u64, number: u8, attempt: u32) -> Vec<Effect> {
        let (commit, attempt) = (commit(number), Attempt(attempt));
        self.step(Event::Reported { session: SessionId(session), commit, attempt })
    }

    fn give_back(&mut self, session: u64, number: u8, attempt: u32) -> Vec<Effect> {
        let (commit, attempt) = (commit(number), Attempt(attempt));
        self.step(Event::GaveBack { session: SessionId(session), commit, attempt })
    }

    fn end(&mut self, session: u64) -> Vec<Effect> {
        self.step(Event::Ended { session: SessionId(session), unheard: false })
    }

    /// Time goes on, and the scheduler is woken whenever it wants to be. What it does at each of these times is gathered.
    fn wait(&mut self, ms: u64) -> Vec<Effect> {
        let until = self.now.after(ms);
        let mut effects = Vec::new();
        while let Some(at) = self.scheduler.next_deadline().filter(|at| *at <= until) {
            self.now = at;
            effects.extend(self.step(Event::Ticked));
            assert!(self.scheduler.next_deadline().is_none_or(|next| next > at), "{at:?}");
        }
        self.now = until;
        effects
    }
}

fn commit(number: u8) -> CommitId {
    format!("{number:040x}").parse().unwrap()
}

fn submission(project: &str, number: u8) -> Submission {
    let (commit, branch) = (commit(number), Some("main".parse().unwrap()));
    Submission { commit, project: project.parse().unwrap(), branch, labels: Vec::new() }
}

/// Commit 1 as the disk knows it, after two attempts of which one was lost.
fn stored(state: StoredState) -> Stored {
    let Submission { commit, project, branch, .. } = submission("ash", 1);
    Stored {
        commit,
        project,
        branch,
        labels: Vec::new(),
        place: 7,
        attempts: 2,
        lost: 1,
        is_retried: false,
        state,
    }
}

/// The same, still with the second of them: instance 1, whose number is not the lowest.
fn stored_running() -> Stored {
    let runner = "oak/2".parse().unwrap();
    stored(StoredState::Running { runner, instance: InstanceId::from_bytes([1; 16]) })
}

fn say(session: u64, answer: Answer) -> Effect {
    Effect::Say(SessionId(session), answer)
}

fn submitted(number: u8, place: u64) -> Effect {
    Effect::Remember(Record::Submitted { submission: submission("ash", number), place })
}

fn accepted(number: u8, new: bool) -> Effect {
    Effect::Say(OBSERVER, Answer::Accepted { commit: commit(number), new })
}

fn registered(session: u64, runner: &str) -> Effect {
    say(session, Answer::Registered { runner: runner.parse().unwrap() })
}

fn said_assigned(session: u64, number: u8, attempt: u32) -> Effect {
    let branch = Some("main".parse().unwrap());
    say(session, Answer::Assigned { commit: commit(number), attempt: Attempt(attempt), branch })
}

/// All that follows when a commit goes to instance `who`, which is called `runner`.
fn assigned(session: u64, who: u8, runner: &str, number: u8, attempt: u32) -> [Effect; 2] {
    let said = said_assigned(session, number, attempt);
    let (commit, attempt) = (commit(number), Attempt(attempt));
    let (runner, instance) = (runner.parse().unwrap(), InstanceId::from_bytes([who; 16]));
    [Effect::Remember(Record::Assigned { commit, attempt, runner, instance }), said]
}

/// The same for instance 1 on session 1, as in most tests.
fn assigned_to_one(number: u8, attempt: u32) -> [Effect; 2] {
    assigned(1, 1, "oak/1", number, attempt)
}

fn lost(number: u8, attempt: u32) -> Effect {
    Effect::Remember(Record::Lost { commit: commit(number), attempt: Attempt(attempt) })
}

fn given_back(number: u8, attempt: u32) -> Effect {
    Effect::Remember(Record::GivenBack { commit: commit(number), attempt: Attempt(attempt) })
}

fn decided(number: u8, attempt: u32, why: Why) -> [Effect; 2] {
    let (commit, attempt) = (commit(number), Attempt(attempt));
    [Effect::Remember(Record::Decided { commit, attempt, why }), Effect::Publish(commit)]
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
fn accepted_is_said_after_the_commit_is_remembered() {
    assert_eq!(Fixture::with(0).submit(1), [submitted(1, 1), accepted(1, true)]);
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
fn a_commit_goes_only_to_runners_of_its_project() {
    let mut fixture = Fixture::with(0);
    fixture.ready(1);
    fixture.project = "birch";
    assert_eq!(fixture.submit(1).len(), 2);
    fixture.register(2, 2);
    assert_eq!(fixture.ready(2), assigned(2, 2, "oak/2", 1, 1));
}

#[test]
fn the_runner_that_has_waited_longest_goes_first() {
    let mut fixture = Fixture::with(0);
    fixture.register(2, 2);
    fixture.ready(2);
    fixture.ready(1);
    assert_eq!(fixture.submit(1)[2..], assigned(2, 2, "oak/2", 1, 1));
    assert_eq!(fixture.submit(2)[2..], assigned_to_one(2, 1));
}

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
    let left = (runners.len(), names.len(), sessions.len(), queues.len());
    assert_eq!(left, (0, 0, 0, 0));
}

#[test]
fn a_waiting_connection_is_replaced_when_its_runner_dials_again() {
    let mut fixture = Fixture::with(0);
    fixture.ready(1);
    assert_eq!(fixture.register(2, 1), [say(1, Answer::Replaced), registered(2, "oak/1")]);
    assert_eq!(fixture.ready(1), [say(1, Answer::Unregistered)]);
    fixture.ready(2);
    assert_eq!(fixture.end(1), []);
    assert_eq!(fixture.submit(1)[2..], assigned(2, 1, "oak/1", 1, 1));
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
