//! A slot's checkout: a tree of files that is kept warm from one commit to the next.
//!
//! What git knows of it lies in a folder beside it, out of the way of tests. What the tests find at `.git` is a repository
//! of their own, written anew for each commit: it shares objects with the clone and nothing else, so whatever a test does
//! to it is gone with the next commit, and never reaches the clone.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::warn;
use pontus_exec::{Git, GitError, Job, Stop, Tracked};
use pontus_proto::CommitId;

use crate::attempt::Patience;
use crate::regular;

/// Where a repository lists what is kept from one commit to the next, in patterns like those of a `.gitignore`.
const KEEP_LIST: &str = "tests/.pontus-keep";

/// More than anybody needs, and little enough for a command line.
const KEEP_LIST_BYTES_MAX: u64 = 16 * 1024;

/// How long removing a tree may take that is too deep for us.
const REMOVAL: Duration = Duration::from_secs(600);

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
        let ready = self.control.exists() && remove(&self.tree.join(".git")).is_ok();
        let is_out = || git.try_checkout(&commit.to_string()).unwrap_or(false);
        ready && is_out() && self.settle(&git, commit).is_ok()
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
        let cannot = |error: io::Error| format!("cannot write {}: {error}", self.tree.display());
        let git = self.git(patience);
        remove(&self.tree.join(".git")).map_err(cannot)?;
        git.checkout(&commit.to_string()).map_err(failed)?;
        self.settle(&git, commit)
    }

    /// Leaves nothing in the tree but what the commit tracks, and a repository for the tests.
    fn settle(&self, git: &Git, commit: CommitId) -> Result<(), String> {
        git.clean(&self.kept()).map_err(failed)?;
        self.plant(commit).map_err(|error| format!("cannot write {}: {error}", self.tree.display()))
    }

    /// What the repository wants to find again: build caches, most likely. It lists them in the commit that is checked out.
    fn kept(&self) -> Vec<String> {
        let list = regular::read(&self.tree.join(KEEP_LIST), KEEP_LIST_BYTES_MAX);
        // One that is no text keeps nothing.
        let text = list.and_then(|list| String::from_utf8(list).ok()).unwrap_or_default();
        patterns(&text)
    }

    /// Writes the repository that the tests see. Without one, a `git` in a test would find the clone that all of this lies in.
    fn plant(&self, commit: CommitId) -> io::Result<()> {
        let planted = self.tree.join(".git");
        fs::create_dir_all(planted.join("objects/info"))?;
        fs::create_dir_all(planted.join("refs/heads"))?;
        fs::write(planted.join("config"), config(commit))?;
        let shared = self.control.join("objects/info/alternates");
        fs::copy(shared, planted.join("objects/info/alternates"))?;
        fs::copy(self.control.join("index"), planted.join("index"))?;
        // Where the clone's history is cut off, so is the checkout's.
        let shallow = self.clone_git_dir.join("shallow");
        if shallow.exists() {
            fs::copy(shallow, planted.join("shallow"))?;
        }
        fs::write(planted.join("HEAD"), format!("{commit}\n"))
    }

    fn git(&self, patience: &Patience<'_>) -> Git {
        patience.give(Git::in_checkout(&self.control, &self.tree))
    }
}

/// The least that makes a folder a repository. The length of an id tells its object format.
fn config(commit: CommitId) -> &'static str {
    if commit.to_string().len() == 40 {
        "[core]\n\trepositoryFormatVersion = 0\n\tbare = false\n"
    } else {
        "[core]\n\trepositoryFormatVersion = 1\n\tbare = false\n[extensions]\n\tobjectFormat = sha256\n"
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

/// Removes a file, a link or a whole folder, where there is one.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).or_else(|_| remove_stubborn(path)),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Removes a folder that a test has made too deep for open descriptors and paths, or read-only: the system's own tools can.
fn remove_stubborn(path: &Path) -> io::Result<()> {
    for (program, args) in [("chmod", ["-R", "u+rwX"].as_slice()), ("rm", &["-r", "-f"])] {
        let job = Job {
            program: program.into(),
            args: args
                .iter()
                .map(OsStr::new)
                .chain([OsStr::new("--"), path.as_os_str()])
                .map(OsStr::to_owned)
                .collect(),
            dir: "/".into(),
            env: std::env::vars_os().collect(),
            timeout: REMOVAL,
            grace: Duration::ZERO,
            merge: true,
        };
        let ended = pontus_exec::run(&job, &Stop::never(), &mut |_, _| {});
        ended.map_err(io::Error::other)?;
    }
    // Whatever rm could not do, this says why.
    match fs::symlink_metadata(path) {
        Ok(_) => fs::remove_dir_all(path),
        Err(error) => Err(error),
    }
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

    #[test]
    fn a_folder_that_is_very_deep_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("deep");
        let dig = "import os, sys\nos.mkdir(sys.argv[1]); os.chdir(sys.argv[1])\n\
                   for _ in range(5000): os.mkdir('d'); os.chdir('d')\n";
        let status = std::process::Command::new("python3").arg("-c").arg(dig).arg(&deep).status();
        assert!(status.unwrap().success());
        remove(&deep).unwrap();
        assert!(!deep.exists());
        remove(&deep).unwrap();
    }
}
