//! The course of an attempt: how far its units have come.

use pontus_proto::{Counts, Progress, UnitName};

use crate::cases;

/// The units that have ended, of how many.
#[derive(Debug, Default)]
pub struct Course {
    units: usize,
    units_done: usize,
    counts: Counts,
}

impl Course {
    /// It is known what is going to run.
    pub fn begin(&mut self, units: usize) {
        self.units = units;
    }

    /// One more unit has ended, and counts for so much.
    pub fn unit_ended(&mut self, counts: Counts) {
        self.units_done += 1;
        self.counts = cases::sum(self.counts, counts);
    }

    /// How it is between two units.
    pub fn between(&self) -> Progress {
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Progress {
            unit: None,
            units_done: number(self.units_done),
            units: number(self.units),
            counts: self.counts,
        }
    }

    /// How it is inside of a unit, of which so much has been counted.
    pub fn inside(&self, unit: &UnitName, counts: Counts) -> Progress {
        let counts = cases::sum(self.counts, counts);
        Progress { unit: Some(unit.clone()), counts, ..self.between() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_unit_counts_on_top_of_those_that_have_ended() {
        let counts = |passed| Counts { passed, failed: 0, skipped: 0 };
        let mut course = Course::default();
        course.begin(2);
        course.unit_ended(counts(3));
        let between = Progress { unit: None, units_done: 1, units: 2, counts: counts(3) };
        assert_eq!(course.between(), between);
        let unit: UnitName = "tests/a".parse().unwrap();
        let inside = Progress { unit: Some(unit.clone()), counts: counts(4), ..between };
        assert_eq!(course.inside(&unit, counts(1)), inside);
    }
}
