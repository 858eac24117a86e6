//! One branch as its origin has it, and how far it has been handed in.
//!
//! How far is a ref in the clone, so git itself keeps it durable, and keeps the commit from being collected.

use anyhow::{Context, Result};
use log::{info, warn};
use pontus_exec::Git;
use pontus_proto::limits::SKIPPED_MAX;
use pontus_proto::{BranchName, CommitId};

/// Commits of one push that are handed in one by one. Their ids fit into what git may say at once.
const EVERY_COMMITS_MAX: usize = 100_000;

/// A watched branch.
#[derive(Debug)]
pub struct Upstream {
    git: Git,
    has_origin: bool,
    branch: BranchName,
    /// What the cursor's ref says, once it was read.
    submitted: Option<CommitId>,
}

impl Upstream {
    /// Reads how far `branch` has been handed in.
    ///
    /// # Errors
    /// Where git cannot say.
    pub fn open(git: &Git, branch: &BranchName) -> Result<Upstream> {
        let mut upstream = Upstream {
            git: git.clone(),
            has_origin: git.origin_url()?.is_some(),
            branch: branch.clone(),
            submitted: None,
        };
        if !upstream.has_origin {
            info!(
                "{branch}: there is no remote called origin, so the clone's own branch is watched"
            );
        }
        upstream.submitted = id(upstream.git.ref_tip(&upstream.cursor())?)?;
        if let Some(submitted) = upstream.submitted {
            info!("{branch}: handed in up to {submitted}");
        }
        Ok(upstream)
    }

    /// The commits that came since the last one that was handed in, along first parents, oldest first; at a first look the
    /// tip alone. An idle look is one git process, and fetches nothing.
    ///
    /// # Errors
    /// Where the origin cannot be reached, or has no such branch.
    pub fn new_commits(&self, every_commit: bool) -> Result<Vec<CommitId>> {
        let tip =
            self.tip()?.with_context(|| format!("there is no branch {} there", self.branch))?;
        if self.submitted == Some(tip) {
            return Ok(Vec::new());
        }
        let tip = self.fetch()?.unwrap_or(tip);
        let Some(submitted) = self.submitted else { return Ok(vec![tip]) };
        let (after, tip) = (submitted.to_string(), tip.to_string());
        let most = if every_commit { EVERY_COMMITS_MAX } else { SKIPPED_MAX + 1 };
        let mut came = self.git.first_parents(Some(&after), &tip, most)?;
        if came.len() == most {
            warn!("{}: more than {most} commits at once, the oldest are passed over", self.branch);
        }
        if came.is_empty() {
            // The branch was put back to a commit that is in the history of the last one.
            came.push(tip);
        }
        came.into_iter().map(|commit| Ok(commit.parse()?)).collect()
    }

    /// Moves the cursor: everything up to `commit` is the dispatcher's now.
    ///
    /// # Errors
    /// Where git cannot write the ref. The commit is handed in again then, which does no harm.
    pub fn submitted(&mut self, commit: CommitId) -> Result<()> {
        self.git.update_ref(&self.cursor(), &commit.to_string())?;
        self.submitted = Some(commit);
        Ok(())
    }

    fn tip(&self) -> Result<Option<CommitId>> {
        if self.has_origin {
            id(self.git.origin_tip(self.branch.as_str())?)
        } else {
            id(self.git.ref_tip(&format!("refs/heads/{}", self.branch))?)
        }
    }

    /// Brings the branch's commits here, under a name of our own. Returns the tip, which may have moved since.
    fn fetch(&self) -> Result<Option<CommitId>> {
        if !self.has_origin {
            return Ok(None);
        }
        let fetched = format!("refs/pontus/fetched/{}/@", self.branch);
        self.git.fetch_ref(&format!("refs/heads/{}", self.branch), &fetched)?;
        id(self.git.ref_tip(&fetched)?)
    }

    /// A folder a branch, so that `release` and a later `release/1` do not get into each other's way, as refs would.
    fn cursor(&self) -> String {
        format!("refs/pontus/submitted/{}/@", self.branch)
    }
}

fn id(text: Option<String>) -> Result<Option<CommitId>> {
    Ok(text.map(|text| text.parse()).transpose()?)
}
