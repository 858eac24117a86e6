//! `pause`: no commit is handed out.

use anyhow::Result;
use pontus_proto::Request;

use super::ask::Dispatcher;
use super::screen::Screen;
use crate::exit::Ended;
use pontus_cli::Server;

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
    Dispatcher::dial(&args.server)?.have_done(&Request::Pause {})?;
    Screen::new().put("paused: nothing is handed out until resume\n")?;
    Ok(Ended::Done)
}
