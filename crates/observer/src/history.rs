//! What came of a branch: its commits, and what they say of themselves.

use std::collections::BTreeMap;

use anyhow::Result;
use log::warn;
use pontus_exec::{Described, Git};
use pontus_proto::{About, BranchName, CommitId};

use crate::about::about;
use crate::own_refs::{SEEN, ref_of};
use crate::plan::{Came, Step};

/// Commits of one branch that are looked at after one look. Their ids fit into what git may say at once.
const CAME_MAX: usize = 100_000;

/// Commits that git is asked about at once: what it says of them is held in memory, and is as long as their authors liked.
pub const DESCRIBED_MAX: usize = 1_000;

/// The commits of a clone's branches.
#[derive(Debug)]
pub struct History {
    name: String,
    git: Git,
    ahead: Option<Ahead>,
}

/// What was found out before anybody asked for it.
#[derive(Debug)]
struct Ahead {
    after: CommitId,
    /// All that came after it, oldest first.
    commits: Vec<Described>,
}

impl History {
    /// What git knows. `name` begins the lines of the log.
    pub fn new(name: &str, git: &Git) -> History {
        History { name: name.to_owned(), git: git.clone(), ahead: None }
    }

    /// Asks for what has been fetched of a branch, and came after this commit, all at once: while something else is found out that
    /// is needed to know whether it is wanted. Where there is too much, or something is wrong, it is asked for when it is.
    pub fn look_ahead(&mut self, branch: &BranchName, after: CommitId) {
        let from = after.to_string();
        let found = self.git.described_since(&from, &ref_of(SEEN, branch), DESCRIBED_MAX);
        let is_all = |commits: &Vec<Described>| commits.len() < DESCRIBED_MAX;
        self.ahead = found.ok().filter(is_all).map(|commits| Ahead { after, commits });
    }

    /// What came of a branch since it was handed in up to `previous`, along first parents.
    ///
    /// # Errors
    /// Where git cannot say.
    pub fn came(
        &self,
        branch: &BranchName,
        previous: Option<CommitId>,
        tip: CommitId,
    ) -> Result<Came> {
        let mut commits = match previous {
            Some(after) => self.walk(branch, after, tip)?,
            None => Vec::new(),
        };
        if commits.is_empty() {
            // The branch is new, or was put back to a commit that is in the history of the last one.
            commits.push(tip);
        }
        Ok(Came { branch: branch.clone(), previous, commits })
    }

    fn walk(&self, branch: &BranchName, after: CommitId, tip: CommitId) -> Result<Vec<CommitId>> {
        let (name, from, to) = (&self.name, after.to_string(), tip.to_string());
        let is_it = |ahead: &&Ahead| {
            ahead.after == after && ahead.commits.last().is_some_and(|last| last.id == to)
        };
        if let Some(ahead) = self.ahead.as_ref().filter(is_it) {
            return Ok(ahead
                .commits
                .iter()
                .map(|commit| commit.id.parse())
                .collect::<Result<_, _>>()?);
        }
        let ids = match self.git.first_parents(Some(&from), &to, CAME_MAX) {
            Ok(ids) => ids,
            Err(error) if self.git.has_commit(&from)? => return Err(error.into()),
            Err(_) => {
                let why =
                    "what was handed in last, is not here any more; handing in the newest alone";
                warn!("{name}{branch}: {after}, {why}");
                Vec::new()
            }
        };
        if ids.len() == CAME_MAX {
            warn!(
                "{name}{branch}: more than {CAME_MAX} commits at once, the oldest are passed over"
            );
        }
        Ok(ids.iter().map(|id| id.parse()).collect::<Result<_, _>>()?)
    }

    /// What the commits say of themselves, as far as they can be read. It is for people: nothing depends on it.
    pub fn describe(&self, steps: &[Step]) -> BTreeMap<CommitId, About> {
        let id = |step: &Step| match step {
            Step::Submit(handed) => Some(handed.commit.to_string()),
            Step::Pass { .. } => None,
        };
        let ahead = self.ahead.iter().flat_map(|ahead| &ahead.commits);
        let known: BTreeMap<&str, &Described> =
            ahead.map(|commit| (commit.id.as_str(), commit)).collect();
        let (known_ids, ids): (Vec<_>, Vec<_>) =
            steps.iter().filter_map(id).partition(|id| known.contains_key(id.as_str()));
        let described = self.git.describe(&ids).unwrap_or_else(|error| {
            warn!("{}{error}; they are handed in without", self.name);
            Vec::new()
        });
        let entry = |commit: &Described| Some((commit.id.parse().ok()?, about(commit)?));
        let known = known_ids.iter().filter_map(|id| known.get(id.as_str()).copied());
        known.chain(&described).filter_map(entry).collect()
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
