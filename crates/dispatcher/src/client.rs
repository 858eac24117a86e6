//! The dispatcher's subcommands: each asks a dispatcher that serves, over the same protocol as everyone, and says the answer.
//!
//! What they share: [`ask`] is the connection, [`which`] the commit that the user means, [`screen`] standard output;
//! [`json`], [`text`], [`table`] and [`report`] are what is said, pure.

mod ask;
mod cancel;
mod drain;
mod escape;
mod json;
mod log;
mod pause;
mod progress;
mod report;
mod resume;
mod retry;
mod runners;
mod screen;
mod show;
mod status;
mod submit;
mod table;
#[cfg(test)]
mod testing;
mod text;
mod wait;
mod which;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;

/// What a dispatcher can be asked. What each is for stands at its own arguments.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Command {
    Status(status::Args),
    Runners(runners::Args),
    Show(show::Args),
    Log(log::Args),
    Wait(wait::Args),
    Submit(submit::Args),
    Retry(retry::Args),
    Cancel(cancel::Args),
    Drain(drain::Args),
    Pause(pause::Args),
    Resume(resume::Args),
}

/// Asks, and says the answer on standard output.
///
/// # Errors
/// What the exit codes tell apart.
pub fn run(command: Command) -> Result<Ended> {
    match command {
        Command::Status(args) => status::run(&args),
        Command::Runners(args) => runners::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Log(args) => log::run(&args),
        Command::Wait(args) => wait::run(&args),
        Command::Submit(args) => submit::run(&args),
        Command::Retry(args) => retry::run(&args),
        Command::Cancel(args) => cancel::run(&args),
        Command::Drain(args) => drain::run(&args),
        Command::Pause(args) => pause::run(&args),
        Command::Resume(args) => resume::run(&args),
    }
}
