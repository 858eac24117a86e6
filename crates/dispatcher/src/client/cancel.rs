//! `cancel`: a commit is not tested after all.

use anyhow::Result;
use pontus_proto::{ClientError, Code, Request};

use super::screen::Screen;
use super::which::Which;
use crate::exit::Ended;

/// Give a commit the verdict cancelled, be it queued or running
///
/// One that has its verdict keeps it; that is said, and no error.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
}

/// Has it done and says so.
///
/// # Errors
/// Whatever keeps us from that.
pub fn run(args: &Args) -> Result<Ended> {
    let (mut dispatcher, commit) = args.which.find()?;
    let said = match dispatcher.have_done(&Request::Cancel { commit }) {
        Ok(()) => "cancelled",
        Err(error) if is_decided(&error) => "has its verdict already, nothing was cancelled",
        Err(error) => return Err(error),
    };
    Screen::new().put(format!("{commit}: {said}\n"))?;
    Ok(Ended::Done)
}

fn is_decided(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ClientError::Refused { code: Code::Decided, .. }))
}
