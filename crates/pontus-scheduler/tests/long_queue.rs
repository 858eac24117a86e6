//! What a step costs does not depend on how many commits are queued, whether a runner may take them or not.

use std::time::{Duration, Instant};

use pontus_proto::{Attempt, CommitId, InstanceId, Label};
use pontus_scheduler::{Config, Event, Policy, Scheduler, SessionId, Submission, Time};

const CONFIG: Config = Config {
    lease_ms: 10_000,
    reconnect_grace_ms: 2_000,
    undecided_max: usize::MAX,
    // Its one commit is given back so often that it would be given up.
    attempts_max: u32::MAX,
    attempt_ms_max: 60_000,
    poll_ms: 5_000,
    policy: Policy::Newest,
};
const NOW: Time = Time(1_000);
const OBSERVER: SessionId = SessionId(99);
const RUNNER: SessionId = SessionId(1);

/// How many commits are a long queue, and how many rounds of steps are measured.
const LONG: u32 = 100_000;
const ROUNDS: u32 = 500;

/// How much slower the steps may be with a long queue. Noise on a busy machine stays far below, and a step that looks at each
/// commit is far above.
const SLOWER_MAX: u32 = 20;

#[test]
fn a_long_queue_makes_no_step_long() {
    for wanted in [&[][..], &["gpu"]] {
        let [short, long] = [10, LONG].map(|queued| pace(queued, wanted));
        let is_flat = long < SLOWER_MAX * short;
        assert!(is_flat, "{long:?} with a long queue, {short:?} with a short one: {wanted:?}");
    }
}

/// How long some steps take behind so many commits that want a runner with these labels. The runner has none, and is always
/// given the first commit, which wants none either.
fn pace(queued: u32, wanted: &[&str]) -> Duration {
    let wanted: Vec<Label> = wanted.iter().map(|name| name.parse().expect("a label")).collect();
    let mut scheduler = Scheduler::restore(CONFIG, [], false, NOW);
    step(&mut scheduler, registered(), 1);
    step(&mut scheduler, submitted(0, None, &[]), 2);
    for number in 1..=queued {
        step(&mut scheduler, submitted(number, None, &wanted), 2);
    }
    let begun = Instant::now();
    for round in 1..=ROUNDS {
        let (commit, attempt) = (commit(0), Attempt(round));
        step(&mut scheduler, Event::Ready { session: RUNNER }, 2);
        step(&mut scheduler, Event::Beat { session: RUNNER, commit, attempt }, 1);
        step(&mut scheduler, Event::GaveBack { session: RUNNER, commit, attempt }, 2);
        // Each gives way to the next.
        let effects = if round == 1 { 2 } else { 4 };
        step(&mut scheduler, submitted(LONG + round, Some("main"), &wanted), effects);
    }
    begun.elapsed()
}

fn step(scheduler: &mut Scheduler, event: Event, effects: usize) {
    assert_eq!(scheduler.step(NOW, event).len(), effects);
}

fn registered() -> Event {
    Event::Registered {
        session: RUNNER,
        name: "oak".parse().expect("a name"),
        instance: InstanceId::from_bytes([1; 16]),
        project: "ash".parse().expect("a name"),
        labels: Vec::new(),
    }
}

fn submitted(number: u32, branch: Option<&str>, labels: &[Label]) -> Event {
    let submission = Submission {
        commit: commit(number),
        project: "ash".parse().expect("a name"),
        branch: branch.map(|branch| branch.parse().expect("a name")),
        labels: labels.to_vec(),
    };
    Event::Submitted { session: OBSERVER, submission }
}

fn commit(number: u32) -> CommitId {
    format!("{number:040x}").parse().expect("a commit")
}
