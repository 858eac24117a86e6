//! What was typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use pontus_cli::{Document, Server};
use pontus_proto::limits::{ATTEMPT_BYTES_MAX, VERSION};
use pontus_proto::{HostName, Label, ProjectName, parse_duration, parse_size};

/// Tests commits: checks each out beside the clone, runs what git tracks in its tests/, and reports to the dispatcher. The
/// clone's own work tree and branches are never touched.
#[derive(Debug, Parser)]
#[command(name = "runner", version = VERSION, override_usage = "runner [OPTIONS] <REPO>...")]
pub struct Args {
    /// The clones to take commits from, a project each
    #[arg(value_name = "REPO", required_unless_present = "generate")]
    pub repos: Vec<PathBuf>,

    /// Where the dispatcher is.
    #[command(flatten)]
    pub server: Server,

    /// What this process is called; the dispatcher numbers its runners, NAME/1, NAME/2 [default: the host's name]
    #[arg(long, env = "PONTUS_NAME")]
    pub name: Option<HostName>,

    /// How many commits of each clone are tested at a time
    #[arg(long, env = "PONTUS_SLOTS", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub slots: u32,

    /// What commits may ask for that this machine has, as in gpu or os=linux; may be given several times
    #[arg(long, env = "PONTUS_LABEL", value_name = "KEY[=VALUE]", value_delimiter = ',', value_parser = label)]
    pub label: Vec<Label>,

    /// The name that the repository's observers and runners share [default: that of the clone's origin]
    #[arg(long, env = "PONTUS_PROJECT", value_name = "NAME")]
    pub project: Option<ProjectName>,

    /// Where checkouts are kept, warm between commits [default: pontus in the clone's .git]
    #[arg(long, env = "PONTUS_WORK_DIR", value_name = "DIR")]
    pub work_dir: Option<PathBuf>,

    /// How long one file of tests/ may take
    #[arg(long, env = "PONTUS_UNIT_TIMEOUT", default_value = "10m", value_parser = parse_duration)]
    pub unit_timeout: Duration,

    /// Leave when so many commits have been tested
    #[arg(long, env = "PONTUS_MAX_COMMITS", value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub max_commits: Option<u64>,

    /// Leave when there was nothing to test for so long
    #[arg(long, env = "PONTUS_IDLE_EXIT", value_name = "DURATION", value_parser = parse_duration)]
    pub idle_exit: Option<Duration>,

    /// How much output of a commit is kept, half of it from the beginning and half from the end
    #[arg(long, env = "PONTUS_OUTPUT_LIMIT", default_value = "16MiB", value_parser = output_limit)]
    pub output_limit: u64,

    /// Print the completions of a shell, or the manual, and exit
    #[arg(long, value_name = "WHAT")]
    pub generate: Option<Document>,
}

/// A label with something before its `=`. Spaces around it are those of a list.
fn label(text: &str) -> Result<Label, String> {
    let text = text.trim();
    if text.starts_with('=') {
        return Err("a label is written KEY or KEY=VALUE".to_owned());
    }
    text.parse().map_err(|error: pontus_proto::InvalidId| error.to_string())
}

/// A size that the dispatcher takes.
fn output_limit(text: &str) -> Result<u64, String> {
    let bytes = parse_size(text)?;
    if bytes <= ATTEMPT_BYTES_MAX { Ok(bytes) } else { Err("at most 1GiB can be kept".to_owned()) }
}
