//! A commit as a dispatcher shows it, to test what is made of it.

use pontus_proto::{
    About, Attempt, AttemptLine, CaseOutcome, CaseReport, Counts, Decided, Fate, Outcome, Shown,
    State, Submission, UnitReport, Verdict,
};

/// When it was handed in: 2026-11-22T14:14:03Z.
pub const SUBMITTED_MS: i64 = 1_795_356_843_000;

/// A commit that failed in its second attempt, with all there is to say of it.
pub fn shown() -> Shown {
    let lost = attempt(1, "oak/1", SUBMITTED_MS + 40, Some((Fate::Lost, SUBMITTED_MS + 2_540)));
    let reported = AttemptLine {
        verdict: Some(Verdict::Failed),
        checked_out_ms: Some(41),
        first_output_ms: Some(55),
        ..attempt(2, "elm/1", SUBMITTED_MS + 2_600, Some((Fate::Reported, SUBMITTED_MS + 6_100)))
    };
    Shown {
        submission: submission(),
        submitted_ms: SUBMITTED_MS,
        state: State::Done,
        waits_for: None,
        decided: Some(Decided {
            verdict: Verdict::Failed,
            reason: None,
            attempt: Attempt(2),
            counts: Counts { passed: 2, failed: 2, skipped: 2 },
            duration_ms: 3_412,
            decided_ms: SUBMITTED_MS + 6_101,
        }),
        attempts: vec![lost, reported],
        usual_ms: Some(3_300),
    }
}

fn submission() -> Submission {
    Submission {
        commit: "ab".repeat(20).parse().unwrap(),
        project: "test_repo".parse().unwrap(),
        branch: Some("main".parse().unwrap()),
        previous: Some("ba".repeat(20).parse().unwrap()),
        skipped: vec!["cd".repeat(20).parse().unwrap()],
        skipped_unnamed: 8_999,
        labels: vec!["gpu".parse().unwrap()],
        about: Some(About {
            tree: "ef".repeat(20).parse().unwrap(),
            subject: Some("Count from one".parse().unwrap()),
            author: Some("Ada <ada@example.org>".parse().unwrap()),
            committed_ms: SUBMITTED_MS - 60_000,
        }),
    }
}

/// One attempt, and how and when it ended if it has.
pub fn attempt(
    number: u32,
    runner: &str,
    started_ms: i64,
    end: Option<(Fate, i64)>,
) -> AttemptLine {
    AttemptLine {
        attempt: Attempt(number),
        runner: runner.parse().unwrap(),
        fate: end.map(|(fate, _)| fate),
        verdict: None,
        started_ms,
        checked_out_ms: None,
        first_output_ms: None,
        ended_ms: end.map(|(_, ended_ms)| ended_ms),
    }
}

/// A unit for each way that one can end, with cases and without.
pub fn units() -> Vec<UnitReport> {
    let mut python = unit("tests/test_a.py", Outcome::Failed, Some(1));
    python.cases = vec![
        case("test_yes (test_a.A.test_yes)", CaseOutcome::Passed, Some(12)),
        case("test_no <&\"#\\ 'ü' # TODO", CaseOutcome::Failed, None),
        case("test_later", CaseOutcome::Skipped, Some(0)),
    ];
    python.counts = Counts { passed: 1, failed: 1, skipped: 1 };
    let mut lying = unit("tests/lying.t", Outcome::Failed, Some(0));
    lying.cases = vec![case("all is well", CaseOutcome::Passed, None)];
    vec![
        python,
        lying,
        unit("tests/hang", Outcome::TimedOut, None),
        unit("tests/killed", Outcome::Failed, None),
        unit("tests/ok.sh", Outcome::Passed, Some(0)),
        unit("tests/other.sh", Outcome::Skipped, Some(77)),
        unit("tests/x.bats", Outcome::Error, None),
    ]
}

/// One unit without cases, which took 112 ms.
pub fn unit(name: &str, outcome: Outcome, exit: Option<i32>) -> UnitReport {
    let counts = match outcome {
        Outcome::Passed => Counts { passed: 1, ..Counts::default() },
        Outcome::Skipped => Counts { skipped: 1, ..Counts::default() },
        _ => Counts { failed: 1, ..Counts::default() },
    };
    let name = name.parse().unwrap();
    UnitReport { unit: name, outcome, exit, duration_ms: 112, counts, cases: Vec::new() }
}

fn case(name: &str, outcome: CaseOutcome, duration_ms: Option<u64>) -> CaseReport {
    CaseReport { name: name.parse().unwrap(), outcome, duration_ms }
}
