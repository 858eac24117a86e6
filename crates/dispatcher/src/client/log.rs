//! `log`: what the tests of a commit print.

use anyhow::Result;
use pontus_proto::limits::POLL_MS_MAX;
use pontus_proto::{Attempt, ClientError, CommitId, Reply, Request, Shown, State};

use super::ask::Dispatcher;
use super::escape::Escape;
use super::screen::Screen;
use super::which::Which;
use crate::exit::{Ended, say};

/// How long to wait for a verdict, or else for another attempt, when one has ended: the two come at once, mostly.
const NEXT_ATTEMPT_MS: u64 = 500;

/// The output of a commit's tests
///
/// Of the attempt that decided it, or else of the newest. It comes as it was printed, except on a terminal: there colours are left
/// out, and other control characters escaped. Answers 0 whatever the verdict.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Go on while it runs, into the next attempt where one is lost, until the commit has its verdict
    #[arg(short, long)]
    follow: bool,

    #[command(flatten)]
    which: Which,
}

/// Asks and says it.
///
/// # Errors
/// Whatever keeps us from asking or saying.
pub fn run(args: &Args) -> Result<Ended> {
    let mut printer = Printer { screen: Screen::new(), escape: Escape::default() };
    if args.follow {
        let (mut dispatcher, commit) = args.which.find_patiently(None, say)?;
        follow(&mut dispatcher, commit, &mut printer)?;
    } else {
        let (mut dispatcher, commit) = args.which.find()?;
        print_now(&mut dispatcher, commit, &mut printer)?;
    }
    Ok(Ended::Done)
}

/// Prints what there is now.
fn print_now(dispatcher: &mut Dispatcher, commit: CommitId, printer: &mut Printer) -> Result<()> {
    let shown = dispatcher.show(commit)?;
    let attempt = newest(&shown);
    let is_any = attempt.0 > 0 && print(dispatcher, commit, attempt, 0, printer)? > 0;
    if !is_any {
        say(&why_nothing(&shown));
    }
    Ok(())
}

/// Why there is no output to be printed.
fn why_nothing(shown: &Shown) -> String {
    let commit = shown.submission.commit;
    let attempt = newest(shown);
    match (&shown.decided, shown.state) {
        (Some(decided), _) if attempt.0 == 0 => {
            format!("{commit} has no output: it was never run, and is {}", decided.verdict.word())
        }
        (Some(_), _) => format!("no output of {commit} is kept"),
        (None, State::Queued) if attempt.0 > 0 => {
            format!(
                "{commit} is queued again: attempt {attempt} is over and its output is not kept"
            )
        }
        (None, _) => format!("no output of {commit} is there yet"),
    }
}

/// The attempt that decided it, or else the newest; 0 where there is none yet.
fn newest(shown: &Shown) -> Attempt {
    let last = shown.attempts.last().map_or(Attempt(0), |last| last.attempt);
    shown.decided.as_ref().map_or(last, |decided| decided.attempt)
}

/// Prints one attempt after the other, until the commit has its verdict.
fn follow(dispatcher: &mut Dispatcher, commit: CommitId, printer: &mut Printer) -> Result<()> {
    let mut printed = Attempt(0);
    loop {
        // Whether it is done is asked before its output is: so nothing can come after what is printed then.
        let shown = dispatcher.show(commit)?;
        let attempt = newest(&shown);
        if attempt > printed {
            if printed.0 > 0 {
                say(&format!("attempt {printed} is over; this is attempt {attempt}"));
            }
            print(dispatcher, commit, attempt, POLL_MS_MAX, printer)?;
            printed = attempt;
        } else if shown.state == State::Done {
            return Ok(());
        } else {
            dispatcher.ask(&news(commit, printed))?;
        }
    }
}

/// What is answered when there may be more to print: some output where there was none yet, or a verdict.
fn news(commit: CommitId, printed: Attempt) -> Request {
    if printed.0 == 0 {
        return Request::Log { commit, attempt: None, offset: 0, wait_ms: POLL_MS_MAX };
    }
    Request::Wait { commit, wait_ms: NEXT_ATTEMPT_MS }
}

/// Prints an attempt's output: to its end, or where there is no waiting, what there is now. Returns how many bytes that were.
fn print(
    dispatcher: &mut Dispatcher,
    commit: CommitId,
    attempt: Attempt,
    wait_ms: u64,
    printer: &mut Printer,
) -> Result<u64> {
    let mut offset = 0;
    loop {
        let request = Request::Log { commit, attempt: Some(attempt), offset, wait_ms };
        let Reply::Logged { data, ended, .. } = dispatcher.ask(&request)? else {
            return Err(ClientError::Unfitting.into());
        };
        let is_all = ended || (wait_ms == 0 && data.0.is_empty());
        offset += data.0.len() as u64;
        printer.print(&data.0, is_all)?;
        if is_all {
            return Ok(offset);
        }
    }
}

/// Standard output, and what is still to be shown on it.
struct Printer {
    screen: Screen,
    escape: Escape,
}

impl Printer {
    fn print(&mut self, bytes: &[u8], is_all: bool) -> Result<()> {
        if !self.screen.is_terminal {
            return self.screen.put(bytes);
        }
        let mut text = self.escape.push(bytes);
        if is_all {
            text.push_str(&self.escape.finish());
        }
        self.screen.put(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::shown;

    #[test]
    fn what_is_said_where_there_is_no_output() {
        let mut shown = shown();
        let commit = shown.submission.commit;
        assert_eq!(why_nothing(&shown), format!("no output of {commit} is kept"));
        let decided = shown.decided.take();
        shown.state = State::Queued;
        let said =
            format!("{commit} is queued again: attempt 2 is over and its output is not kept");
        assert_eq!(why_nothing(&shown), said);
        shown.state = State::Running;
        assert_eq!(why_nothing(&shown), format!("no output of {commit} is there yet"));
        shown.attempts.clear();
        shown.state = State::Queued;
        assert_eq!(why_nothing(&shown), format!("no output of {commit} is there yet"));
        shown.state = State::Done;
        shown.decided = decided.map(|decided| pontus_proto::Decided {
            attempt: Attempt(0),
            verdict: pontus_proto::Verdict::Cancelled,
            ..decided
        });
        let said = format!("{commit} has no output: it was never run, and is cancelled");
        assert_eq!(why_nothing(&shown), said);
    }
}
