//! How a program ends: the table of exit codes, and one line on standard error.

use std::io::{self, Write};
use std::panic;
use std::process::{self, ExitCode};
use std::thread;

use anyhow::Result;
use pontus_proto::{ClientError, escaped};

/// Tests said no.
pub const FAILED: u8 = 1;
/// What was typed cannot be meant.
pub const USAGE: u8 = 2;
/// An error that is none of the others, and a commit of which nobody could say.
pub const ERROR: u8 = 3;
/// The commit is not there.
pub const NO_SUCH_COMMIT: u8 = 4;
/// The dispatcher is not there, or says no.
pub const DISPATCHER: u8 = 5;
/// A bug of ours.
pub const BUG: u8 = 70;
/// The disk failed us.
pub const DISK: u8 = 74;
/// A verdict did not come in time, as of `timeout(1)`.
pub const OUT_OF_TIME: u8 = 124;

/// What was typed cannot be meant. Marks an error that ends the process with [`USAGE`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// The exit code of `result`, with its error said as `program`'s.
pub fn code(program: &str, result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    say(program, &format!("{error:#}"));
    ExitCode::from(code_of_error(&error))
}

/// The exit code of an error that any of the programs may end with.
pub fn code_of_error(error: &anyhow::Error) -> u8 {
    match () {
        () if error.is::<Usage>() => USAGE,
        () if error.is::<ClientError>() => DISPATCHER,
        () => ERROR,
    }
}

/// Says one line on standard error.
pub fn say(program: &str, line: &str) {
    // Where standard error cannot be written, the exit code still tells.
    writeln!(io::stderr(), "{program}: {}", escaped(&line.replace('\n', " "))).ok();
}

/// Ends the process at a panic in any thread, except those that are `alone` by their names: a program that is half alive would
/// look as if it did its work.
pub fn on_bugs(alone: fn(&str) -> bool) {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        print(info);
        if !thread::current().name().is_some_and(alone) {
            process::exit(BUG.into());
        }
    }));
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn each_error_has_its_code() {
        assert_eq!(code_of_error(&Usage(String::new()).into()), USAGE);
        assert_eq!(code_of_error(&ClientError::Unfitting.into()), DISPATCHER);
        assert_eq!(code_of_error(&anyhow!("it broke")), ERROR);
    }
}
