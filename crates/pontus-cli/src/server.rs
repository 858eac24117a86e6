//! Where the dispatcher is, as all that dial it are told.

use pontus_proto::parse_address;

/// The options that say so.
#[derive(Debug, Clone, clap::Args)]
pub struct Server {
    /// Where the dispatcher listens
    #[arg(
        long,
        env = "PONTUS_DISPATCHER_SERVER",
        value_name = "HOST:PORT",
        default_value = "localhost:8888",
        value_parser = parse_address
    )]
    pub dispatcher_server: String,
}
