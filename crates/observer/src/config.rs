//! What is needed, made of what was typed and of what the clone says of itself.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use pontus_exec::{Git, Stop};
use pontus_proto::{BranchName, ProjectName};

use crate::args::Args;

/// How the observer is to run.
#[derive(Debug)]
pub struct Config {
    /// The clone.
    pub git: Git,
    /// Ends the git command that is running, for whoever cannot wait.
    pub stop: Stop,
    /// `HOST:PORT`.
    pub dispatcher: String,
    /// From the start of one look to the start of the next.
    pub interval: Duration,
    /// What to watch.
    pub branches: Vec<BranchName>,
    /// Whether each commit is handed in, or the newest.
    pub every_commit: bool,
    /// Whose commits they are.
    pub project: ProjectName,
    /// Whether to look once only.
    pub once: bool,
}

impl TryFrom<Args> for Config {
    type Error = anyhow::Error;

    fn try_from(args: Args) -> Result<Config> {
        let stop = Stop::new().context("cannot make a pipe")?;
        let git = Git::in_clone(&args.repo).with_stop(stop.clone());
        git.git_dir().with_context(|| format!("cannot watch {}", args.repo.display()))?;
        let project = match args.project {
            Some(project) => project,
            None => {
                git.origin_name()?.parse().context("cannot tell the project; give --project")?
            }
        };
        Ok(Config {
            branches: if args.branch.is_empty() { vec![current(&git)?] } else { args.branch },
            git,
            stop,
            dispatcher: args.dispatcher_server,
            interval: args.interval,
            every_commit: args.every_commit,
            project,
            once: args.once,
        })
    }
}

fn current(git: &Git) -> Result<BranchName> {
    let Some(branch) = git.current_branch()? else {
        bail!("cannot tell which branch to watch: the clone is on none; give --branch");
    };
    branch.parse().context("cannot watch the clone's current branch")
}
