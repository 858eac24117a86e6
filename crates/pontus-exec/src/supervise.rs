//! Supervision: nothing that a child starts outlives it, wherever it goes, nor outlives us, however we die.
//!
//! A process group is left with one call of `setsid`, so the group is not enough. Between us and the child stands a
//! *supervisor*: our own program once more, started with a hidden argument. It is a child-subreaper, so whoever loses
//! his parent becomes its child and no descendant can get out from under it; it is in a session of its own, so Ctrl-C
//! does not reach it; and it does next to nothing, on one thread. Two streams join the two:
//!
//! * its standard input carries jobs, each with the pipe that it prints to, and the word that a job is to end. Its end means that we
//!   have died: all is killed at once;
//! * its standard error carries what it has to tell: `wire` is the language.
//!
//! We decide when to end; the supervisor ends, and is done with a job when it has no child left. It may be started before there is a
//! job. It may have another if the last one ended by itself; each has a pipe of its own, so whoever still holds the last one's has
//! nothing to say in the next.

mod dispositions;
mod processes;
mod spare;
mod supervisor;
mod watch;
mod wire;

use std::process::ExitCode;

pub use spare::Spare;
pub use watch::{run_supervised, run_under};

/// Supervises, if that is what this process was started for, and returns what it is to exit with; otherwise nothing.
///
/// A program that calls [`run_supervised`] calls this first thing in its `main`: before it reads its arguments, and
/// before it has a second thread.
pub fn supervise_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let is_asked = args.next()? == wire::FLAG && args.next().is_none();
    is_asked.then(supervisor::supervise)
}
