//! `pause`: no commit is handed out.

use anyhow::Result;
use pontus_proto::Request;

use super::ask::Server;
use super::screen::Screen;
use crate::exit::Ended;

/// Hand out no commit until resume
///
/// Over restarts of the dispatcher too. What runs goes on.
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
    args.server.dial()?.have_done(&Request::Pause {})?;
    Screen::new().put("paused: nothing is handed out until resume\n")?;
    Ok(Ended::Done)
}
