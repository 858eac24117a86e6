//! The only place that asks the time: monotonic for every decision, the time of day only to be shown, or compared with a file's.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use pontus_scheduler::Time;

/// Monotonic time since the dispatcher's start.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn new() -> Self {
        Clock { start: Instant::now() }
    }

    /// What the scheduler calls now.
    pub fn now(&self) -> Time {
        Time(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// How long it is until `time`; zero where it has passed.
    pub fn until(&self, time: Time) -> Duration {
        Duration::from_millis(time.0).saturating_sub(self.start.elapsed())
    }
}

/// The time of day in milliseconds since 1970, as the database stores it.
pub fn wall_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The time of day as results show it: `2026-11-22T14:14:03Z`.
pub fn shown(wall_ms: i64) -> String {
    let timestamp = Timestamp::from_millisecond(wall_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The time of day as programs read it: `2026-11-22T14:14:03.250Z`.
pub fn exact(wall_ms: i64) -> String {
    let timestamp = Timestamp::from_millisecond(wall_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    timestamp.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(shown(1_795_356_843_999), "2026-11-22T14:14:03Z");
        assert_eq!(exact(1_795_356_843_000), "2026-11-22T14:14:03.000Z");
        assert_eq!(exact(1_795_356_843_999), "2026-11-22T14:14:03.999Z");
        assert_eq!(shown(i64::MAX), "1970-01-01T00:00:00Z");
    }
}
