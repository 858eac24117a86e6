//! What many measurements of the same thing say together: pure sums.

use std::time::Duration;

/// Measurements in order of their size.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// Of at least one measurement.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.into_iter().collect();
        assert!(!values.is_empty(), "nothing was measured");
        values.sort_by(f64::total_cmp);
        Spread(values)
    }

    /// Of times, in milliseconds.
    pub fn of_times(times: impl IntoIterator<Item = Duration>) -> Spread {
        Spread::of(times.into_iter().map(|time| time.as_secs_f64() * 1e3))
    }

    /// The smallest value that so many of a hundred do not exceed ("nearest rank"): always one that was measured.
    pub fn percentile(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.0.len() as f64).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1]
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.percentile(50.0)
    }

    /// The largest.
    pub fn max(&self) -> f64 {
        self.percentile(100.0)
    }
}

/// What a number has to be, beside the limit that was measured with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// Below so many times the limit.
    Under(f64),
    /// At least so many times the limit.
    AtLeast(f64),
    /// Shown, and not judged.
    Shown,
}

impl Goal {
    /// Whether `measured` is what it has to be.
    pub fn is_met(self, measured: f64, limit: f64) -> bool {
        match self {
            Goal::Under(ratio) => measured < ratio * limit,
            Goal::AtLeast(ratio) => measured >= ratio * limit,
            Goal::Shown => true,
        }
    }
}
