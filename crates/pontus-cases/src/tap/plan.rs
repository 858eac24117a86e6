//! The plan: how many points were promised, and whether they came.

use std::collections::BTreeSet;

/// So many numbers that came before their turn are remembered, to notice one that comes twice; points run in parallel
/// are not further apart than there are processors.
const AHEAD_MAX: usize = 1_000;

/// The plan of a document, and the points seen.
#[derive(Debug, Default)]
pub struct Plan {
    planned: Option<u64>,
    points: u64,
    /// How many points had come when the plan came.
    points_before: u64,
    /// The last number, given or counted.
    number: u64,
    number_max: u64,
    /// All numbers up to this one have come.
    through: u64,
    /// Numbers that have come and are not next to that.
    ahead: BTreeSet<u64>,
    /// The first thing that is wrong, where it is known before the end.
    wrong: Option<String>,
}

impl Plan {
    pub fn planned(&mut self, planned: u64) {
        if self.planned.is_some() {
            self.wrong("the plan came twice".to_owned());
        }
        self.planned = Some(planned);
        self.points_before = self.points;
    }

    /// Counts a point, and returns its number.
    pub fn point(&mut self, number: Option<u64>) -> u64 {
        self.points = self.points.saturating_add(1);
        self.number = number.unwrap_or(self.number.saturating_add(1));
        self.number_max = self.number_max.max(self.number);
        let number = self.number;
        if number == 0 {
            self.wrong("test 0 is outside of any plan".to_owned());
        } else if number <= self.through || self.ahead.contains(&number) {
            self.wrong(format!("test {number} came twice"));
        } else if self.ahead.len() < AHEAD_MAX {
            self.ahead.insert(number);
            while self.ahead.remove(&self.through.saturating_add(1)) {
                self.through += 1;
            }
        }
        number
    }

    fn wrong(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    /// What is wrong, now that the document has ended. No points at all are as planned if none were.
    pub fn complaint(&self) -> Option<String> {
        let Self { points, points_before, number_max, .. } = *self;
        let Some(planned) = self.planned else { return Some("no plan".to_owned()) };
        let is_in_the_middle = points_before > 0 && points_before < points;
        let short =
            (planned != points).then(|| format!("planned {planned} tests, but {points} ran"));
        let outside = || {
            (number_max > planned)
                .then(|| format!("test {number_max} is outside the plan of {planned}"))
        };
        let middle = || is_in_the_middle.then(|| "the plan came in the middle".to_owned());
        short.or_else(outside).or_else(|| self.wrong.clone()).or_else(middle)
    }
}

/// `1..5`, `1..0 # SKIP why`.
pub fn parse(body: &str) -> Option<u64> {
    let rest = body.strip_prefix("1..")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `p` is a plan, a number is a point, 0 a point without one.
    fn complaint(lines: &[&str]) -> Option<String> {
        let mut plan = Plan::default();
        for line in lines {
            match parse(line) {
                Some(planned) => plan.planned(planned),
                None => drop(plan.point(line.parse().ok())),
            }
        }
        plan.complaint()
    }

    #[test]
    fn kept() {
        assert_eq!(complaint(&["1..0 # SKIP why"]), None);
        assert_eq!(complaint(&["1..3", "1", "2", "3"]), None);
        assert_eq!(complaint(&["-", "-", "1..2"]), None);
        assert_eq!(complaint(&["1..3", "2", "3", "1"]), None);
        assert_eq!(complaint(&["1..4", "2", "-", "1", "4"]), None);
    }

    #[test]
    fn broken() {
        let says = |lines: &[&str], what: &str| {
            assert_eq!(complaint(lines).as_deref(), Some(what), "{lines:?}");
        };
        says(&[], "no plan");
        says(&["1", "2"], "no plan");
        says(&["1..5", "1", "2", "3", "4"], "planned 5 tests, but 4 ran");
        says(&["1..0", "1"], "planned 0 tests, but 1 ran");
        says(&["1..3", "2", "4", "1"], "test 4 is outside the plan of 3");
        says(&["1..3", "1", "1", "2"], "test 1 came twice");
        says(&["1..3", "3", "3", "1"], "test 3 came twice");
        says(&["1..2", "0", "1"], "test 0 is outside of any plan");
        says(&["1..1", "1", "1..1"], "the plan came twice");
        says(&["1", "1..2", "2"], "the plan came in the middle");
    }

    #[test]
    fn plans() {
        assert_eq!(parse("1..18446744073709551616"), None);
        for text in ["1..", "2..3", "1..3x", "1..3 tests", "1..-1"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("1..7# why"), Some(7));
    }
}
