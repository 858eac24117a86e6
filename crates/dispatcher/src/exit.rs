//! How the process ends: exit codes, and the one line on standard error.

use std::panic;
use std::process::{self, ExitCode};

use anyhow::Result;

/// Exit code for an error that is none of those below.
const ERROR: u8 = 3;
/// Exit code for a bug of ours.
const BUG: i32 = 70;
/// Exit code for a disk that failed us.
const DISK: u8 = 74;

/// The disk did not do what it has to. Marks an error that ends the process with its own exit code.
#[derive(Debug)]
pub struct DiskFailed;

impl std::fmt::Display for DiskFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cannot rely on the disk: make room or repair it, then start again; nothing that was acknowledged is lost")
    }
}

impl std::error::Error for DiskFailed {}

/// The exit code of `result`, with its error said on standard error in one line.
pub fn code(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("dispatcher: {}", format!("{error:#}").replace('\n', " "));
    ExitCode::from(if error.is::<DiskFailed>() { DISK } else { ERROR })
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
