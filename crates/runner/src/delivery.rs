//! What to say next about an attempt: a pure decision.

use std::time::{Duration, Instant};

use pontus_proto::Progress;
use pontus_proto::limits::{OUTPUT_BYTES_MAX, SILENCE_MS_MAX};

use crate::spool::Contents;

/// Output that is sent at once, at first: on a link of 100 KB/s it takes two seconds, so that beats are not held up. Far below what
/// the protocol allows.
const PIECE_BYTES: usize = 128 * 1024;

/// A piece that was taken within this time may be followed by one of twice the size, up to what the protocol allows: that one is
/// taken within twice the time.
const QUICK: Duration = Duration::from_millis(100);

/// Beats in a lease, and in the silence that the dispatcher bears: three may get lost.
const BEATS: u32 = 4;

/// From one beat to the next.
fn beat_interval(lease: Duration) -> Duration {
    lease.min(Duration::from_millis(SILENCE_MS_MAX)) / BEATS
}

/// How soon news of the progress may follow the last: soon enough for somebody who looks on, and cheap for a dispatcher with
/// hundreds of runners. What ends before does without.
const NEWS_INTERVAL: Duration = Duration::from_millis(500);

/// What has been said of an attempt, and when there is something to be said again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// How much output the dispatcher has.
    pub output_bytes: u64,
    /// How much output is sent next, at most.
    piece_bytes: usize,
    /// How far the tests had come.
    progress: Option<Progress>,
    /// When the lease wants a beat.
    beat_due: Instant,
    /// From when on news of the progress is worth a beat of its own.
    news_due: Instant,
}

impl Said {
    /// Nothing yet, but that it was taken on.
    pub fn nothing(now: Instant, lease: Duration) -> Said {
        let (beat_due, news_due) = (now + beat_interval(lease), now + NEWS_INTERVAL);
        Said { output_bytes: 0, piece_bytes: PIECE_BYTES, progress: None, beat_due, news_due }
    }

    /// A beat, with how far the tests have come.
    pub fn beat(&mut self, now: Instant, lease: Duration, progress: Option<Progress>) {
        let Said { output_bytes, piece_bytes, .. } = *self;
        *self = Said { output_bytes, piece_bytes, progress, ..Said::nothing(now, lease) };
    }

    /// The dispatcher has so many bytes by now, and took its time for the answer.
    pub fn kept(&mut self, output_bytes: u64, took: Duration) {
        let is_quick = took < QUICK && output_bytes > self.output_bytes;
        let twice = (2 * self.piece_bytes).min(OUTPUT_BYTES_MAX);
        self.piece_bytes = if is_quick { twice } else { PIECE_BYTES };
        self.output_bytes = output_bytes;
    }

    /// Nothing that still holds: on a new connection the dispatcher first wants to know what we hold.
    pub fn forget(&mut self, now: Instant) {
        self.beat_due = now;
    }

    /// When the next beat is due.
    fn next_beat(&self, contents: &Contents) -> Instant {
        // A report tells more than any progress.
        let has_news = contents.report.is_none() && contents.progress != self.progress;
        if has_news { self.beat_due.min(self.news_due) } else { self.beat_due }
    }
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
pub fn next(now: Instant, said: &Said, contents: &Contents) -> Next {
    let unsent = contents.output_bytes.saturating_sub(said.output_bytes);
    let beat_due = said.next_beat(contents);
    if now >= beat_due {
        Next::Beat
    } else if unsent > 0 {
        Next::Output(usize::try_from(unsent).unwrap_or(usize::MAX).min(said.piece_bytes))
    } else if contents.report.is_some() {
        Next::Report
    } else {
        Next::WaitUntil(beat_due)
    }
}

#[cfg(test)]
mod tests {
    use pontus_proto::{Counts, Report};

    use super::*;
    use crate::summary;

    const LEASE: Duration = Duration::from_secs(10);

    fn contents(output_bytes: u64, report: Option<Report>) -> Contents {
        Contents { output_bytes, progress: None, report }
    }

    fn said(now: Instant, output_bytes: u64) -> Said {
        Said { output_bytes, ..Said::nothing(now, LEASE) }
    }

    #[test]
    fn a_long_lease_does_not_make_us_silent() {
        assert_eq!(beat_interval(Duration::from_secs(10)), Duration::from_millis(2_500));
        assert_eq!(beat_interval(Duration::from_secs(3600)), Duration::from_secs(15));
    }

    #[test]
    fn beats_then_output_then_the_report() {
        let now = Instant::now();
        let later = now + beat_interval(LEASE);
        let report = summary::of_error("no tests", Duration::ZERO);
        let all = contents(10, Some(report.clone()));
        assert_eq!(next(later, &said(now, 0), &all), Next::Beat);
        assert_eq!(next(now, &said(now, 4), &all), Next::Output(6));
        assert_eq!(next(now, &said(now, 10), &all), Next::Report);
        assert_eq!(next(now, &said(now, 10), &contents(10, None)), Next::WaitUntil(later));
        let flood = contents(u64::MAX, None);
        assert_eq!(next(now, &said(now, 0), &flood), Next::Output(PIECE_BYTES));
        let mut anew = said(now, 0);
        anew.forget(now);
        assert_eq!(next(now, &anew, &all), Next::Beat);
    }

    #[test]
    fn pieces_grow_while_they_are_taken_quickly() {
        let now = Instant::now();
        let flood = contents(u64::MAX, None);
        let mut said = said(now, 0);
        let mut sizes = Vec::new();
        for (sent, took) in
            [QUICK / 2, QUICK / 2, QUICK / 2, QUICK, QUICK / 2].into_iter().enumerate()
        {
            said.kept(sent as u64 + 1, took);
            let Next::Output(bytes) = next(now, &said, &flood) else { panic!("output is next") };
            sizes.push(bytes / PIECE_BYTES);
        }
        assert_eq!(sizes, [2, 4, 4, 1, 2]);
    }

    #[test]
    fn news_of_the_progress_waits_for_its_interval_and_no_longer() {
        let now = Instant::now();
        let (soon, later) = (now + NEWS_INTERVAL, now + beat_interval(LEASE));
        let progress = Progress { unit: None, units_done: 1, units: 2, counts: Counts::default() };
        let mut said = Said::nothing(now, LEASE);
        let news = Contents { progress: Some(progress.clone()), ..contents(0, None) };
        assert_eq!(next(now, &said, &contents(0, None)), Next::WaitUntil(later));
        assert_eq!(next(now, &said, &news), Next::WaitUntil(soon));
        assert_eq!(next(soon, &said, &news), Next::Beat);
        let report = summary::of_error("no tests", Duration::ZERO);
        let over = Contents { report: Some(report), ..news.clone() };
        assert_eq!(next(soon, &said, &over), Next::Report);
        // Once it has been said it is no news.
        said.beat(soon, LEASE, Some(progress));
        assert_eq!(next(soon, &said, &news), Next::WaitUntil(soon + beat_interval(LEASE)));
    }
}
