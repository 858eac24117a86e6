//! Libtest: what `cargo test` prints, for one binary or several and for documentation tests.

use crate::CaseOutcome::{self, Failed, Passed, Skipped};
use crate::pending::{Pending, ending, word};
use crate::tally::{Counts, Tally, milliseconds};

/// Libtest's words for outcomes.
const WORDS: [(&str, CaseOutcome); 3] = [("ok", Passed), ("FAILED", Failed), ("ignored", Skipped)];

/// So many runs inside each other are told apart; a test that prints more `running 1 test` than that means nothing by it.
const NESTED_MAX: usize = 16;

/// Reads libtest's output.
///
/// A binary says `running 7 tests` first and `test result: …` last. A test may run another such tool and let its output
/// through, so a result belongs to the nearest announcement of that many tests, and only the outermost counts. Where no
/// result comes, because the process is gone, the lines are counted.
#[derive(Debug, Default)]
pub struct Libtest {
    /// Its counts are those of the lines since the last result.
    tally: Tally,
    /// The results so far, summed.
    results: Counts,
    /// How many tests each open run has announced, the outermost first.
    announced: Vec<u32>,
    /// Whether the binary is past its tests and shows what they had printed.
    reporting: bool,
    pending: Option<Pending>,
}

impl Libtest {
    pub fn line(&mut self, line: &str) {
        let is_cargo =
            ["     Running ", "   Doc-tests "].iter().any(|start| line.starts_with(start));
        if is_cargo {
            self.close();
        } else if let Some(tests) = announcement(line) {
            self.open(tests);
        } else if let Some(counts) = result(line) {
            self.result(counts);
        } else if !self.reporting && self.announced.len() <= 1 {
            self.test_or_noise(line);
        }
    }

    fn open(&mut self, tests: u32) {
        if self.announced.len() < NESTED_MAX {
            self.announced.push(tests);
        }
    }

    /// A binary has ended without a result.
    fn close(&mut self) {
        self.settle(true);
        self.results.all(self.tally.counts);
        self.start_over();
    }

    fn start_over(&mut self) {
        self.tally.counts = Counts::default();
        self.announced.clear();
        self.reporting = false;
    }

    fn result(&mut self, (counts, total): (Counts, u32)) {
        let at = self.announced.iter().rposition(|tests| *tests == total);
        let is_outermost = self.announced.is_empty() || at == Some(0);
        if is_outermost {
            self.settle(false);
            self.results.all(counts);
            self.start_over();
        } else if let Some(at) = at {
            self.announced.truncate(at);
        }
    }

    fn test_or_noise(&mut self, line: &str) {
        if matches!(line, "failures:" | "successes:") {
            self.settle(false);
            self.reporting = true;
        } else if let Some((name, rest)) = test(line) {
            self.begin(name, rest);
        } else if let Some(pending) = &mut self.pending {
            match word(line, &WORDS) {
                Some(outcome) => pending.say(outcome),
                None => hear(pending, line),
            }
        }
    }

    fn begin(&mut self, name: &str, rest: &str) {
        let ended = outcome(rest);
        if let Some(pending) = self.pending.as_mut().filter(|pending| pending.name == name) {
            // The test itself, or its panic, printed a line like those of libtest.
            ended.into_iter().for_each(|(outcome, _)| pending.say(outcome));
            return;
        }
        self.settle(false);
        if let Some((outcome, duration_ms)) = ended {
            self.tally.add(name, outcome, duration_ms);
            return;
        }
        let mut pending = Pending::new(name.to_owned());
        hear(&mut pending, rest);
        self.pending = Some(pending);
        announcement(rest).into_iter().for_each(|tests| self.open(tests));
    }

    /// Counts what was pending; where its outcome is `lost` with its process, it has failed.
    fn settle(&mut self, lost: bool) {
        let Some(pending) = self.pending.take() else { return };
        let outcome = pending.outcome().or(lost.then_some(Failed));
        outcome.into_iter().for_each(|outcome| self.tally.add(&pending.name, outcome, None));
    }

    pub fn so_far(&self) -> Counts {
        let mut counts = self.results;
        counts.all(self.tally.counts);
        counts
    }

    pub fn finish(mut self) -> Tally {
        self.close();
        Tally { cases: self.tally.cases, counts: self.results }
    }
}

fn hear(pending: &mut Pending, text: &str) {
    ending(text, &WORDS).into_iter().for_each(|outcome| pending.hear(outcome));
}

/// `running 3 tests`.
fn announcement(line: &str) -> Option<u32> {
    let rest = line.strip_prefix("running ")?;
    rest.strip_suffix(" tests").or_else(|| rest.strip_suffix(" test"))?.parse().ok()
}

/// `test result: ok. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`, with how many tests
/// that are. A measured benchmark has passed.
fn result(line: &str) -> Option<(Counts, u32)> {
    let (_, list) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    for item in list.split("; ") {
        let Some((number, what)) = item.split_once(' ') else { continue };
        let number = number.parse().unwrap_or(0);
        match what {
            "passed" => counts.passed = number,
            "failed" => counts.failed = number,
            "ignored" => counts.skipped = number,
            "measured" => counts.passed = counts.passed.saturating_add(number),
            _ => {}
        }
    }
    Some((counts, counts.total()))
}

/// `test NAME ... REST`, the name without what libtest adds to it. Only the name of a documentation test has spaces.
fn test(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let added = [" - should panic", " - compile fail", " - compile"];
    let name = name.trim_end();
    let name = added.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let is_name = !name.is_empty() && (!name.contains(' ') || name.contains(" - "));
    is_name.then_some((name, rest))
}

/// What stands after the three dots when nothing was printed there: the outcome, and how long it took.
fn outcome(rest: &str) -> Option<(CaseOutcome, Option<u64>)> {
    let rest = rest.trim_end();
    let timed = rest.strip_suffix("s>").and_then(|text| text.rsplit_once(" <"));
    let (text, duration_ms) = match timed {
        Some((text, seconds)) => (text, milliseconds(seconds, 1000.0)),
        None => (rest, None),
    };
    let outcome = word(text, &WORDS).or_else(|| {
        let starts = |start| text.starts_with(start);
        let late = starts("FAILED (time limit exceeded)").then_some(Failed);
        late.or(starts("ignored, ").then_some(Skipped)).or(starts("bench: ").then_some(Passed))
    })?;
    Some((outcome, duration_ms))
}
