//! How the process ends: exit codes, and the one line on standard error.

use std::panic;
use std::process::{self, ExitCode};

use anyhow::Result;

/// Exit code for an error that is none of those below.
const ERROR: u8 = 3;
/// Exit code for a bug of ours.
const BUG: i32 = 70;

/// The exit code of `result`, with its error said on standard error in one line.
pub fn code(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("runner: {}", format!("{error:#}").replace('\n', " "));
    ExitCode::from(ERROR)
}

/// Ends the process at a panic in any thread: a runner that is half alive would hold its commit for ever.
pub fn on_bugs() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        print(info);
        process::exit(BUG);
    }));
}
