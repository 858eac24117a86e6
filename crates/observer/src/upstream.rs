//! What a clone is watched for: its origin, or, where it has none, itself.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use log::info;
use pontus_exec::{Git, GitError, Head};
use pontus_proto::{BranchName, CommitId};

use crate::own_refs::{SEEN, SUBMITTED, ref_of};
use crate::pattern::Pattern;

/// Branches that are tried one by one where none of them can be fetched. After so many it is not about the branch.
const FAILED_MAX: usize = 32;

/// Where branches come from, and which of them are wanted.
#[derive(Debug)]
pub struct Upstream {
    name: String,
    git: Git,
    has_origin: bool,
    wanted: Wanted,
}

/// Which branches are wanted.
#[derive(Debug)]
enum Wanted {
    /// Those that the user has named.
    Patterns(Vec<Pattern>),
    /// The one that the clone was on at the start, for as long as origin has it.
    Current {
        /// None where the clone was on none.
        own: Option<String>,
        /// What origin was on when it had no such branch.
        followed: Option<String>,
        /// Whether it was said that there is no branch at all.
        is_empty_said: bool,
    },
}

impl Upstream {
    /// Finds out what is to be watched. Without patterns that is the clone's current branch. `name` begins the lines of the log.
    ///
    /// # Errors
    /// Where git cannot say.
    pub fn open(name: &str, git: &Git, has_origin: bool, patterns: &[Pattern]) -> Result<Upstream> {
        if !has_origin {
            info!(
                "{name}there is no remote called origin, so the clone's own branches are watched"
            );
        }
        let wanted = if patterns.is_empty() {
            Wanted::Current { own: git.current_branch()?, followed: None, is_empty_said: false }
        } else {
            Wanted::Patterns(patterns.to_vec())
        };
        Ok(Upstream { name: name.to_owned(), git: git.clone(), has_origin, wanted })
    }

    /// The one branch that is wanted of another repository, where that can be told without asking there.
    pub fn only(&self) -> Option<BranchName> {
        let name = match &self.wanted {
            Wanted::Patterns(patterns) => match &patterns[..] {
                [pattern] => pattern.exact(),
                _ => None,
            },
            Wanted::Current { own, .. } => own.as_deref(),
        };
        name.filter(|_| self.has_origin)?.parse().ok()
    }

    /// What is wanted, for people.
    pub fn shown(&self) -> String {
        match &self.wanted {
            Wanted::Patterns(patterns) => {
                patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Wanted::Current { own: Some(own), .. } => own.clone(),
            Wanted::Current { own: None, .. } => "the current branch of origin".to_owned(),
        }
    }

    /// Whether it is another repository, from which commits have to be fetched.
    pub fn is_elsewhere(&self) -> bool {
        self.has_origin
    }

    /// All branches, as they are now. One git process.
    ///
    /// # Errors
    /// Where origin cannot be reached, or has too many.
    pub fn heads(&self) -> Result<Vec<Head>, GitError> {
        if self.has_origin { self.git.origin_heads() } else { self.git.heads() }
    }

    /// What to look for among the branches. Where the clone's own branch is not there, that is the one that origin is on: its
    /// default branch was renamed, or the clone was made before there was one. Origin is asked once for it. Where there is no
    /// branch at all, there is nothing to look for, and nothing wrong.
    ///
    /// # Errors
    /// Where nobody can say.
    pub fn patterns(&mut self, heads: &[Head]) -> Result<Vec<Pattern>> {
        let is_there = |name: &Option<String>| {
            name.as_ref().is_some_and(|name| heads.iter().any(|head| head.name == name.as_bytes()))
        };
        let (own, followed, is_empty_said) = match &mut self.wanted {
            Wanted::Patterns(patterns) => return Ok(patterns.clone()),
            Wanted::Current { own, followed, is_empty_said } => (own, followed, is_empty_said),
        };
        if heads.is_empty() {
            if !std::mem::replace(is_empty_said, true) {
                info!("{}there is no branch there yet", self.name);
            }
            return Ok(Vec::new());
        }
        *is_empty_said = false;
        if is_there(own) {
            if followed.take().is_some() {
                info!("{}watching {} again", self.name, own.as_deref().unwrap_or_default());
            }
        } else if !is_there(followed) {
            *followed = current(&self.git, self.has_origin)?;
            let why = why_not(own.as_deref());
            if !is_there(followed) {
                bail!("{why}, and neither is origin; give --branch");
            }
            info!("{}{why}; watching {}", self.name, followed.as_deref().unwrap_or_default());
        }
        let watched = followed.as_deref().or(own.as_deref());
        Ok(watched.map(Pattern::of).into_iter().collect())
    }

    /// Brings the commits of these branches here, all in one git process; where that fails, each by itself, so that one that
    /// cannot be fetched does not hold up the others. Returns what could not be.
    ///
    /// # Errors
    /// Where it is not about one branch: origin does not answer in time.
    pub fn fetch(
        &self,
        branches: &BTreeMap<BranchName, CommitId>,
    ) -> Result<Vec<(BranchName, GitError)>, GitError> {
        let pairs: Vec<_> = branches.keys().map(pair).collect();
        let first = self.git.fetch_refs(&pairs);
        let mut failed = Vec::new();
        match first {
            Ok(()) => return Ok(failed),
            Err(error) if !is_about_a_ref(&error) => return Err(error),
            Err(_) => {}
        }
        for (count, branch) in branches.keys().enumerate() {
            match self.git.fetch_refs(&[pair(branch)]) {
                Ok(()) => {}
                Err(error) if !is_about_a_ref(&error) => return Err(error),
                Err(error) if failed.len() == count && count == FAILED_MAX => return Err(error),
                Err(error) => failed.push((branch.clone(), error)),
            }
        }
        Ok(failed)
    }

    /// Brings the commits of one branch here, whatever it is at. Says whether it did.
    ///
    /// # Errors
    /// Where it is not about this branch: origin does not answer in time.
    pub fn fetch_one(&self, branch: &BranchName) -> Result<bool, GitError> {
        match self.git.fetch_refs(&[pair(branch)]) {
            Ok(()) => Ok(true),
            Err(error) if is_about_a_ref(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Brings the commits of the one branch that is wanted here, before git has said anything about the clone: where it is plain which
/// one that is, that it has begun, and that it is fetched from this machine's disk. Returns it, and how far it was handed in.
pub fn fetch_early(git: &Git, patterns: &[Pattern]) -> Option<(BranchName, CommitId)> {
    let name = match patterns {
        [] => git.plain_branch()?,
        [pattern] => pattern.exact()?.to_owned(),
        _ => return None,
    };
    let branch = name.parse().ok()?;
    // A clone that is its own origin has seen nothing of another.
    git.plain_ref(&ref_of(SEEN, &branch))?;
    let cursor = git.plain_ref(&ref_of(SUBMITTED, &branch))?.parse().ok()?;
    git.fetch_refs_from_disk(&[pair(&branch)]).ok()?;
    Some((branch, cursor))
}

/// A branch there, and what is seen of it here.
fn pair(branch: &BranchName) -> (String, String) {
    (format!("refs/heads/{branch}"), ref_of(SEEN, branch))
}

fn is_about_a_ref(error: &GitError) -> bool {
    matches!(error, GitError::Failed { .. } | GitError::BadArgument { .. })
}

/// Why the clone's own branch cannot be watched.
fn why_not(own: Option<&str>) -> String {
    match own {
        Some(own) => format!("there is no branch {own} there"),
        None => "the clone is on no branch".to_owned(),
    }
}

/// The branch that origin is on.
fn current(git: &Git, has_origin: bool) -> Result<Option<String>, GitError> {
    if has_origin { git.origin_current_branch() } else { git.current_branch() }
}
