//! The course of an attempt: when it came to what, and how far its units have come.

use std::time::{Duration, Instant};

use pontus_proto::{Counts, Progress, Report, UnitName};

use crate::cases;

/// One attempt on its way.
#[derive(Debug)]
pub struct Course {
    arrived: Instant,
    checked_out: Option<Duration>,
    first_output: Option<Duration>,
    units: usize,
    units_done: usize,
    counts: Counts,
}

impl Course {
    /// The course of an assignment that arrived at this moment.
    pub fn new(arrived: Instant) -> Course {
        Course {
            arrived,
            checked_out: None,
            first_output: None,
            units: 0,
            units_done: 0,
            counts: Counts::default(),
        }
    }

    /// How long it has been since the assignment's arrival.
    pub fn lasts(&self) -> Duration {
        self.arrived.elapsed()
    }

    /// The commit has been checked out.
    pub fn checked_out(&mut self) {
        self.checked_out = Some(self.lasts());
    }

    /// A test has printed something.
    pub fn printed(&mut self) {
        if self.first_output.is_none() {
            self.first_output = Some(self.lasts());
        }
    }

    /// Adds to a report when the attempt came to what.
    pub fn time(&self, report: Report) -> Report {
        Report {
            checked_out_ms: self.checked_out.map(milliseconds),
            first_output_ms: self.first_output.map(milliseconds),
            ..report
        }
    }

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

/// A duration as the protocol has it.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_unit_counts_on_top_of_those_that_have_ended() {
        let counts = |passed| Counts { passed, failed: 0, skipped: 0 };
        let mut course = Course::new(Instant::now());
        course.begin(2);
        course.unit_ended(counts(3));
        let between = Progress { unit: None, units_done: 1, units: 2, counts: counts(3) };
        assert_eq!(course.between(), between);
        let unit: UnitName = "tests/a".parse().unwrap();
        let inside = Progress { unit: Some(unit.clone()), counts: counts(4), ..between };
        assert_eq!(course.inside(&unit, counts(1)), inside);
    }
}
