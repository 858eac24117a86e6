//! What somebody sees who waits at a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use pontus_proto::{Counts, Shown, State, escaped};

use super::text;
use crate::clock;
use crate::exit::say;

/// A line on standard error that changes, where that is a terminal; nothing elsewhere.
#[derive(Debug)]
pub struct Progress {
    line: ProgressBar,
}

impl Progress {
    /// An empty one.
    pub fn new() -> Progress {
        Progress { line: ProgressBar::new_spinner() }
    }

    /// Whether anybody sees it.
    pub fn is_seen(&self) -> bool {
        !self.line.is_hidden()
    }

    /// Shows how things are now.
    pub fn show(&self, shown: &Shown, progress: Option<&pontus_proto::Progress>) {
        let template = match progress {
            Some(progress) => {
                self.line.set_length(progress.units.into());
                self.line.set_position(progress.units_done.into());
                "{spinner} [{bar:10}] {pos}/{len} {wide_msg}"
            }
            None => "{spinner} {wide_msg}",
        };
        let style = ProgressStyle::with_template(template)
            .expect("both templates are right")
            .progress_chars("=> ");
        self.line.set_style(style);
        self.line.set_message(words(shown, progress, clock::wall_ms()));
        self.line.tick();
    }

    /// Tells the user something else, above the line.
    pub fn teller(&self) -> impl FnOnce(&str) + 'static {
        let line = self.line.clone();
        move |news| line.suspend(|| say(news))
    }

    /// Leaves nothing behind.
    pub fn clear(&self) {
        self.line.finish_and_clear();
    }
}

/// For how long it runs, and how long it usually takes; what was counted; what runs. What comes last may not fit.
fn words(shown: &Shown, progress: Option<&pontus_proto::Progress>, now_ms: i64) -> String {
    let attempt = shown.attempts.last().filter(|_| shown.state == State::Running);
    let Some(attempt) = attempt else {
        let waited = brief(now_ms.saturating_sub(shown.submitted_ms));
        return format!("{}, {waited}", text::queued(shown.waits_for));
    };
    let mut words = brief(now_ms.saturating_sub(attempt.started_ms));
    if let Some(usual_ms) = shown.usual_ms {
        words.push_str(&format!(" of usually {}", brief(usual_ms.try_into().unwrap_or(i64::MAX))));
    }
    if let Some(progress) = progress {
        let Counts { passed, failed, skipped } = progress.counts;
        words.push_str(&format!(", {passed} passed, {failed} failed, {skipped} skipped"));
        if let Some(unit) = &progress.unit {
            words.push_str(&format!(", {}", escaped(unit.as_str())));
        }
    }
    words.push_str(&format!(" on {}", escaped(attempt.runner.as_str())));
    words
}

/// A length of time for somebody who waits: `3s`, `2m 05s`, `1h 02m`. The dispatcher's clock may be ahead of ours.
fn brief(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h {minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use pontus_proto::WaitsFor;

    use super::*;
    use crate::client::testing::{attempt, shown};

    #[test]
    fn what_is_said_while_it_runs() {
        let mut shown = shown();
        shown.decided = None;
        shown.usual_ms = Some(125_000);
        let now = shown.submitted_ms + 9_400;
        shown.state = State::Queued;
        shown.waits_for = Some(WaitsFor::Runner);
        shown.attempts.clear();
        assert_eq!(words(&shown, None, now), "queued: no runner for its project, 9s");
        shown.state = State::Running;
        shown.attempts.push(attempt(1, "oak/1", shown.submitted_ms + 1_000, None));
        assert_eq!(words(&shown, None, now), "8s of usually 2m 05s on oak/1");
        let mut progress = pontus_proto::Progress {
            unit: Some("tests/test_pass.py".parse().unwrap()),
            units_done: 1,
            units: 3,
            counts: Counts { passed: 4, failed: 1, skipped: 0 },
        };
        let said =
            "8s of usually 2m 05s, 4 passed, 1 failed, 0 skipped, tests/test_pass.py on oak/1";
        assert_eq!(words(&shown, Some(&progress), now), said);
        progress.unit = None;
        shown.usual_ms = None;
        let said = "0s, 4 passed, 1 failed, 0 skipped on oak/1";
        assert_eq!(words(&shown, Some(&progress), 0), said, "with a clock that is behind");
    }

    #[test]
    fn lengths_of_time() {
        let brief = [0, 59_999, 60_000, 3_599_000, 3_600_000, 90_061_000].map(brief);
        assert_eq!(brief, ["0s", "59s", "1m 00s", "59m 59s", "1h 00m", "25h 01m"]);
    }
}
