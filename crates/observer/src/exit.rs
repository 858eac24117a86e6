//! How the process ends: exit codes, and the one line on standard error.

use std::io::{self, Write};
use std::panic;
use std::process::{self, ExitCode};

use anyhow::Result;
use pontus_proto::ClientError;

/// Exit code for options that contradict each other.
const USAGE: u8 = 2;
/// Exit code for an error that is none of the others.
const ERROR: u8 = 3;
/// Exit code for a dispatcher that is not there, or says no.
const DISPATCHER: u8 = 5;
/// Exit code for a bug of ours.
const BUG: i32 = 70;

/// What was typed cannot be meant. Marks an error that ends the process with its own exit code.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// The exit code of `result`, with its error said on standard error in one line.
pub fn code(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let line = format!("{error:#}").replace('\n', " ");
    // Where standard error cannot be written, the exit code still tells.
    writeln!(io::stderr(), "observer: {line}").ok();
    ExitCode::from(match () {
        () if error.is::<Usage>() => USAGE,
        () if error.is::<ClientError>() => DISPATCHER,
        () => ERROR,
    })
}

/// Ends the process at a panic in any thread: an observer of which one thread has gone would look as if it watched.
pub fn on_bugs() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        print(info);
        process::exit(BUG);
    }));
}
