//! Unittest: what `python3 -m unittest -v` prints, of Python 3.6 and later.

mod id;
mod report;
mod summary;
mod summed;

use crate::CaseOutcome::{self, Failed, Passed, Skipped};
use crate::pending::{Pending, ending};
use crate::tally::{Counts, Tally};
use id::Id;
use report::Report;
use summary::{Summary, Totals};
use summed::{Summed, Told};

/// Unittest's words for outcomes; a skip has its reason behind it. A longer word stands before one that ends it.
const WORDS: [(&str, CaseOutcome); 5] = [
    ("expected failure", Skipped),
    ("unexpected success", Failed),
    ("ok", Passed),
    ("FAIL", Failed),
    ("ERROR", Failed),
];

/// The test that was named last.
#[derive(Debug)]
struct Test {
    pending: Pending,
    /// How it stands, its subtests included; `None` where nothing is known yet.
    outcome: Option<CaseOutcome>,
    /// Whether it is one of those that unittest counts as run, and not a fixture.
    is_counted: bool,
}

/// Reads unittest's output. Its own last lines count and its report of failures is believed; the names come from the lines
/// of `-v`.
#[derive(Debug, Default)]
pub struct Unittest {
    /// Its counts are not used: those of what is told are.
    tally: Tally,
    told: Told,
    /// The cases that stand for tests whose outcome never came.
    unknown_cases: Vec<usize>,
    test: Option<Test>,
    /// A description whose docstring follows in the next line.
    described: Option<Id>,
    /// The subtest whose outcome comes next.
    subtest: Option<String>,
    report: Report,
    summary: Summary,
    summed: Option<Summed>,
}

impl Unittest {
    pub fn line(&mut self, line: &str) {
        if let Some(totals) = self.summary.line(line) {
            self.sum_up(totals);
            return;
        }
        if self.report.line(line) {
            self.settle();
            return;
        }
        let described = self.described.take();
        match outcome_at_end(line) {
            Some((head, rest)) => {
                if self.begin_all(described, head) {
                    self.rest(rest)
                } else {
                    self.noise(line)
                }
            }
            None => match Id::parse(line) {
                Some(id) => self.described = Some(id),
                None => self.noise(line),
            },
        }
    }

    fn sum_up(&mut self, totals: Totals) {
        self.settle();
        self.summed = Some(Summed {
            totals,
            told: self.told,
            report: std::mem::take(&mut self.report),
            cases: self.tally.cases.len(),
            unknown_cases: self.unknown_cases.len(),
        });
    }

    /// Begins what is named before the last three dots; whether that is anything. Before Python 3.11 a test that failed
    /// in a subtest did not end its line, so that the next one follows in it.
    fn begin_all(&mut self, described: Option<Id>, head: &str) -> bool {
        let whole = Id::parse(head).map(|id| vec![id]);
        let ids = whole.unwrap_or_else(|| head.split(" ... ").filter_map(Id::parse).collect());
        let any = described.is_some() || !ids.is_empty();
        described.into_iter().chain(ids).for_each(|id| self.begin(id));
        any
    }

    fn begin(&mut self, id: Id) {
        self.subtest = id.subtest;
        if self.subtest.is_none() && !self.test.as_ref().is_some_and(|test| test.is(&id.name)) {
            self.settle();
            let pending = Pending::new(id.name);
            self.test = Some(Test { pending, outcome: None, is_counted: id.is_counted });
        }
    }

    /// What follows the three dots: an outcome, if the test printed nothing.
    fn rest(&mut self, rest: &str) {
        let Some(test) = &mut self.test else { return };
        let Some(outcome) = status(rest) else {
            hear(&mut test.pending, rest);
            return;
        };
        let name = self.subtest.take();
        let name = name.as_ref().unwrap_or(&test.pending.name);
        self.tally.name(name, outcome, None);
        self.told.cases.one(outcome);
        test.add(outcome);
    }

    fn noise(&mut self, line: &str) {
        let Some(test) = self.test.as_mut().filter(|test| test.outcome.is_none()) else { return };
        match status(line) {
            Some(outcome) => test.pending.say(outcome),
            None => hear(&mut test.pending, line),
        }
    }

    /// Counts the test that was named last.
    fn settle(&mut self) {
        let Some(mut test) = self.test.take() else { return };
        if test.outcome.is_none() {
            test.outcome = test.pending.outcome();
            let case = self.tally.name(&test.pending.name, test.outcome.unwrap_or(Failed), None);
            match test.outcome {
                Some(outcome) => self.told.cases.one(outcome),
                None => self.unknown_cases.extend(case),
            }
        }
        if test.is_counted {
            self.told.test(test.outcome);
        }
    }

    pub fn so_far(&self) -> Counts {
        self.told.cases
    }

    pub fn finish(mut self) -> Tally {
        self.settle();
        let mut cases = self.tally.cases;
        let counts = match self.summed {
            Some(summed) => summed.put_right(&mut cases, &self.unknown_cases),
            None => self.told.lost(),
        };
        Tally { cases, counts }
    }
}

impl Test {
    fn is(&self, name: &str) -> bool {
        self.pending.name == name
    }

    /// One more outcome of the same test: of a subtest, or of its tear-down.
    fn add(&mut self, outcome: CaseOutcome) {
        let worst = |a, b| [Failed, Skipped].into_iter().find(|o| a == *o || b == *o);
        let so_far = self.outcome.unwrap_or(outcome);
        self.outcome = Some(worst(so_far, outcome).unwrap_or(Passed));
    }
}

fn hear(pending: &mut Pending, text: &str) {
    ending(text, &WORDS).into_iter().for_each(|outcome| pending.hear(outcome));
}

/// `ok`, `skipped 'why'`.
fn status(text: &str) -> Option<CaseOutcome> {
    let text = text.trim_end();
    let is_quoted = |why: &str| {
        let mark = why.chars().next().filter(|c| matches!(c, '\'' | '"'));
        why.len() > 1 && mark.is_some_and(|mark| why.ends_with(mark))
    };
    let is_skipped = text.strip_prefix("skipped ").is_some_and(is_quoted);
    is_skipped.then_some(Skipped).or_else(|| crate::pending::word(text, &WORDS))
}

/// A line with three dots, as what stands before and behind those that matter: before an outcome if there is one, else
/// those at the line's end, else the first.
fn outcome_at_end(line: &str) -> Option<(&str, &str)> {
    let split = |at: usize| (&line[..at], &line[at + 5..]);
    let mut dots = line.rmatch_indices(" ... ").map(|(at, _)| at);
    let before_outcome = dots.find(|at| status(&line[at + 5..]).is_some());
    let at_end = || line.ends_with(" ... ").then(|| line.len() - 5);
    before_outcome.or_else(at_end).or_else(|| line.find(" ... ")).map(split)
}
