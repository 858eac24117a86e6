//! What to say next about an attempt: a pure decision.

use std::time::{Duration, Instant};

use pontus_proto::limits::SILENCE_MS_MAX;

use crate::spool::Progress;

/// Output that is sent at once: on a link of 100 KB/s it takes two seconds, so that beats are not held up. Far below what the
/// protocol allows.
const PIECE_BYTES: usize = 128 * 1024;

/// Beats in a lease, and in the silence that the dispatcher bears: three may get lost.
const BEATS: u32 = 4;

/// From one beat to the next.
pub fn beat_interval(lease: Duration) -> Duration {
    lease.min(Duration::from_millis(SILENCE_MS_MAX)) / BEATS
}

/// The next thing to say, or how long there is nothing to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// That it is still being tested.
    Beat,
    /// So many bytes of output, from where the dispatcher's end.
    Output(usize),
    /// What came of it.
    Report,
    /// Nothing until then, unless there is news.
    WaitUntil(Instant),
}

/// Decides. A beat goes first: a flood of output must not cost the lease. The report goes last.
pub fn next(now: Instant, beat_due: Instant, sent_bytes: u64, progress: &Progress) -> Next {
    let unsent = progress.output_bytes.saturating_sub(sent_bytes);
    if now >= beat_due {
        Next::Beat
    } else if unsent > 0 {
        Next::Output(usize::try_from(unsent).unwrap_or(usize::MAX).min(PIECE_BYTES))
    } else if progress.report.is_some() {
        Next::Report
    } else {
        Next::WaitUntil(beat_due)
    }
}

#[cfg(test)]
mod tests {
    use pontus_proto::Report;

    use super::*;
    use crate::summary;

    fn progress(output_bytes: u64, report: Option<Report>) -> Progress {
        Progress { output_bytes, report }
    }

    #[test]
    fn a_long_lease_does_not_make_us_silent() {
        assert_eq!(beat_interval(Duration::from_secs(10)), Duration::from_millis(2_500));
        assert_eq!(beat_interval(Duration::from_secs(3600)), Duration::from_secs(15));
    }

    #[test]
    fn beats_then_output_then_the_report() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let report = summary::of_error("no tests", Duration::ZERO);
        let all = progress(10, Some(report.clone()));
        assert_eq!(next(now, now, 0, &all), Next::Beat);
        assert_eq!(next(now, later, 4, &all), Next::Output(6));
        assert_eq!(next(now, later, 10, &all), Next::Report);
        assert_eq!(next(now, later, 10, &progress(10, None)), Next::WaitUntil(later));
        let flood = progress(u64::MAX, None);
        assert_eq!(next(now, later, 0, &flood), Next::Output(PIECE_BYTES));
    }
}
