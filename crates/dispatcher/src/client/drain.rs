//! `drain`: a runner finishes and leaves.

use anyhow::{Context, Result};
use pontus_proto::{Request, RunnerName};

use super::ask::Dispatcher;
use super::screen::Screen;
use crate::exit::Ended;
use pontus_cli::Server;

/// Have a runner finish its commit and leave
///
/// A runner that is not there is an error (3).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its name as runners lists it, such as oak/1
    #[arg(value_name = "RUNNER")]
    runner: RunnerName,

    #[command(flatten)]
    server: Server,
}

/// Has it done and says so.
///
/// # Errors
/// Whatever keeps us from that.
pub fn run(args: &Args) -> Result<Ended> {
    let runner = &args.runner;
    Dispatcher::dial(&args.server)?
        .have_done(&Request::Drain { runner: runner.clone() })
        .with_context(|| format!("cannot drain {runner}"))?;
    Screen::new().put(format!("{runner}: leaves after its commit\n"))?;
    Ok(Ended::Done)
}
