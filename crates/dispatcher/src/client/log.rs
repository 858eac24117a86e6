//! `log`: what the tests of a commit print.

use anyhow::Result;
use pontus_proto::limits::POLL_MS_MAX;
use pontus_proto::{Attempt, ClientError, CommitId, Reply, Request, State};

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
    let Newest { attempt, is_done } = newest(dispatcher, commit)?;
    let is_any = attempt.0 > 0 && print(dispatcher, commit, attempt, 0, printer)? > 0;
    if !is_any {
        let kept = if is_done { "kept" } else { "there yet" };
        say(&format!("no output of {commit} is {kept}"));
    }
    Ok(())
}

/// The newest attempt, 0 where there is none yet, and whether the commit has its verdict.
struct Newest {
    attempt: Attempt,
    is_done: bool,
}

fn newest(dispatcher: &mut Dispatcher, commit: CommitId) -> Result<Newest> {
    let shown = dispatcher.show(commit)?;
    let last = shown.attempts.last().map_or(Attempt(0), |last| last.attempt);
    let attempt = shown.decided.as_ref().map_or(last, |decided| decided.attempt);
    Ok(Newest { attempt, is_done: shown.state == State::Done })
}

/// Prints one attempt after the other, until the commit has its verdict.
fn follow(dispatcher: &mut Dispatcher, commit: CommitId, printer: &mut Printer) -> Result<()> {
    let mut printed = Attempt(0);
    loop {
        // Whether it is done is asked before its output is: so nothing can come after what is printed then.
        let Newest { attempt, is_done } = newest(dispatcher, commit)?;
        if attempt > printed {
            if printed.0 > 0 {
                say(&format!(
                    "attempt {printed} has ended without a verdict; this is attempt {attempt}"
                ));
            }
            print(dispatcher, commit, attempt, POLL_MS_MAX, printer)?;
            printed = attempt;
        } else if is_done {
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
