//! What is needed, made of what was typed.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use pontus_cli::Door;
use pontus_cli::exit::Usage;
use pontus_exec::{Git, Stop};
use pontus_proto::ProjectName;

use crate::args::Args;
use crate::pattern::Pattern;

/// How the observer is to run.
#[derive(Debug)]
pub struct Config {
    /// The clones.
    pub repos: Vec<Repo>,
    /// Ends the git commands that are running, for whoever cannot wait.
    pub stop: Stop,
    /// Whom to dial.
    pub dispatcher: Door,
    /// From the start of one look to the start of the next.
    pub interval: Duration,
    /// What to watch; nothing for each clone's current branch.
    pub branches: Vec<Pattern>,
    /// Whether each commit is handed in, or the newest.
    pub every_commit: bool,
    /// Whose commits they are; none for what each clone says of itself.
    pub project: Option<ProjectName>,
    /// Whether to look once only.
    pub once: bool,
}

/// One clone to watch. Whether it is one is found out by its own thread.
#[derive(Debug)]
pub struct Repo {
    /// Where it is.
    pub path: PathBuf,
    /// What its lines in the log begin with: nothing where it is the only one.
    pub name: String,
}

impl TryFrom<Args> for Config {
    type Error = anyhow::Error;

    fn try_from(args: Args) -> Result<Config> {
        let several = args.repos.len() > 1;
        if several && args.project.is_some() {
            let why = "cannot give --project to several clones; start an observer for each";
            return Err(Usage(why.to_owned()).into());
        }
        if several {
            check_distinct(&args.repos)?;
        }
        let name =
            |path: &PathBuf| if several { format!("{}: ", path.display()) } else { String::new() };
        Ok(Config {
            repos: args.repos.into_iter().map(|path| Repo { name: name(&path), path }).collect(),
            stop: Stop::new().context("cannot make a pipe")?,
            dispatcher: args.server.try_into()?,
            interval: args.interval,
            branches: args.branch,
            every_commit: args.every_commit,
            project: args.project,
            once: args.once,
        })
    }
}

/// Two threads on one clone would only do each other's work. A clone that cannot be read now is not compared.
fn check_distinct(paths: &[PathBuf]) -> Result<()> {
    let mut found: Vec<(PathBuf, &PathBuf)> = Vec::new();
    for path in paths {
        let Ok(git_dir) = Git::in_clone(path).git_dir() else { continue };
        if let Some((_, first)) = found.iter().find(|(known, _)| *known == git_dir) {
            let (path, first) = (path.display(), first.display());
            return Err(Usage(format!("cannot watch one clone twice: {first} and {path}")).into());
        }
        found.push((git_dir, path));
    }
    Ok(())
}
