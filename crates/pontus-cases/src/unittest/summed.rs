//! The sum: what the lines have told, put right by the tool's own report and summary.

use super::report::Report;
use super::summary::Totals;
use crate::Case;
use crate::CaseOutcome::{self, Failed, Passed, Skipped};
use crate::tally::Counts;
use std::collections::HashSet;

/// What the lines have told so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// Cases, with subtests and fixtures.
    pub cases: Counts,
    /// Tests, as unittest counts them: one that fails in two subtests is one of them.
    pub tests: Counts,
    /// Tests whose outcome never came. They have a case and are not counted.
    pub unknown: u32,
}

impl Told {
    pub fn test(&mut self, outcome: Option<CaseOutcome>) {
        match outcome {
            Some(outcome) => self.tests.one(outcome),
            None => self.unknown = self.unknown.saturating_add(1),
        }
    }

    /// The tool never came to its totals: a test whose outcome is unknown took the interpreter with it, or failed in a
    /// subtest.
    pub fn lost(self) -> Counts {
        Counts { failed: self.cases.failed.saturating_add(self.unknown), ..self.cases }
    }

    /// A case had been taken for what it was not.
    fn correct(&mut self, case: &mut Case, outcome: CaseOutcome) {
        for counts in [&mut self.cases, &mut self.tests] {
            counts.less_one(case.outcome);
            counts.one(outcome);
        }
        case.outcome = outcome;
    }

    fn known(&mut self, case: &mut Case, outcome: CaseOutcome) {
        self.unknown = self.unknown.saturating_sub(1);
        self.cases.one(outcome);
        self.tests.one(outcome);
        case.outcome = outcome;
    }
}

/// The tool's totals, and what had been told before them: standard output that was held back until the interpreter's end
/// follows, and may look like anything.
#[derive(Debug)]
pub struct Summed {
    pub totals: Totals,
    pub told: Told,
    pub report: Report,
    /// How many cases had been named, and how many of those stand for unknown outcomes.
    pub cases: usize,
    pub unknown_cases: usize,
}

impl Summed {
    /// Corrects the outcomes of `cases`, of which those at `unknown` had none, and counts them.
    pub fn put_right(mut self, cases: &mut Vec<Case>, unknown: &[usize]) -> Counts {
        cases.truncate(self.cases);
        for at in &unknown[..self.unknown_cases] {
            // Before Python 3.11 only the report says that a test failed in its subtests.
            let has_failed = self.report.tests.contains(&cases[*at].name);
            self.told.known(&mut cases[*at], if has_failed { Failed } else { Passed });
        }
        self.correct(cases);
        self.counts()
    }

    /// A test may print an outcome's word before its own comes. What the report names has failed; where more seem to
    /// have failed than the tool counts, those that it does not name have not.
    fn correct(&mut self, cases: &mut [Case]) {
        let failed = cases.iter().filter(|case| case.outcome == Failed);
        let failed: HashSet<String> = failed.map(|case| case.name.clone()).collect();
        let Self { report, told, totals, .. } = self;
        for case in cases.iter_mut().filter(|case| case.outcome != Failed) {
            if report.cases.contains(&case.name) && !failed.contains(&case.name) {
                told.correct(case, Failed);
            }
        }
        for case in cases.iter_mut().filter(|case| case.outcome == Failed) {
            if told.cases.failed > totals.failed && !report.cases.contains(&case.name) {
                told.correct(case, Passed);
            }
        }
        for case in cases.iter_mut().filter(|case| case.outcome == Skipped) {
            if told.cases.skipped > totals.skipped {
                told.correct(case, Passed);
            }
        }
    }

    /// The totals are the tool's: `failures`, `errors` and `unexpected successes` failed, `skipped` and `expected
    /// failures` were skipped. It does not say how many passed, only how many ran: those of them that the lines do not
    /// say otherwise of. The lines may be short of outcomes (a test printed a long line), so that
    ///
    /// * at most those passed that ran and have not failed, and
    /// * at least those of them that were not skipped either (Python 3.12.1 does not count a skipped test as run), less
    ///   what the tool counts and no line shows (before Python 3.11, a fixture or a subtest).
    fn counts(&self) -> Counts {
        let Self { totals, told, .. } = self;
        let hidden_failed = totals.failed.saturating_sub(told.cases.failed);
        let hidden_skipped = totals.skipped.saturating_sub(told.cases.skipped);
        let hidden = hidden_failed.saturating_add(hidden_skipped);
        let most = totals.ran.saturating_sub(told.tests.failed);
        let least = most.saturating_sub(told.tests.skipped).saturating_sub(hidden);
        let passed = told.tests.passed.saturating_add(told.unknown).clamp(least, most);
        totals.counts(passed)
    }
}
