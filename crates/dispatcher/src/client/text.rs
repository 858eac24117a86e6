//! What people are told of one commit.

use std::time::Duration;

use pontus_proto::{
    AttemptLine, CaseOutcome, Counts, Decided, Outcome, Shown, State, Submission, UnitReport,
    WaitsFor, escaped, seconds,
};

use super::json::attempt_of;
use super::screen::{HEAD, Paint, of_outcome, of_verdict};
use super::table::{Cell, plain, styled, table};
use crate::clock;
use crate::results::because;

/// All that is known of a commit. The last line is that of its result; before there is a verdict, what it waits for.
pub fn show(shown: &Shown, units: &[UnitReport], paint: Paint) -> String {
    let mut text = facts(shown);
    section(&mut text, "attempts", table(&attempts(&shown.attempts), paint), paint);
    section(&mut text, "timings", table(&timings(shown), paint), paint);
    section(&mut text, "units", unit_lines(units, paint), paint);
    text.push('\n');
    text.push_str(&last_line(shown, paint));
    text
}

/// A part with its name above it, where there is anything in it.
fn section(text: &mut String, name: &str, body: String, paint: Paint) {
    if !body.is_empty() {
        let body: String = body.lines().map(|line| format!("  {line}\n")).collect();
        text.push_str(&format!("\n{}\n{body}", paint.paint(HEAD, name)));
    }
}

/// What is so of the commit itself, a fact a line, in the words of its result.
fn facts(shown: &Shown) -> String {
    let Submission { commit, project, branch, skipped, skipped_unnamed, labels, about, .. } =
        &shown.submission;
    let mut facts = vec![("commit", commit.to_string()), ("project", project.to_string())];
    facts.extend(branch.as_ref().map(|branch| ("branch", branch.to_string())));
    if let Some(about) = about {
        facts.extend(about.subject.as_ref().map(|subject| ("subject", subject.to_string())));
        facts.extend(about.author.as_ref().map(|author| ("author", author.to_string())));
        facts.push(("committed", clock::shown(about.committed_ms)));
    }
    facts.extend(labels.iter().map(|label| ("label", label.to_string())));
    if *skipped_unnamed > 0 {
        facts.push(("skipped", format!("{skipped_unnamed} older commits, not named")));
    }
    facts.extend(skipped.iter().map(|commit| ("skipped", commit.to_string())));
    facts.iter().map(|(key, value)| format!("{key:<10}{}\n", escaped(value))).collect()
}

fn attempts(lines: &[AttemptLine]) -> Vec<[Cell; 5]> {
    let row = |line: &AttemptLine| {
        let fate = match (line.fate, line.verdict) {
            (None, _) => plain("running"),
            (Some(_), Some(verdict)) => styled(verdict.word(), of_verdict(verdict)),
            (Some(fate), None) => plain(fate.word()),
        };
        let took = line.ended_ms.map(|ended| length(ended.saturating_sub(line.started_ms)));
        [
            plain(line.attempt),
            plain(escaped(line.runner.as_str())),
            fate,
            plain(clock::shown(line.started_ms)),
            plain(took.map(|took| format!("for {took}")).unwrap_or_default()),
        ]
    };
    lines.iter().map(row).collect()
}

/// From seen to verdict: when it was handed in, and how long after that each of the others was.
fn timings(shown: &Shown) -> Vec<[Cell; 2]> {
    let attempt = attempt_of(shown);
    let within = |ms: Option<u64>| {
        let ms = i64::try_from(ms?).ok()?;
        attempt.map(|attempt| attempt.started_ms.saturating_add(ms))
    };
    let later = [
        ("assigned", attempt.map(|attempt| attempt.started_ms)),
        ("checked out", within(attempt.and_then(|attempt| attempt.checked_out_ms))),
        ("first output", within(attempt.and_then(|attempt| attempt.first_output_ms))),
        ("done", shown.decided.as_ref().map(|decided| decided.decided_ms)),
    ];
    let after = |at: i64| format!("{} later", length(at.saturating_sub(shown.submitted_ms)));
    let later = later.into_iter().filter_map(|(what, at)| Some([plain(what), plain(after(at?))]));
    let queued = [plain("queued"), plain(clock::shown(shown.submitted_ms))];
    std::iter::once(queued).chain(later).collect()
}

/// A time between two moments. A clock may have been set back between them.
fn length(ms: i64) -> String {
    seconds(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

/// Each unit, with its failed cases below it.
fn unit_lines(units: &[UnitReport], paint: Paint) -> String {
    let rows: Vec<_> = units.iter().map(unit_row).collect();
    let lines = table(&rows, paint);
    let mut text = String::new();
    for (line, unit) in lines.lines().zip(units) {
        text.push_str(&format!("{line}\n"));
        let failed = unit.cases.iter().filter(|case| case.outcome == CaseOutcome::Failed);
        for case in failed {
            text.push_str(&format!("  failed: {}\n", escaped(case.name.as_str())));
        }
    }
    text
}

fn unit_row(unit: &UnitReport) -> [Cell; 5] {
    let exit = match unit.exit {
        Some(0) => String::new(),
        Some(status) => format!("exit {status}"),
        None if unit.outcome == Outcome::Failed => "by a signal".to_owned(),
        None => String::new(),
    };
    [
        plain(escaped(unit.unit.as_str())),
        styled(unit.outcome.word(), of_outcome(unit.outcome)),
        plain(exit),
        plain(seconds(Duration::from_millis(unit.duration_ms))),
        plain(counted(unit.counts)),
    ]
}

fn counted(Counts { passed, failed, skipped }: Counts) -> String {
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

fn last_line(shown: &Shown, paint: Paint) -> String {
    match &shown.decided {
        Some(decided) => verdict_line(decided, paint),
        None if shown.state == State::Running => "running\n".to_owned(),
        None => format!("{}\n", queued(shown.waits_for)),
    }
}

/// The verdict as the last line of the commit's result has it.
pub fn verdict_line(decided: &Decided, paint: Paint) -> String {
    let Decided { verdict, reason, counts, duration_ms, .. } = decided;
    let because = escaped(&because(reason.as_deref(), *counts, *duration_ms));
    format!("verdict: {}: {because}\n", paint.paint(of_verdict(*verdict), verdict.word()))
}

/// Why a commit is not running yet.
pub fn queued(waits_for: Option<WaitsFor>) -> String {
    let why = match waits_for {
        Some(WaitsFor::Resume) => "queued: nothing is handed out until resume",
        Some(WaitsFor::Runner) => "queued: no runner for its project",
        Some(WaitsFor::Labels) => "queued: no runner with its labels",
        Some(WaitsFor::Turn) => "queued: all its runners are busy",
        None => "queued",
    };
    why.to_owned()
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
