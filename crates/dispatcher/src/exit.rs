//! How the process ends: exit codes, and the one line on standard error.

use std::io::{self, Write};
use std::panic;
use std::process::{self, ExitCode};

use anyhow::Result;

/// Exit code for options that cannot be meant.
const USAGE: u8 = 2;
/// Exit code for an error that is none of the others.
const ERROR: u8 = 3;
/// Exit code for a bug of ours.
const BUG: i32 = 70;
/// Exit code for a disk that failed us.
const DISK: u8 = 74;

/// The disk did not do what it has to. Marks an error that ends the process with its own exit code.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot rely on the disk: make room or repair it, then start again; nothing that was acknowledged is lost"
)]
pub struct DiskFailed;

/// What was typed cannot be meant. Marks an error that ends the process with its own exit code.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// The exit code of `result`, with its error said on standard error in one line.
pub fn code(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let line = format!("{error:#}").replace('\n', " ");
    // Where standard error cannot be written, the exit code still tells.
    writeln!(io::stderr(), "dispatcher: {line}").ok();
    let code = match () {
        () if error.is::<Usage>() => USAGE,
        () if error.is::<DiskFailed>() || is_full(&error) => DISK,
        () => ERROR,
    };
    ExitCode::from(code)
}

/// Whether the disk has no room, which may change.
pub fn is_full(error: &anyhow::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let sql =
            cause.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
        matches!(io, Some(StorageFull | QuotaExceeded | ReadOnlyFilesystem))
            || sql == Some(rusqlite::ErrorCode::DiskFull)
    })
}

/// Ends the process at a panic in a thread that everybody depends on. A panic in a session ends that session alone.
pub fn on_bugs() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        print(info);
        if !std::thread::current().name().is_some_and(|name| name.starts_with("session")) {
            process::exit(BUG);
        }
    }));
}
