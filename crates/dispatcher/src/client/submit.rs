//! `submit`: hands a commit in by hand.

use std::path::PathBuf;

use anyhow::{Context, Result};
use pontus_cli::exit::Usage;
use pontus_exec::Git;
use pontus_proto::limits::LABELS_MAX;
use pontus_proto::{
    BranchName, ClientError, CommitId, Label, ProjectName, Reply, Request, Submission,
};

use super::ask::Dispatcher;
use super::json;
use super::screen::Screen;
use super::which::resolve;
use crate::exit::Ended;
use pontus_cli::Server;

/// Hand in a commit by hand
///
/// Says whether it is new. A commit that is known already stays as it is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The commit's whole id; with --repo whatever git knows it by, such as HEAD
    #[arg(value_name = "COMMIT")]
    commit: String,

    /// Look COMMIT up in this clone
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,

    /// Whose commit it is [default with --repo: the name of the clone's origin]
    #[arg(long, value_name = "NAME", required_unless_present = "repo")]
    project: Option<ProjectName>,

    /// The branch that it is of
    #[arg(long, value_name = "NAME")]
    branch: Option<BranchName>,

    /// What its runner has to have; repeatable
    #[arg(long, value_name = "KEY[=VALUE]")]
    label: Vec<Label>,

    /// Print {"commit", "new"}
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: Server,
}

/// Hands it in and says so.
///
/// # Errors
/// Whatever keeps us from that.
pub fn run(args: &Args) -> Result<Ended> {
    let request = Request::Submit(submission(args)?);
    let Reply::Accepted { commit, new } = Dispatcher::dial(&args.server)?.ask(&request)? else {
        return Err(ClientError::Unfitting.into());
    };
    Screen::new().put(match (args.json, new) {
        (true, _) => json::line(&json::Submitted { commit: commit.to_string(), new }),
        (false, true) => format!("{commit}: submitted\n"),
        (false, false) => format!("{commit}: known already\n"),
    })?;
    Ok(Ended::Done)
}

fn submission(args: &Args) -> Result<Submission> {
    if args.label.len() > LABELS_MAX {
        return Err(Usage(format!("a commit may ask for at most {LABELS_MAX} labels")).into());
    }
    let git = args.repo.as_ref().map(Git::in_clone);
    let commit = match &git {
        Some(git) => resolve(git, &args.commit)?,
        None => whole_id(&args.commit)?,
    };
    Ok(Submission {
        commit,
        project: project(args, git.as_ref())?,
        branch: args.branch.clone(),
        previous: None,
        skipped: Vec::new(),
        skipped_unnamed: 0,
        labels: args.label.clone(),
        about: None,
    })
}

/// Nobody can know yet which commit some digits are the first of.
fn whole_id(text: &str) -> Result<CommitId> {
    text.to_ascii_lowercase().parse().map_err(|error| {
        Usage(format!("{error}; with --repo PATH it may be any name that git knows")).into()
    })
}

fn project(args: &Args, git: Option<&Git>) -> Result<ProjectName> {
    match (&args.project, git) {
        (Some(project), _) => Ok(project.clone()),
        (None, Some(git)) => {
            git.origin_name()?.parse().context("cannot tell the project; give --project")
        }
        (None, None) => Err(Usage("cannot tell the project; give --project".to_owned()).into()),
    }
}
