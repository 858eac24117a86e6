//! A slot's checkout: a tree of files that is kept warm from one commit to the next.
//!
//! What git knows of it lies in a folder beside it, out of the way of tests, who find a repository of their own at `.git`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use log::warn;
use pontus_exec::{Git, GitError, Tracked};
use pontus_proto::CommitId;

use crate::attempt::Patience;
use crate::regular;
use crate::removal::remove;
use crate::repository;

/// Where a repository lists what is kept from one commit to the next, in patterns like those of a `.gitignore`.
const KEEP_LIST: &str = "tests/.pontus-keep";

/// More than anybody needs, and little enough for a command line.
const KEEP_LIST_BYTES_MAX: u64 = 16 * 1024;

/// One checkout.
#[derive(Debug)]
pub struct Checkout {
    control: PathBuf,
    tree: PathBuf,
    clone_git_dir: PathBuf,
}

impl Checkout {
    /// The checkout of the clone at `clone_git_dir`; nothing is there until it is first updated.
    pub fn new(control: PathBuf, tree: PathBuf, clone_git_dir: PathBuf) -> Checkout {
        Checkout { control, tree, clone_git_dir }
    }

    /// Where the files are.
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// Brings the tree to exactly what `commit` tracks. Where the last commit's tests have left something that git cannot
    /// deal with, it is begun afresh.
    ///
    /// # Errors
    /// One sentence for the verdict.
    pub fn update(&self, commit: CommitId, patience: &Patience<'_>) -> Result<(), String> {
        if self.control.exists() {
            match self.switch(commit, patience) {
                Ok(()) => return Ok(()),
                Err(error) if patience.is_over() => return Err(error),
                Err(error) => warn!("checking {commit} out afresh: {error}"),
            }
        }
        self.begin(patience).and_then(|()| self.switch(commit, patience))
    }

    /// Does the same where that is quickly done, and says whether it is: the commit is here, and so is a tree in order.
    pub fn try_update(&self, commit: CommitId, patience: &Patience<'_>) -> bool {
        let git = self.git(patience);
        let is_out = || git.try_checkout(&commit.to_string()).unwrap_or(false);
        self.control.exists() && is_out() && self.settle(&git, commit).is_ok()
    }

    /// Whether the clone is certainly without the commit. No process is asked.
    pub fn lacks(&self, commit: CommitId) -> bool {
        Git::in_checkout(&self.control, &self.tree).lacks(&commit.to_string())
    }

    /// What git tracks in `tests/` of the commit that is checked out.
    ///
    /// # Errors
    /// One sentence for the verdict.
    pub fn tests(&self, commit: CommitId, patience: &Patience<'_>) -> Result<Vec<Tracked>, String> {
        let tests = self.git(patience).checked_out(&commit.to_string(), "tests");
        tests.map_err(|error| error.to_string())
    }

    fn begin(&self, patience: &Patience<'_>) -> Result<(), String> {
        let cannot = |error: io::Error| format!("cannot make {}: {error}", self.tree.display());
        remove(&self.control).and_then(|()| remove(&self.tree)).map_err(cannot)?;
        fs::create_dir_all(&self.tree).map_err(cannot)?;
        self.git(patience).init_sharing(&self.clone_git_dir).map_err(failed)
    }

    fn switch(&self, commit: CommitId, patience: &Patience<'_>) -> Result<(), String> {
        let git = self.git(patience);
        git.checkout(&commit.to_string()).map_err(failed)?;
        self.settle(&git, commit)
    }

    /// Leaves nothing in the tree but what the commit tracks, and a repository for the tests.
    fn settle(&self, git: &Git, commit: CommitId) -> Result<(), String> {
        git.clean(&self.kept()).map_err(failed)?;
        self.make_repository(commit)
            .map_err(|error| format!("cannot write {}: {error}", self.tree.display()))
    }

    /// What the repository wants to find again: build caches, most likely. It lists them in the commit that is checked out.
    fn kept(&self) -> Vec<String> {
        let list = regular::read(&self.tree.join(KEEP_LIST), KEEP_LIST_BYTES_MAX);
        // One that is no text keeps nothing.
        let text = list.and_then(|list| String::from_utf8(list).ok()).unwrap_or_default();
        patterns(&text)
    }

    /// Without a repository of its own, a `git` in a test would find the clone that all of this lies in.
    fn make_repository(&self, commit: CommitId) -> io::Result<()> {
        let shared = fs::read(self.control.join("objects/info/alternates"))?;
        // Where the clone's history is cut off, so is the checkout's.
        let shallow = match fs::read(self.clone_git_dir.join("shallow")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            shallow => Some(shallow?),
        };
        let index = fs::read(self.control.join("index"))?;
        repository::make(&self.tree.join(".git"), commit, &shared, shallow.as_deref(), &index)
    }

    fn git(&self, patience: &Patience<'_>) -> Git {
        patience.give(Git::in_checkout(&self.control, &self.tree))
    }
}

fn failed(error: GitError) -> String {
    format!("checkout failed: {error}")
}

/// The patterns of a list: its lines, without empty ones and remarks.
fn patterns(text: &str) -> Vec<String> {
    let is_pattern = |line: &&str| !line.is_empty() && !line.starts_with('#');
    text.lines().map(str::trim_end).filter(is_pattern).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_patterns_and_remarks() {
        let text = "# caches\ntarget/\n\n  \n/node_modules\n*.o  \n";
        assert_eq!(patterns(text), ["target/", "/node_modules", "*.o"]);
        assert!(patterns("").is_empty());
    }
}
