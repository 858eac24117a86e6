//! When to look, and when to ask the dispatcher again that has said no: pure arithmetic.

use std::time::{Duration, Instant};

/// The longest pause after a refusal. A queue that is full for long is not helped by haste; one that has room again should
/// not stay empty for long.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// One interval after the last start. What was missed is not made up for: a look sees everything anyway.
pub fn next_look(last: Instant, interval: Duration, now: Instant) -> Instant {
    now.max(last + interval)
}

/// How long the dispatcher is left alone.
#[derive(Debug, Default)]
pub struct Pause {
    until: Option<Instant>,
    length: Duration,
}

impl Pause {
    /// The dispatcher has refused. The first pause is one interval, and each further one twice as long, up to a limit.
    pub fn begin(&mut self, interval: Duration, now: Instant) {
        self.length = (self.length * 2).clamp(interval, interval.max(PAUSE_MAX));
        self.until = Some(now + self.length);
    }

    /// Whether it is too early to ask again.
    pub fn is_on(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// The dispatcher has taken something, or the user cannot wait.
    pub fn end(&mut self) {
        *self = Pause::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_keep_their_beat_and_never_burst() {
        let start = Instant::now();
        let after = |s| start + Duration::from_secs(s);
        let interval = Duration::from_secs(5);
        assert_eq!(next_look(start, interval, after(1)), after(5));
        assert_eq!(next_look(start, interval, after(5)), after(5));
        assert_eq!(next_look(start, interval, after(23)), after(23));
    }

    #[test]
    fn pauses_grow_up_to_a_limit_and_end() {
        let now = Instant::now();
        let mut pause = Pause::default();
        assert!(!pause.is_on(now));
        let mut lengths = Vec::new();
        for _ in 0..6 {
            pause.begin(Duration::from_secs(5), now);
            lengths.push(pause.length.as_secs());
            assert!(pause.is_on(now) && !pause.is_on(now + pause.length));
        }
        assert_eq!(lengths, [5, 10, 20, 40, 60, 60]);
        pause.end();
        assert!(!pause.is_on(now));
        pause.begin(Duration::from_secs(600), now);
        assert_eq!(pause.length, Duration::from_secs(600), "never shorter than an interval");
    }
}
