//! What was typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use pontus_cli::{Document, Server};
use pontus_proto::limits::VERSION;
use pontus_proto::{ProjectName, parse_duration};

use crate::pattern::Pattern;

/// Watches clones: fetches what their origin has, never merges, and hands each branch's newest commit to the dispatcher.
#[derive(Debug, Parser)]
#[command(name = "observer", version = VERSION, override_usage = "observer [OPTIONS] <REPO>...")]
pub struct Args {
    /// The clones to watch, a project each
    #[arg(value_name = "REPO", required_unless_present = "generate")]
    pub repos: Vec<PathBuf>,

    /// Where the dispatcher is.
    #[command(flatten)]
    pub server: Server,

    /// How often to look. SIGUSR1 makes it look at once
    #[arg(long, env = "PONTUS_INTERVAL", default_value = "5s", value_parser = parse_duration)]
    pub interval: Duration,

    /// The branches to watch: * stands for any characters, / among them; repeatable. In PONTUS_BRANCH, several are parted by
    /// spaces [default: the clone's current branch, or origin's where origin has no such branch]
    #[arg(
        long,
        env = "PONTUS_BRANCH",
        value_name = "PATTERN",
        value_delimiter = ' ',
        allow_hyphen_values = true
    )]
    pub branch: Vec<Pattern>,

    /// Hand in all commits that came since the last look, oldest first, along first parents; otherwise the newest
    #[arg(long, env = "PONTUS_EVERY_COMMIT", value_parser = clap::builder::BoolishValueParser::new())]
    pub every_commit: bool,

    /// The name that the repository's observers and runners share [default: that of the clone's origin]
    #[arg(long, env = "PONTUS_PROJECT", value_name = "NAME")]
    pub project: Option<ProjectName>,

    /// Look once, then exit
    #[arg(long)]
    pub once: bool,

    /// Print the completions of a shell, or the manual, and exit
    #[arg(long, value_name = "WHAT")]
    pub generate: Option<Document>,
}
