//! The commit that the user means.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use pontus_cli::exit::Usage;
use pontus_exec::Git;
use pontus_proto::limits::PREFIX_DIGITS_MIN;
use pontus_proto::{ClientError, Code, CommitId, CommitPrefix, Reply, Request};

use super::ask::Dispatcher;
use crate::exit::NoSuchCommit;
use pontus_cli::Server;

/// One commit, and whom to ask about it.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The first digits of the commit's id, at least 4; with --repo whatever git knows it by, such as HEAD
    #[arg(value_name = "COMMIT")]
    pub commit: String,

    /// Look COMMIT up in this clone
    #[arg(long, value_name = "PATH")]
    pub repo: Option<PathBuf>,

    /// Whom to ask.
    #[command(flatten)]
    pub server: Server,
}

impl Which {
    /// Dials the dispatcher and finds the commit there. What git has to say is asked before.
    ///
    /// # Errors
    /// [`NoSuchCommit`], and whatever keeps us from asking.
    pub fn find(&self) -> Result<(Dispatcher, CommitId)> {
        self.find_with(Dispatcher::dial)
    }

    /// The same, and once the dispatcher was there, it is waited for where it is lost.
    ///
    /// # Errors
    /// As [`find`](Self::find); [`OutOfTime`](crate::exit::OutOfTime).
    pub fn find_patiently(
        &self,
        deadline: Option<Instant>,
        tell: impl FnOnce(&str) + 'static,
    ) -> Result<(Dispatcher, CommitId)> {
        self.find_with(|server| Dispatcher::dial_patiently(server, deadline, tell))
    }

    fn find_with(
        &self,
        dial: impl FnOnce(&Server) -> Result<Dispatcher>,
    ) -> Result<(Dispatcher, CommitId)> {
        let prefix = match &self.repo {
            Some(repo) => resolve(&Git::in_clone(repo), &self.commit)?.to_string().parse()?,
            None => prefix(&self.commit)?,
        };
        let mut dispatcher = dial(&self.server)?;
        let commit = find(&mut dispatcher, &prefix)?;
        Ok((dispatcher, commit))
    }
}

/// The commit that `git` knows as `revision`.
///
/// # Errors
/// [`NoSuchCommit`] where it knows none, and what git says else.
pub fn resolve(git: &Git, revision: &str) -> Result<CommitId> {
    let found = git.resolve(revision)?;
    let found = found.ok_or_else(|| NoSuchCommit(format!("git knows no commit {revision:?}")))?;
    found.parse().context("git's answer is not understood")
}

/// The digits that were typed.
fn prefix(text: &str) -> Result<CommitPrefix> {
    text.to_ascii_lowercase().parse().map_err(|_| {
        let rule = format!("a commit is named by at least {PREFIX_DIGITS_MIN} of its hex digits");
        let way = "with --repo PATH it may be any name that git knows";
        Usage(format!("{rule}, not {text:?}; {way}")).into()
    })
}

fn find(dispatcher: &mut Dispatcher, prefix: &CommitPrefix) -> Result<CommitId> {
    let asked = dispatcher.ask(&Request::Find { prefix: prefix.clone() });
    let why = match asked {
        Ok(Reply::Found { commit }) => return Ok(commit),
        Ok(_) => return Err(ClientError::Unfitting.into()),
        Err(error) => match error.downcast_ref() {
            Some(ClientError::Refused { code: Code::UnknownCommit, .. }) => {
                format!("the dispatcher knows no commit {prefix}")
            }
            Some(ClientError::Refused { code: Code::Ambiguous, .. }) => {
                format!("several commits begin with {prefix}: give more digits")
            }
            _ => return Err(error),
        },
    };
    Err(NoSuchCommit(why).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_taken_in_either_case() {
        assert_eq!(prefix("1F7a").unwrap().as_str(), "1f7a");
        let error = prefix("HEAD").unwrap_err();
        assert!(error.is::<Usage>() && error.to_string().contains("--repo"), "{error}");
        assert!(prefix("1f7").is_err() && prefix("").is_err());
    }
}
