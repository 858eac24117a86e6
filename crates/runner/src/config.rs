//! What is needed, made of what was typed and of what each clone says of itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use pontus_cli::Door;
use pontus_cli::exit::Usage;
use pontus_exec::Git;
use pontus_proto::limits::LABELS_MAX;
use pontus_proto::{HostName, Label, ProjectName};

use crate::args::Args;

/// How the runner is to run.
#[derive(Debug)]
pub struct Config {
    /// Whom to dial.
    pub dispatcher: Door,
    /// What this process is called.
    pub name: HostName,
    /// What it has that commits may ask for, each once, in order.
    pub labels: Vec<Label>,
    /// How many commits of each clone are tested at a time.
    pub slots: u32,
    /// The clones.
    pub clones: Vec<CloneConfig>,
    /// What holds for each attempt.
    pub limits: Limits,
    /// Leave after so many commits, of all slots together.
    pub commits_max: Option<u64>,
    /// Leave after so long without one.
    pub idle_max: Option<Duration>,
}

/// One clone to take commits from.
#[derive(Debug)]
pub struct CloneConfig {
    /// The clone.
    pub git: Git,
    /// Its git folder.
    pub git_dir: PathBuf,
    /// Whose commits can be found in it.
    pub project: ProjectName,
    /// Where its checkouts are.
    pub work_dir: PathBuf,
}

/// What one attempt may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time of one unit.
    pub unit_timeout: Duration,
    /// Bytes of output of one commit that are kept.
    pub output_bytes_max: u64,
}

impl TryFrom<Args> for Config {
    type Error = anyhow::Error;

    fn try_from(args: Args) -> Result<Config> {
        let several = args.repos.len() > 1;
        if several && (args.project.is_some() || args.work_dir.is_some()) {
            let why =
                "cannot give --project or --work-dir to several clones; start a runner for each";
            return Err(Usage(why.to_owned()).into());
        }
        let clones = args.repos.iter().map(|repo| clone(repo, &args)).collect::<Result<_>>()?;
        Ok(Config {
            name: match args.name {
                Some(name) => name,
                None => host_name()?,
            },
            labels: labels(args.label)?,
            dispatcher: args.server.try_into()?,
            slots: args.slots,
            clones,
            commits_max: args.max_commits,
            idle_max: args.idle_exit,
            limits: Limits { unit_timeout: args.unit_timeout, output_bytes_max: args.output_limit },
        })
    }
}

fn clone(repo: &Path, args: &Args) -> Result<CloneConfig> {
    let git = Git::in_clone(repo);
    let shown = repo.display();
    let git_dir = git.git_dir().with_context(|| format!("cannot use {shown}"))?;
    let project = match &args.project {
        Some(project) => project.clone(),
        None => git.origin_name()?.parse().context("cannot tell the project; give --project")?,
    };
    let work_dir = args.work_dir.clone().unwrap_or_else(|| git_dir.join("pontus"));
    Ok(CloneConfig { git, git_dir, project, work_dir })
}

/// A label says that something is there, so one that is given twice is there as before.
fn labels(given: Vec<Label>) -> Result<Vec<Label>> {
    let labels: BTreeSet<_> = given.into_iter().collect();
    if labels.len() > LABELS_MAX {
        let count = labels.len();
        return Err(Usage(format!("cannot have {count} labels: give at most {LABELS_MAX}")).into());
    }
    Ok(labels.into_iter().collect())
}

fn host_name() -> Result<HostName> {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy();
    name.parse().context("cannot take the host's name for the runner's; give --name")
}
