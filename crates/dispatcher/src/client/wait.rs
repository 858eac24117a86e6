//! `wait`: returns when the verdict is there.

use std::time::{Duration, Instant};

use anyhow::Result;
use pontus_proto::limits::POLL_MS_MAX;
use pontus_proto::{ClientError, CommitId, Reply, Request, Shown, State, parse_duration};

use super::ask::Dispatcher;
use super::json;
use super::progress::Progress;
use super::screen::Screen;
use super::text;
use super::which::Which;
use crate::exit::{Ended, NobodyReads, OutOfTime};

/// How often the progress is looked at that somebody looks at.
const SEEN_POLL_MS: u64 = 500;

/// Wait for a commit's verdict, and exit as it says
///
/// Prints the last line of the commit's result and exits with 0 for passed, 1 for failed and timed_out, 3 for error and cancelled. On
/// a terminal the progress is shown meanwhile. A dispatcher that is lost is dialled again; one that was never there is not (5).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Give up after so long, and exit with 124 [default: never]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,

    /// Print what show --json prints
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    which: Which,
}

/// Waits and says it.
///
/// # Errors
/// Whatever keeps us from asking; [`OutOfTime`].
pub fn run(args: &Args) -> Result<Ended> {
    // A time that no clock reaches is as good as none.
    let deadline = args.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let progress = Progress::new();
    let (mut dispatcher, commit) = args.which.find_patiently(deadline, progress.teller())?;
    let shown = wait(&mut dispatcher, commit, deadline, &progress);
    progress.clear();
    let shown = shown?;
    let Some(decided) = &shown.decided else { return Err(ClientError::Unfitting.into()) };
    let mut screen = Screen::new();
    let said = match args.json {
        true => json::line(&json::Show::new(&shown, &dispatcher.units(&shown)?)),
        false => text::verdict_line(decided, screen.paint),
    };
    match screen.put(said) {
        // The exit code is the answer; the line is for whoever reads it.
        Err(error) if !error.is::<NobodyReads>() => Err(error),
        _ => Ok(Ended::With(decided.verdict)),
    }
}

/// Waits for the verdict and returns all that is known then.
fn wait(
    dispatcher: &mut Dispatcher,
    commit: CommitId,
    deadline: Option<Instant>,
    progress: &Progress,
) -> Result<Shown> {
    let poll_ms = if progress.is_seen() { SEEN_POLL_MS } else { POLL_MS_MAX };
    // The first answer comes at once, so that there is something to be seen.
    let mut wait_ms = 0;
    loop {
        let request = Request::Wait { commit, wait_ms };
        let Reply::Waited { state, progress: how_far, .. } = dispatcher.ask(&request)? else {
            return Err(ClientError::Unfitting.into());
        };
        if state == State::Done || progress.is_seen() {
            let shown = dispatcher.show(commit)?;
            // A retry may have come between.
            if shown.decided.is_some() {
                return Ok(shown);
            }
            progress.show(&shown, how_far.as_ref());
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(OutOfTime(format!("{commit} has no verdict yet: {}", state.word())).into());
        }
        wait_ms = left.map_or(poll_ms, |left| poll_ms.min(ms(left)));
    }
}

/// Rounded up: a wait of nothing would ask again at once.
fn ms(left: Duration) -> u64 {
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}
