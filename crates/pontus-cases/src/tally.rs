//! The tally: cases by name, as far as they are kept, and all of them by number.

use crate::{Case, CaseOutcome};

/// So many cases are kept by name. Each is a row in the dispatcher's database; the counts go on.
pub const CASES_MAX: usize = 10_000;

/// A name may have so many bytes; parametrised tests put whole documents into theirs.
pub const NAME_BYTES_MAX: usize = 400;

/// How many cases ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many passed.
    pub passed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many were skipped.
    pub skipped: u32,
}

impl Counts {
    fn of(&mut self, outcome: CaseOutcome) -> &mut u32 {
        match outcome {
            CaseOutcome::Passed => &mut self.passed,
            CaseOutcome::Failed => &mut self.failed,
            CaseOutcome::Skipped => &mut self.skipped,
        }
    }

    pub(crate) fn one(&mut self, outcome: CaseOutcome) {
        let count = self.of(outcome);
        *count = count.saturating_add(1);
    }

    pub(crate) fn less_one(&mut self, outcome: CaseOutcome) {
        let count = self.of(outcome);
        *count = count.saturating_sub(1);
    }

    pub(crate) fn all(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }

    pub(crate) fn total(self) -> u32 {
        self.passed.saturating_add(self.failed).saturating_add(self.skipped)
    }
}

/// The cases found so far.
#[derive(Debug, Default)]
pub struct Tally {
    pub cases: Vec<Case>,
    pub counts: Counts,
}

impl Tally {
    /// Names and counts a case.
    pub fn add(&mut self, name: &str, outcome: CaseOutcome, duration_ms: Option<u64>) {
        self.counts.one(outcome);
        self.name(name, outcome, duration_ms);
    }

    /// Names a case that is counted elsewhere; where it is kept, if there is room.
    pub fn name(
        &mut self,
        name: &str,
        outcome: CaseOutcome,
        duration_ms: Option<u64>,
    ) -> Option<usize> {
        let at = self.cases.len();
        if at == CASES_MAX {
            return None;
        }
        self.cases.push(Case { name: clean(name), outcome, duration_ms });
        Some(at)
    }
}

/// `name` with its control characters escaped, cut to [`NAME_BYTES_MAX`].
pub fn clean(name: &str) -> String {
    let mut shown = String::new();
    for c in name.trim().chars() {
        if shown.len() >= NAME_BYTES_MAX {
            break;
        }
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown.truncate(shown.floor_char_boundary(NAME_BYTES_MAX));
    shown
}

/// Seconds or milliseconds as a tool prints them, times `factor`, in whole milliseconds.
pub fn milliseconds(number: &str, factor: f64) -> Option<u64> {
    let value: f64 = number.trim().parse().ok()?;
    // The cast saturates, so that no number is too large for it.
    (value.is_finite() && value >= 0.0).then(|| (value * factor).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_short() {
        assert_eq!(clean("  a\x07b\u{9b}c\td "), r"a\u{7}b\u{9b}c\td");
        assert_eq!(clean(&"é".repeat(300)).chars().count(), NAME_BYTES_MAX / 2);
        assert_eq!(clean(&format!("x{}", "é".repeat(300))).len(), NAME_BYTES_MAX - 1);
    }

    #[test]
    fn counts_go_on_where_names_end() {
        let mut tally = Tally::default();
        for _ in 0..CASES_MAX + 5 {
            tally.add("x", CaseOutcome::Failed, None);
        }
        assert_eq!(tally.cases.len(), CASES_MAX);
        assert_eq!(tally.counts.total() as usize, CASES_MAX + 5);
    }

    #[test]
    fn numbers_of_milliseconds() {
        assert_eq!(milliseconds("1.6", 1.0), Some(2));
        assert_eq!(milliseconds("0.25", 1000.0), Some(250));
        for text in ["", "x", "-1", "nan", "inf"] {
            assert_eq!(milliseconds(text, 1.0), None, "{text}");
        }
        assert_eq!(milliseconds("1e300", 1.0), Some(u64::MAX));
    }
}
