//! Unittest's summary: `Ran 13 tests in 0.002s`, and after it `FAILED (failures=3, skipped=4)`.

use crate::tally::Counts;

/// What the summary says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Tests, not subtests and not fixtures.
    pub ran: u32,
    pub failed: u32,
    pub skipped: u32,
}

impl Totals {
    pub fn counts(self, passed: u32) -> Counts {
        Counts { passed, failed: self.failed, skipped: self.skipped }
    }
}

/// Looks for the two lines. A test may run unittest itself, so the last pair is the tool's.
#[derive(Debug, Default)]
pub struct Summary {
    ran: Option<u32>,
}

impl Summary {
    /// The totals, if `line` completes them.
    pub fn line(&mut self, line: &str) -> Option<Totals> {
        if let Some(ran) = ran(line) {
            self.ran = Some(ran);
            return None;
        }
        let totals = verdict(line).zip(self.ran).map(|(totals, ran)| Totals { ran, ..totals })?;
        self.ran = None;
        Some(totals)
    }
}

fn ran(line: &str) -> Option<u32> {
    let (number, rest) = line.strip_prefix("Ran ")?.split_once(" test")?;
    let time = rest.strip_prefix('s').unwrap_or(rest).strip_prefix(" in ")?;
    time.strip_suffix('s')?.parse::<f64>().ok()?;
    number.parse().ok()
}

fn verdict(line: &str) -> Option<Totals> {
    let words = ["OK", "FAILED", "NO TESTS RAN"];
    let rest = words.iter().find_map(|word| line.strip_prefix(word))?;
    let mut totals = Totals::default();
    if rest.trim().is_empty() {
        return Some(totals);
    }
    for item in rest.strip_prefix(" (")?.strip_suffix(')')?.split(", ") {
        let (what, number) = item.split_once('=')?;
        let number: u32 = number.parse().ok()?;
        let count = match what {
            "failures" | "errors" | "unexpected successes" => &mut totals.failed,
            "skipped" | "expected failures" => &mut totals.skipped,
            _ => return None,
        };
        *count = count.saturating_add(number);
    }
    Some(totals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(lines: &[&str]) -> Option<(u32, u32, u32)> {
        let mut summary = Summary::default();
        let found = lines.iter().filter_map(|line| summary.line(line)).last()?;
        Some((found.ran, found.failed, found.skipped))
    }

    #[test]
    fn two_lines() {
        assert_eq!(totals(&["Ran 1 test in 0.000s", "OK"]), Some((1, 0, 0)));
        assert_eq!(totals(&["Ran 2 tests in 1.5s", "noise", "OK (skipped=1)"]), Some((2, 0, 1)));
        let failed =
            "FAILED (failures=1, errors=2, skipped=3, expected failures=4, unexpected successes=5)";
        assert_eq!(totals(&["Ran 20 tests in 0.1s", failed]), Some((20, 8, 7)));
        assert_eq!(totals(&["Ran 0 tests in 0.000s", "NO TESTS RAN (skipped=1)"]), Some((0, 0, 1)));
        assert_eq!(totals(&["OK"]), None);
        assert_eq!(totals(&["Ran 2 tests in a hurry", "OK"]), None);
        assert_eq!(totals(&["Ran 2 tests in 0.1s", "OK then", "FAILED (all)"]), None);
    }
}
