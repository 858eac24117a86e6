//! What scripts are told: shapes that may grow, and never lose or change a key. What is not known is `null`.

use pontus_proto::{
    AttemptLine, CommitLine, Counts, Decided, RunnerLine, Shown, Status, Submission, UnitReport,
};
use serde::Serialize;

use crate::clock;

/// One commit, as `show --json` prints it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize, PartialEq))]
pub struct Show {
    commit: String,
    project: String,
    branch: Option<String>,
    /// `queued`, `running` or `done`.
    state: String,
    waits_for: Option<String>,
    /// Once it is done.
    verdict: Option<String>,
    reason: Option<String>,
    /// All zero until it is done.
    counts: Tally,
    duration_ms: Option<u64>,
    usual_ms: Option<u64>,
    previous: Option<String>,
    /// Oldest first.
    skipped_commits: Vec<String>,
    skipped_unnamed: u64,
    labels: Vec<String>,
    about: Option<About>,
    timings: Timings,
    /// Oldest first.
    attempts: Vec<Attempt>,
    /// Those that the verdict stands on, in the order in which they ran.
    units: Vec<Unit>,
}

/// What the commit says of itself.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize, PartialEq))]
struct About {
    tree: String,
    subject: Option<String>,
    author: Option<String>,
    committed: String,
}

/// From seen to verdict; those of an attempt are of the one that decided the commit, or else of the newest.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize, PartialEq))]
struct Timings {
    queued: String,
    assigned: Option<String>,
    checked_out: Option<String>,
    first_output: Option<String>,
    done: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize, PartialEq))]
struct Attempt {
    attempt: u32,
    runner: String,
    /// `reported`, `lost`, `given_back` or `cancelled`, once it has ended.
    fate: Option<String>,
    verdict: Option<String>,
    started: String,
    checked_out_ms: Option<u64>,
    first_output_ms: Option<u64>,
    ended: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize, PartialEq))]
struct Unit {
    unit: String,
    outcome: String,
    exit: Option<i32>,
    duration_ms: u64,
    counts: Tally,
    cases: Vec<Case>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize, PartialEq))]
struct Case {
    name: String,
    outcome: String,
    duration_ms: Option<u64>,
}

#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize, PartialEq))]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

/// How things are, as `status --json` prints it.
#[derive(Debug, Serialize)]
pub struct Overview {
    queued: u64,
    running: u64,
    runners: u64,
    paused: bool,
    /// Newest first.
    commits: Vec<Commit>,
}

#[derive(Debug, Serialize)]
struct Commit {
    commit: String,
    project: String,
    branch: Option<String>,
    state: String,
    waits_for: Option<String>,
    verdict: Option<String>,
}

/// One runner, as `runners --json` prints a list of them.
#[derive(Debug, Serialize)]
pub struct Runner {
    runner: String,
    project: String,
    labels: Vec<String>,
    testing: Option<String>,
    since: Option<String>,
    last_heard_ms: u64,
    connected: bool,
    draining: bool,
}

/// What `submit --json` prints.
#[derive(Debug, Serialize)]
pub struct Submitted {
    /// Which commit.
    pub commit: String,
    /// Whether it was unknown until now.
    pub new: bool,
}

/// One line of JSON, with its newline.
pub fn line(document: &impl Serialize) -> String {
    let mut line = serde_json::to_string(document)
        .expect("these have string keys and no Serialize of their own that fails");
    line.push('\n');
    line
}

impl Show {
    /// `shown` and its units.
    pub fn new(shown: &Shown, units: &[UnitReport]) -> Show {
        let Submission { commit, project, branch, previous, skipped, .. } = &shown.submission;
        let decided = shown.decided.as_ref();
        Show {
            commit: commit.to_string(),
            project: project.to_string(),
            branch: text(branch),
            state: shown.state.word().to_owned(),
            waits_for: shown.waits_for.map(|it| it.word().to_owned()),
            verdict: decided.map(|decided| decided.verdict.word().to_owned()),
            reason: decided.and_then(|decided| decided.reason.clone()),
            counts: decided.map_or_else(Tally::default, |decided| Tally::from(decided.counts)),
            duration_ms: decided.map(|decided| decided.duration_ms),
            usual_ms: shown.usual_ms,
            previous: text(previous),
            skipped_commits: texts(skipped),
            skipped_unnamed: shown.submission.skipped_unnamed,
            labels: texts(&shown.submission.labels),
            about: shown.submission.about.as_ref().map(About::from),
            timings: Timings::from(shown),
            attempts: shown.attempts.iter().map(Attempt::from).collect(),
            units: units.iter().map(Unit::from).collect(),
        }
    }
}

impl From<&pontus_proto::About> for About {
    fn from(about: &pontus_proto::About) -> About {
        About {
            tree: about.tree.to_string(),
            subject: text(&about.subject),
            author: text(&about.author),
            committed: clock::exact(about.committed_ms),
        }
    }
}

impl From<&Shown> for Timings {
    fn from(shown: &Shown) -> Timings {
        let attempt = attempt_of(shown);
        let after = |ms: fn(&AttemptLine) -> Option<u64>| {
            let attempt = attempt?;
            let ms = i64::try_from(ms(attempt)?).ok()?;
            Some(clock::exact(attempt.started_ms.saturating_add(ms)))
        };
        Timings {
            queued: clock::exact(shown.submitted_ms),
            assigned: attempt.map(|attempt| clock::exact(attempt.started_ms)),
            checked_out: after(|attempt| attempt.checked_out_ms),
            first_output: after(|attempt| attempt.first_output_ms),
            done: shown.decided.as_ref().map(|decided| clock::exact(decided.decided_ms)),
        }
    }
}

/// The attempt that decided the commit; the newest where it is not decided.
pub fn attempt_of(shown: &Shown) -> Option<&AttemptLine> {
    match &shown.decided {
        Some(Decided { attempt, .. }) => shown.attempts.iter().find(|one| one.attempt == *attempt),
        None => shown.attempts.last(),
    }
}

impl From<&AttemptLine> for Attempt {
    fn from(line: &AttemptLine) -> Attempt {
        Attempt {
            attempt: line.attempt.0,
            runner: line.runner.to_string(),
            fate: line.fate.map(|fate| fate.word().to_owned()),
            verdict: line.verdict.map(|verdict| verdict.word().to_owned()),
            started: clock::exact(line.started_ms),
            checked_out_ms: line.checked_out_ms,
            first_output_ms: line.first_output_ms,
            ended: line.ended_ms.map(clock::exact),
        }
    }
}

impl From<&UnitReport> for Unit {
    fn from(unit: &UnitReport) -> Unit {
        let case = |case: &pontus_proto::CaseReport| Case {
            name: case.name.to_string(),
            outcome: case.outcome.word().to_owned(),
            duration_ms: case.duration_ms,
        };
        Unit {
            unit: unit.unit.to_string(),
            outcome: unit.outcome.word().to_owned(),
            exit: unit.exit,
            duration_ms: unit.duration_ms,
            counts: unit.counts.into(),
            cases: unit.cases.iter().map(case).collect(),
        }
    }
}

impl From<Counts> for Tally {
    fn from(Counts { passed, failed, skipped }: Counts) -> Tally {
        Tally { passed, failed, skipped }
    }
}

impl From<&Status> for Overview {
    fn from(status: &Status) -> Overview {
        Overview {
            queued: status.queued,
            running: status.running,
            runners: status.runners,
            paused: status.paused,
            commits: status.commits.iter().map(Commit::from).collect(),
        }
    }
}

impl From<&CommitLine> for Commit {
    fn from(line: &CommitLine) -> Commit {
        Commit {
            commit: line.commit.to_string(),
            project: line.project.to_string(),
            branch: text(&line.branch),
            state: line.state.word().to_owned(),
            waits_for: line.waits_for.map(|it| it.word().to_owned()),
            verdict: line.verdict.map(|verdict| verdict.word().to_owned()),
        }
    }
}

impl From<&RunnerLine> for Runner {
    fn from(line: &RunnerLine) -> Runner {
        Runner {
            runner: line.runner.to_string(),
            project: line.project.to_string(),
            labels: texts(&line.labels),
            testing: text(&line.testing),
            since: line.since_ms.map(clock::exact),
            last_heard_ms: line.last_heard_ms,
            connected: line.connected,
            draining: line.draining,
        }
    }
}

fn text(one: &Option<impl ToString>) -> Option<String> {
    one.as_ref().map(ToString::to_string)
}

fn texts(many: &[impl ToString]) -> Vec<String> {
    many.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
