//! `resume`: commits are handed out again.

use anyhow::Result;
use pontus_proto::Request;

use super::ask::Dispatcher;
use super::screen::Screen;
use crate::exit::Ended;
use pontus_cli::Server;

/// Hand out commits again after pause
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    server: Server,
}

/// Has it done and says so.
///
/// # Errors
/// Whatever keeps us from that.
pub fn run(args: &Args) -> Result<Ended> {
    Dispatcher::dial(&args.server)?.have_done(&Request::Resume {})?;
    Screen::new().put("resumed\n")?;
    Ok(Ended::Done)
}
