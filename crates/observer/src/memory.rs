//! What the observer remembers of a clone's branches: what it has seen of them, and how far they have been handed in.
//!
//! Both are refs in the clone, so git itself keeps them, and keeps their commits from being collected. Losing some of it
//! does no harm: a cursor that is behind has a few commits handed in again, which the dispatcher knows. So it need not be
//! on disk before anything else happens, only after it is true.

use std::collections::{BTreeMap, BTreeSet};

use pontus_exec::{Git, GitError, Head, RefMove};
use pontus_proto::{BranchName, CommitId};

use crate::branches::is_watched;
use crate::own_refs::{SEEN, SUBMITTED, branch_of, ref_of};
use crate::pattern::Pattern;

/// Commits that may be handed in before their cursors are written: an observer that is killed hands so many in again, and one
/// that is handing in ten thousand does not start git for each.
const UNSAVED_MAX: usize = 256;

/// Cursors of branches that origin no longer has. They make a branch that comes back go on where it was, and cost a small
/// file each, so not every branch that ever was can have one.
const GONE_MAX: usize = 1000;

/// The refs, as they are in the clone or soon will be.
#[derive(Debug, Default)]
pub struct Memory {
    seen: BTreeMap<BranchName, CommitId>,
    submitted: BTreeMap<BranchName, CommitId>,
    /// Whose cursors have moved and are not in the clone yet.
    unsaved: BTreeSet<BranchName>,
    /// How many commits that was for.
    unsaved_commits: usize,
}

impl Memory {
    /// Reads all of it anew: another observer may have been at work in the clone.
    ///
    /// # Errors
    /// Where git cannot, because it is no clone for example.
    pub fn read(&mut self, git: &Git) -> Result<(), GitError> {
        let seen = git.refs_below("refs/pontus")?;
        let below = |folder: &str| {
            let of =
                |(name, id): &(String, String)| Some((branch_of(folder, name)?, id.parse().ok()?));
            seen.iter().filter_map(of).collect::<BTreeMap<BranchName, CommitId>>()
        };
        let mut submitted = below(SUBMITTED);
        for branch in &self.unsaved {
            if let Some(cursor) = self.submitted.get(branch) {
                submitted.insert(branch.clone(), *cursor);
            }
        }
        self.submitted = submitted;
        self.seen = below(SEEN);
        Ok(())
    }

    /// What was last seen of a branch.
    pub fn seen(&self, branch: &BranchName) -> Option<CommitId> {
        self.seen.get(branch).copied()
    }

    /// Remembers what was seen, for as long as this process lives: for a clone that is its own origin.
    pub fn see(&mut self, tips: BTreeMap<BranchName, CommitId>) {
        self.seen = tips;
    }

    /// How far a branch has been handed in.
    pub fn submitted(&self, branch: &BranchName) -> Option<CommitId> {
        self.submitted.get(branch).copied()
    }

    /// What the dispatcher is known to have.
    pub fn handed_in(&self) -> BTreeSet<CommitId> {
        self.submitted.values().copied().collect()
    }

    /// The watched branches that have something to hand in, and their tips. One that origin no longer has is among them, where
    /// it was seen in time.
    pub fn pending(&self, patterns: &[Pattern]) -> Vec<(BranchName, CommitId)> {
        let is_pending = |(branch, tip): &(&BranchName, &CommitId)| {
            self.submitted.get(branch) != Some(tip)
                && is_watched(branch.as_str().as_bytes(), patterns)
        };
        let pending = self.seen.iter().filter(is_pending);
        pending.map(|(branch, tip)| (branch.clone(), *tip)).collect()
    }

    /// The branch has been handed in up to this commit.
    pub fn acknowledge(&mut self, branch: &BranchName, commit: CommitId) {
        self.submitted.insert(branch.clone(), commit);
        self.unsaved.insert(branch.clone());
        self.unsaved_commits += 1;
    }

    /// Whether so much has been handed in that it should be written.
    pub fn is_save_due(&self) -> bool {
        self.unsaved_commits >= UNSAVED_MAX
    }

    /// Writes the cursors that have moved. One that cannot be written does not keep the others from it, and is tried again
    /// next time.
    ///
    /// # Errors
    /// Why one could not be written.
    pub fn save(&mut self, git: &Git) -> Result<(), GitError> {
        self.unsaved_commits = 0;
        let moved = |branch: &BranchName| RefMove {
            name: ref_of(SUBMITTED, branch),
            to: self.submitted.get(branch).map(CommitId::to_string),
        };
        let moves: Vec<_> = self.unsaved.iter().map(moved).collect();
        let mut result = git.move_refs(&moves);
        if result.is_ok() {
            self.unsaved.clear();
        } else if moves.len() > 1 && matches!(result, Err(GitError::Failed { .. })) {
            result = self.save_one_by_one(git);
        }
        result
    }

    fn save_one_by_one(&mut self, git: &Git) -> Result<(), GitError> {
        let mut first_error = Ok(());
        for branch in std::mem::take(&mut self.unsaved) {
            let to = self.submitted.get(&branch).map(CommitId::to_string);
            if let Err(error) = git.move_refs(&[RefMove { name: ref_of(SUBMITTED, &branch), to }]) {
                self.unsaved.insert(branch);
                first_error = first_error.and(Err(error));
            }
        }
        first_error
    }

    /// Lets go of what origin no longer has: of what was seen and has been handed in, and of cursors where there are too many.
    /// Which of them go is the alphabet's choice: nobody remembers when a branch went, and a lost one only has its tip tested
    /// where it comes back.
    ///
    /// # Errors
    /// Where git cannot remove the refs; they are tried again next time.
    pub fn forget(&mut self, git: &Git, heads: &[Head]) -> Result<(), GitError> {
        let there: BTreeSet<&[u8]> = heads.iter().map(|head| &head.name[..]).collect();
        let gone = |branch: &&BranchName| !there.contains(branch.as_str().as_bytes());
        let is_done = |branch: &&BranchName| self.seen.get(branch) == self.submitted.get(branch);
        let seen: BTreeSet<_> = self.seen.keys().filter(gone).filter(is_done).cloned().collect();
        let cursors: Vec<_> = self.submitted.keys().filter(gone).cloned().collect();
        let excess = &cursors[..cursors.len().saturating_sub(GONE_MAX)];
        let removed = |folder: &str, branch| RefMove { name: ref_of(folder, branch), to: None };
        let moves: Vec<_> = seen
            .iter()
            .map(|branch| removed(SEEN, branch))
            .chain(excess.iter().map(|branch| removed(SUBMITTED, branch)))
            .collect();
        git.move_refs(&moves)?;
        self.seen.retain(|branch, _| !seen.contains(branch));
        for branch in excess {
            self.submitted.remove(branch);
            self.unsaved.remove(branch);
        }
        Ok(())
    }

    /// Lets go of all that points to a commit that is not in the clone: git fetches nothing while there are such refs. Returns
    /// whose they were.
    ///
    /// # Errors
    /// Where git cannot say, or cannot remove them.
    pub fn forget_lost(&mut self, git: &Git) -> Result<BTreeSet<BranchName>, GitError> {
        let all = || {
            let seen = self.seen.iter().map(|(branch, id)| (SEEN, branch, id.to_string()));
            let cursors =
                self.submitted.iter().map(|(branch, id)| (SUBMITTED, branch, id.to_string()));
            seen.chain(cursors)
        };
        let ids: Vec<_> = all().map(|(_, _, id)| id).collect();
        let there: BTreeSet<_> = git.describe(&ids)?.into_iter().map(|commit| commit.id).collect();
        let lost: Vec<_> = all().filter(|(_, _, id)| !there.contains(id)).collect();
        let moves: Vec<_> = lost
            .iter()
            .map(|(folder, branch, _)| RefMove { name: ref_of(folder, branch), to: None })
            .collect();
        let whose: BTreeSet<_> = lost.into_iter().map(|(_, branch, _)| branch.clone()).collect();
        git.move_refs(&moves)?;
        self.unsaved.retain(|branch| !whose.contains(branch));
        Ok(whose)
    }
}
