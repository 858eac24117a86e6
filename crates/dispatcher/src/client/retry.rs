//! `retry`: a new attempt, at the user's word.

use anyhow::{Context, Result};
use pontus_proto::Request;

use super::screen::Screen;
use super::which::Which;
use crate::exit::Ended;

/// Test a commit once more that has its verdict
///
/// The old verdict stays in the history. For a commit without one that is an error (3): it is going to be tested anyway.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
}

/// Has it done and says so.
///
/// # Errors
/// Whatever keeps us from that; a commit without a verdict.
pub fn run(args: &Args) -> Result<Ended> {
    let (mut dispatcher, commit) = args.which.find()?;
    dispatcher
        .have_done(&Request::Retry { commit })
        .with_context(|| format!("cannot try {commit} again"))?;
    Screen::new().put(format!("{commit}: queued again\n"))?;
    Ok(Ended::Done)
}
