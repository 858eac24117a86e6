//! Pytest: what `pytest -v` prints, with pytest-xdist or without, and what can be had of `pytest -q`.

use std::collections::HashSet;

use crate::CaseOutcome::{self, Failed, Passed, Skipped};
use crate::pending::{Pending, ending};
use crate::tally::{CASES_MAX, Counts, NAME_BYTES_MAX, Tally, clean};

/// Pytest's words for outcomes. A strict XPASS is printed as FAILED.
const WORDS: [(&str, CaseOutcome); 6] = [
    ("PASSED", Passed),
    ("FAILED", Failed),
    ("SKIPPED", Skipped),
    ("ERROR", Failed),
    ("XFAIL", Skipped),
    ("XPASS", Passed),
];

/// The titles of what follows the tests. Tests may print such lines, so that no other title is believed.
const REPORTS: [&str; 5] = ["ERRORS", "FAILURES", "PASSES", "XFAILURES", "warnings summary"];

/// What else pytest counts in its last line. Subtests that passed are part of their test.
const UNCOUNTED: [&str; 8] = [
    "deselected",
    "warning",
    "warnings",
    "rerun",
    "subtests passed",
    "subtests skipped",
    "subtests xfailed",
    "subtests failed",
];

/// Where in the output we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    #[default]
    Running,
    /// What the tests had printed, which may look like anything.
    Reporting,
    /// The list of what failed.
    Summary,
}

/// Reads pytest's output. Its last line counts; the names come from the lines of `-v`, and from the short summary where
/// no such line was (a file that could not be collected, a subtest of unittest, all that failed with `-q`).
#[derive(Debug, Default)]
pub struct Pytest {
    tally: Tally,
    section: Section,
    pending: Option<Pending>,
    /// The lines of the short summary that name a failure: what is said of a subtest, and the name with the message.
    failures: Vec<(String, String)>,
    totals: Option<Counts>,
    /// Pytest-xdist prints the name of a test that begins, and names it again when it has ended.
    has_workers: bool,
}

impl Pytest {
    pub fn line(&mut self, line: &str) {
        if let Some(totals) = closing(line) {
            self.settle();
            self.totals = Some(totals);
        } else if let Some(section) = header(line) {
            self.settle();
            self.section = section;
            self.failures.clear();
        } else {
            match self.section {
                Section::Running => self.running(line),
                Section::Reporting => {}
                Section::Summary => self.failure(line),
            }
        }
    }

    fn running(&mut self, line: &str) {
        if let Some((name, outcome)) = of_worker(line) {
            self.has_workers = true;
            self.pending = None;
            self.tally.add(name, outcome, None);
        } else if let Some((name, word, tail)) = ended(line) {
            self.end(name, word, tail);
        } else if let Some((name, rest)) = begun(line) {
            self.begin(name, rest);
        } else if let Some(pending) = &mut self.pending {
            match alone(line) {
                Some(outcome) => pending.say(outcome),
                None => hear(pending, line),
            }
        }
    }

    fn end(&mut self, name: &str, word: &str, tail: &str) {
        let is_pending = self.pending.as_ref().is_some_and(|pending| pending.name == name);
        if !is_pending {
            self.settle();
        }
        self.pending = None;
        if word == "SUBFAILED" {
            let tail = tail.rsplit_once(" [").filter(|(_, end)| is_progress(end));
            let of = tail.map_or("", |(of, _)| of.trim());
            self.tally.add(&format!("{name} {of}"), Failed, None);
        } else if let Some(outcome) = outcome(word) {
            self.tally.add(name, outcome, None);
        }
    }

    fn begin(&mut self, name: &str, rest: &str) {
        let is_pending = self.pending.as_ref().is_some_and(|pending| pending.name == name);
        if !is_pending {
            self.settle();
        }
        let pending = self.pending.get_or_insert_with(|| Pending::new(name.to_owned()));
        hear(pending, rest);
    }

    /// Counts what was pending, if its outcome was seen among what it printed.
    fn settle(&mut self) {
        let Some(pending) = self.pending.take() else { return };
        let outcome = pending.outcome();
        outcome.into_iter().for_each(|outcome| self.tally.add(&pending.name, outcome, None));
    }

    /// A line of the short summary: `FAILED name - message`, `SUBFAILED[message] (i=1) name - message`.
    fn failure(&mut self, line: &str) {
        let sub = line.strip_prefix("SUBFAILED").and_then(|rest| {
            let name_at = rest[..rest.find("::")?].rfind(' ')?;
            Some((&rest[..name_at], &rest[name_at + 1..]))
        });
        let whole = || line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR "));
        let Some((of, name)) = sub.or_else(|| Some(("", whole()?))) else { return };
        if self.failures.len() < CASES_MAX {
            // Twice the length of a name, so that its end can be found in it.
            let name = &name[..name.floor_char_boundary(2 * NAME_BYTES_MAX)];
            self.failures.push((clean(of), name.to_owned()));
        }
    }

    fn name_the_failures_without_a_line(&mut self) {
        let cases = &self.tally.cases;
        let failed = cases.iter().filter(|case| case.outcome == Failed);
        let named: HashSet<String> = failed.map(|case| case.name.clone()).collect();
        for (of, text) in std::mem::take(&mut self.failures) {
            let full = |name: &str| clean(&format!("{name} {of}"));
            let mut ends = text.match_indices(" - ").map(|(at, _)| at).chain([text.len()]);
            if !ends.any(|end| named.contains(&full(&text[..end]))) {
                self.tally.add(&full(without_message(&text)), Failed, None);
            }
        }
    }

    pub fn so_far(&self) -> Counts {
        self.tally.counts
    }

    pub fn finish(mut self) -> Tally {
        let is_lost = self.totals.is_none() && !self.has_workers;
        if let Some(pending) =
            self.pending.take_if(|pending| pending.outcome().is_none() && is_lost)
        {
            // The process went away in the middle of this test.
            self.tally.add(&pending.name, Failed, None);
        }
        self.settle();
        self.name_the_failures_without_a_line();
        let counts = self.totals.unwrap_or(self.tally.counts);
        Tally { cases: self.tally.cases, counts }
    }
}

fn hear(pending: &mut Pending, text: &str) {
    ending(text, &WORDS).into_iter().for_each(|outcome| pending.hear(outcome));
}

fn outcome(text: &str) -> Option<CaseOutcome> {
    WORDS.iter().find(|(word, _)| *word == text).map(|(_, outcome)| *outcome)
}

/// A line that is an outcome's word and its progress, after a test that printed lines.
fn alone(line: &str) -> Option<CaseOutcome> {
    let (word, tail) = line.split_once(' ').unwrap_or((line, ""));
    outcome(word).filter(|_| is_tail(word, tail))
}

/// `[gw0] [ 50%] PASSED name`.
fn of_worker(line: &str) -> Option<(&str, CaseOutcome)> {
    let rest = line.strip_prefix("[gw")?.split_once("] [")?.1.split_once("] ")?.1;
    let (word, name) = rest.split_once(' ')?;
    Some((name.trim_end(), outcome(word)?))
}

/// Where the name of a test that begins `line` can end. A path has no space; what follows `::` has none outside of the
/// brackets of its parameters, and after these only a space.
fn name_ends(line: &str) -> impl Iterator<Item = usize> {
    let colons = line.find("::").filter(|at| {
        let path = &line[..*at];
        !path.is_empty() && (!path.contains(' ') || path.ends_with(".py"))
    });
    let name = colons.map_or("", |at| &line[at + 2..]);
    let start = line.len() - name.len();
    let plain = name.find([' ', '[']).unwrap_or(name.len());
    let has_parameters = name[plain..].starts_with('[');
    let simple = (plain > 0 && !has_parameters).then_some(start + plain);
    let inside = if has_parameters { name } else { "" };
    let brackets = inside.match_indices("] ").map(move |(at, _)| start + at + 1);
    simple.into_iter().chain(brackets).chain(inside.ends_with(']').then_some(line.len()))
}

/// `name PASSED   [ 33%]`, as name, word and what follows the word. A name may look like that itself, inside its brackets,
/// so the last place is taken where it can end.
fn ended(line: &str) -> Option<(&str, &str, &str)> {
    name_ends(line).filter_map(|end| word_at(line, end)).last()
}

fn word_at(line: &str, end: usize) -> Option<(&str, &str, &str)> {
    let rest = line[end..].strip_prefix(' ')?;
    // A test that was defined elsewhere is printed as `name <- path`.
    let elsewhere = rest.strip_prefix("<- ").and_then(|rest| rest.split_once(' '));
    let rest = elsewhere.map_or(rest, |(_, rest)| rest);
    let word_end = rest.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(rest.len());
    let (word, tail) = rest.split_at(word_end);
    is_tail(word, tail).then_some((&line[..end], word, tail))
}

/// Whether `tail` may follow `word`: the progress, a reason (which may go on in the next line), what a subtest says.
fn is_tail(word: &str, tail: &str) -> bool {
    let tail = tail.trim();
    match word {
        "SUBPASSED" | "SUBFAILED" | "SUBSKIPPED" => tail.starts_with(['[', '(']),
        "SKIPPED" | "XFAIL" | "XPASS" if tail.starts_with('(') => true,
        "RERUN" => true,
        _ => {
            outcome(word).is_some()
                && (tail.is_empty() || tail.starts_with('[') && is_progress(tail))
        }
    }
}

/// `[ 33%]`, `[ 3/10]`, or the same without the first bracket.
fn is_progress(text: &str) -> bool {
    let inside = text.trim_start_matches('[').strip_suffix(']');
    inside.is_some_and(|inside| inside.chars().all(|c| c.is_ascii_digit() || " %/".contains(c)))
}

/// `name ` or `name noise`, as name and noise.
fn begun(line: &str) -> Option<(&str, &str)> {
    name_ends(line).next().map(|end| line.split_at(end))
}

/// A line of the short summary without its message: its name may have a ` - ` of its own in brackets.
fn without_message(text: &str) -> &str {
    let plain = text.find(" - ").unwrap_or(text.len());
    if !text[..plain].contains('[') {
        return &text[..plain];
    }
    text.find("] - ").map_or(text, |at| &text[..=at])
}

/// `=== FAILURES ===`.
fn header(line: &str) -> Option<Section> {
    let title = line.strip_prefix('=')?.strip_suffix('=')?.trim_matches('=').trim();
    let report = REPORTS.contains(&title).then_some(Section::Reporting);
    report.or((title == "short test summary info").then_some(Section::Summary))
}

/// `=== 2 passed, 1 failed in 0.12s ===`, with `-q` without the rules. Errors are failures, expected failures are
/// skipped, and an unexpected success that is not strict has passed.
fn closing(line: &str) -> Option<Counts> {
    let (list, time) = line.trim_matches('=').trim().rsplit_once(" in ")?;
    let is_time = time.split(' ').next()?.strip_suffix('s')?.parse::<f64>().is_ok();
    if list == "no tests ran" && is_time {
        return Some(Counts::default());
    }
    let mut counts = Counts::default();
    for item in list.split(", ") {
        let (number, what) = item.split_once(' ')?;
        let number: u32 = number.parse().ok()?;
        let count = match what {
            "passed" | "xpassed" => &mut counts.passed,
            "failed" | "error" | "errors" => &mut counts.failed,
            "skipped" | "xfailed" => &mut counts.skipped,
            _ if UNCOUNTED.contains(&what) => continue,
            _ => return None,
        };
        *count = count.saturating_add(number);
    }
    is_time.then_some(counts)
}
