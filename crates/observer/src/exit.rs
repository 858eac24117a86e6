//! How the process ends: exit codes, and the one line on standard error.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use pontus_proto::ClientError;

/// Exit code for an error that is none of those below.
const ERROR: u8 = 3;
/// Exit code for a dispatcher that is not there, or says no.
const DISPATCHER: u8 = 5;

/// The exit code of `result`, with its error said on standard error in one line.
pub fn code(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let line = format!("{error:#}").replace('\n', " ");
    // Where standard error cannot be written, the exit code still tells.
    writeln!(io::stderr(), "observer: {line}").ok();
    ExitCode::from(if error.is::<ClientError>() { DISPATCHER } else { ERROR })
}
