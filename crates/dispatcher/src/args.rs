//! What was typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use pontus_cli::{Document, Trust};
use pontus_proto::limits::VERSION;
use pontus_proto::parse_duration;

use crate::client::Command;

/// What `--help` says last.
const EXIT_CODES: &str = "\
Exit codes: 0 done, or passed; 1 failed or timed_out; 2 usage; 3 error or cancelled; 4 no such commit; 5 dispatcher \
unreachable or refused us; 70 a bug; 74 the disk failed us; 124 wait ran out of time. Only wait answers with the verdict's.";

/// Keeps the queue of commits and their verdicts: observers hand commits in, runners test them, and each ends as a file
/// in the results folder. Without a subcommand it serves; subcommands ask one that does
#[derive(Debug, Parser)]
#[command(name = "dispatcher", version = VERSION, after_help = EXIT_CODES)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// What to ask a dispatcher that serves.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// How to serve.
    #[command(flatten)]
    pub serve: ServeArgs,

    /// Print the completions of a shell, or the manual, and exit
    #[arg(long, value_name = "WHAT")]
    pub generate: Option<Document>,
}

/// How to serve.
#[derive(Debug, Parser)]
pub struct ServeArgs {
    /// The address to listen on. What a connection carries is not encrypted: beyond loopback, use ssh -L or WireGuard
    #[arg(long, env = "PONTUS_HOST", default_value = "localhost")]
    pub host: String,

    /// The port to listen on; 0 takes any free one
    #[arg(long, env = "PONTUS_PORT", default_value_t = 8888)]
    pub port: u16,

    /// How peers prove who they are.
    #[command(flatten)]
    pub trust: Trust,

    /// Where the results go; the database and unfinished output live in its hidden folder .pontus
    #[arg(long, env = "PONTUS_RESULTS_DIR", default_value = "test_results")]
    pub results_dir: PathBuf,

    /// Silence after which a runner has lost its commit
    #[arg(long, env = "PONTUS_LEASE", default_value = "10s", value_parser = parse_duration)]
    pub lease: Duration,

    /// The same, once the runner's connection has ended
    #[arg(long, env = "PONTUS_RECONNECT_GRACE", default_value = "2s", value_parser = parse_duration)]
    pub reconnect_grace: Duration,

    /// Give a commit up after so many lost runners; a red test is never tried again by itself
    #[arg(long, env = "PONTUS_MAX_ATTEMPTS", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub max_attempts: u32,

    /// How long one attempt may take as a whole
    #[arg(long, env = "PONTUS_COMMIT_TIMEOUT", default_value = "1h", value_parser = parse_duration)]
    pub commit_timeout: Duration,

    /// Whether a queued commit gives way to a newer one of its branch; it is remembered as skipped then
    #[arg(long, env = "PONTUS_QUEUE", value_enum, value_name = "ORDER", default_value_t = Queue::All)]
    pub queue: Queue,

    /// How many result files are kept, the newest; verdicts stay in the database [default: all]
    #[arg(long, env = "PONTUS_KEEP", value_name = "N")]
    pub keep: Option<usize>,

    /// How long result files are kept; verdicts stay in the database [default: for ever]
    #[arg(long, env = "PONTUS_KEEP_FOR", value_name = "DURATION", value_parser = parse_duration)]
    pub keep_for: Option<Duration>,

    /// How many commits may wait for a verdict; one more is refused, and its observer tries again later
    #[arg(long, env = "PONTUS_MAX_UNDECIDED", value_name = "N", default_value_t = 200_000,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_undecided: u32,

    /// How many connections there may be; one more is told so and closed
    #[arg(long, env = "PONTUS_MAX_CONNECTIONS", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_connections: u32,
}

/// Which queued commits are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Queue {
    /// All of them
    All,
    /// The newest of each branch
    Newest,
}
