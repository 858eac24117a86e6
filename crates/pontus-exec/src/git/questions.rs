//! Questions to a repository: they change nothing, and talk to nobody.

use std::path::PathBuf;

use super::error::GitError;
use super::names::{check_folder, check_id, check_ref, check_revision, is_id};
use super::{Git, one_line, one_path, path_of};

/// What a tracked path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A regular file.
    File,
    /// A regular file that may be executed.
    Executable,
    /// A symbolic link.
    Link,
    /// Another repository's commit; its files are not here.
    Submodule,
}

/// One path that a commit tracks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tracked {
    /// What it is.
    pub mode: Mode,
    /// From the root of the commit, in whatever encoding it was committed.
    pub path: PathBuf,
}

/// What a commit says of itself, in text that may hold anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its id.
    pub id: String,
    /// The id of its tree.
    pub tree: String,
    /// When it was committed, by the committer's clock, in seconds since 1970; 0 where it does not say.
    pub committed_s: i64,
    /// `Ada <ada@example.org>`.
    pub author: String,
    /// The first paragraph of its message, as one line.
    pub subject: String,
}

/// How `rev-list` is to print commits for [`described`].
const PRINTED: [&str; 3] =
    ["--no-commit-header", "--encoding=UTF-8", "--format=%H%x00%T%x00%ct%x00%an <%ae>%x00%s%x00"];

impl Git {
    /// The repository's own folder, absolute; for a worktree that of its clone.
    ///
    /// # Errors
    /// When this is no repository, or as every verb.
    pub fn git_dir(&self) -> Result<PathBuf, GitError> {
        let task = "find the repository";
        let call = self.call(task, "rev-parse");
        one_path(&call.args(["--path-format=absolute", "--git-common-dir"]).output()?, task)
    }

    /// The URL of `origin` as configured, the last of several; none where there is no origin.
    ///
    /// # Errors
    /// As every verb.
    pub fn origin_url(&self) -> Result<Option<String>, GitError> {
        let task = "read git's configuration";
        let keys = r"^(remote\.origin\.url|core\.sshcommand)$";
        let found = self.call(task, "config").args(["-z", "--get-regexp", keys]).question()?;
        let found = found.unwrap_or_default();
        // Each entry is a key, a newline and a value; an entry without a value has no newline.
        let entries = || found.split(|byte| *byte == 0);
        let has_own_ssh = entries().any(|entry| entry.starts_with(b"core.sshcommand"));
        // Whoever was first has found the same.
        self.has_own_ssh.set(has_own_ssh).ok();
        let url =
            entries().filter_map(|entry| entry.strip_prefix(b"remote.origin.url\n")).next_back();
        url.map(|url| one_line(url.to_vec(), task)).transpose()
    }

    /// The branch that `HEAD` is on, be it unborn; none where it is detached.
    ///
    /// # Errors
    /// As every verb.
    pub fn current_branch(&self) -> Result<Option<String>, GitError> {
        if let Some(branch) = self.plain_branch() {
            return Ok(Some(branch));
        }
        let task = "read the current branch";
        // Not --short: of a branch that is a tag's namesake it makes "heads/x".
        let found = self.call(task, "symbolic-ref").args(["-q", "HEAD"]).question()?;
        let Some(out) = found else { return Ok(None) };
        Ok(one_line(out, task)?.strip_prefix("refs/heads/").map(str::to_owned))
    }

    /// The commit that a ref here names; none where there is no such ref, or it names no commit.
    ///
    /// # Errors
    /// When it is no full ref, or as every verb.
    pub fn ref_tip(&self, full_ref: &str) -> Result<Option<String>, GitError> {
        check_ref(full_ref)?;
        self.commit_of("read a ref", full_ref)
    }

    /// Whether this commit is here. Nothing is fetched to find out.
    ///
    /// # Errors
    /// When it is no id, or as every verb.
    pub fn has_commit(&self, id: &str) -> Result<bool, GitError> {
        check_id(id)?;
        // An annotated tag has an id too, and leads to a commit of another one.
        Ok(self.commit_of("look for a commit", id)?.is_some_and(|found| found == id))
    }

    /// The commit that a user means by `revision`: `HEAD`, `v1.2~3`, some first digits; none where git knows no such one,
    /// or several, or it is no commit.
    ///
    /// # Errors
    /// When it can be no revision, or as every verb.
    pub fn resolve(&self, revision: &str) -> Result<Option<String>, GitError> {
        check_revision(revision)?;
        self.commit_of("look a revision up", revision)
    }

    fn commit_of(&self, task: &'static str, name: &str) -> Result<Option<String>, GitError> {
        let call = self.call(task, "rev-parse").args(["--verify", "-q", "--end-of-options"]);
        let Some(out) = call.arg(format!("{name}^{{commit}}")).question()? else { return Ok(None) };
        one_id(out, task).map(Some)
    }

    /// The commits from `after` (left out, as is all that leads to it) to `tip` along first parents, oldest first;
    /// of more than `most`, the newest.
    ///
    /// # Errors
    /// When either is no id or not here, or as every verb.
    pub fn first_parents(
        &self,
        after: Option<&str>,
        tip: &str,
        most: usize,
    ) -> Result<Vec<String>, GitError> {
        let task = "list commits";
        check_id(tip)?;
        let mut call = self.call(task, "rev-list").args(["--first-parent", "--reverse"]);
        call = call.arg(format!("--max-count={most}")).args(["--end-of-options", tip]);
        if let Some(after) = after {
            check_id(after)?;
            call = call.arg(format!("^{after}"));
        }
        let out = call.arg("--").output()?;
        let lines = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| one_id(line.to_vec(), task)).collect()
    }

    /// The commits from `after` (left out, as is all that leads to it) to where a ref here is, along first parents, oldest first,
    /// each with what it says of itself; of more than `most`, the newest.
    ///
    /// # Errors
    /// When one is no id or no full ref, or not here, or as every verb.
    pub fn described_since(
        &self,
        after: &str,
        full_ref: &str,
        most: usize,
    ) -> Result<Vec<Described>, GitError> {
        let task = "read commits";
        check_id(after)?;
        check_ref(full_ref)?;
        let call = self.call(task, "rev-list").args(["--first-parent", "--reverse"]).args(PRINTED);
        let call = call.arg(format!("--max-count={most}")).args(["--end-of-options", full_ref]);
        let out = call.arg(format!("^{after}")).args(["--"]).output()?;
        described(&out).ok_or(GitError::BadAnswer { task })
    }

    /// What each of these commits says of itself, in their order. An id that names no commit here is left out.
    ///
    /// # Errors
    /// When one is no id, or as every verb.
    pub fn describe(&self, ids: &[String]) -> Result<Vec<Described>, GitError> {
        let task = "read commits";
        ids.iter().try_for_each(|id| check_id(id))?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let input: Vec<u8> =
            ids.iter().flat_map(|id| [id.as_bytes(), b"\n"]).flatten().copied().collect();
        let call = self.call(task, "rev-list").args(["--no-walk=unsorted"]).args(PRINTED);
        let call = call.args(["--ignore-missing", "--stdin"]);
        described(&call.input(input).output()?).ok_or(GitError::BadAnswer { task })
    }

    /// Whether `a` is `b` or leads to it.
    ///
    /// # Errors
    /// When either is no id or not here, or as every verb.
    pub fn is_ancestor(&self, a: &str, b: &str) -> Result<bool, GitError> {
        check_id(a)?;
        check_id(b)?;
        let call = self.call("compare two commits", "merge-base");
        Ok(call.args(["--is-ancestor", "--end-of-options", a, b]).question()?.is_some())
    }

    /// What a commit tracks below `folder`, in the order of git's index; nothing where there is no such folder.
    ///
    /// # Errors
    /// When it is no id or not here, when it is no folder's name, or as every verb.
    pub fn tracked(&self, id: &str, folder: &str) -> Result<Vec<Tracked>, GitError> {
        let task = "list a commit's files";
        check_id(id)?;
        check_folder(folder)?;
        let call = self.call(task, "ls-tree");
        let call = call.args(["-r", "-z", "--full-tree", "--end-of-options", id, "--"]);
        entries(&call.arg(format!("{folder}/")).output()?, task)
    }
}

pub(super) fn one_id(out: Vec<u8>, task: &'static str) -> Result<String, GitError> {
    let line = one_line(out, task)?;
    if is_id(&line) { Ok(line) } else { Err(GitError::BadAnswer { task }) }
}

/// Reads what [`PRINTED`] has git print: five fields of each commit, and a newline after the last.
pub(super) fn described(out: &[u8]) -> Option<Vec<Described>> {
    let out = String::from_utf8_lossy(out);
    let fields: Vec<&str> = out.split('\0').collect();
    let (commits, rest) = fields.as_chunks::<5>();
    if rest.iter().any(|rest| !rest.trim_end().is_empty()) {
        return None;
    }
    let read = |[id, tree, committed, author, subject]: &[&str; 5]| {
        let (id, tree) = (id.trim_start().to_owned(), (*tree).to_owned());
        let committed_s = committed.parse().unwrap_or_default();
        let (author, subject) = ((*author).to_owned(), (*subject).to_owned());
        let is_commit = is_id(&id) && is_id(&tree);
        is_commit.then_some(Described { id, tree, committed_s, author, subject })
    };
    commits.iter().map(read).collect()
}

/// Reads `ls-tree -z`, without the trees that it may list.
pub(super) fn entries(out: &[u8], task: &'static str) -> Result<Vec<Tracked>, GitError> {
    let records = out.split(|byte| *byte == 0).filter(|record| !record.is_empty());
    let read = |record| entry(record).ok_or(GitError::BadAnswer { task });
    records.filter(|record| !record.starts_with(b"040000 ")).map(read).collect()
}

/// `<mode> <type> <id>\t<path>`
fn entry(record: &[u8]) -> Option<Tracked> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let mode = match record.split(|byte| *byte == b' ').next()? {
        b"100755" => Mode::Executable,
        b"120000" => Mode::Link,
        b"160000" => Mode::Submodule,
        // Old repositories hold other permissions than 644 too.
        mode if mode.starts_with(b"100") => Mode::File,
        _ => return None,
    };
    Some(Tracked { mode, path: path_of(&record[tab + 1..]).into() })
}

#[cfg(test)]
#[path = "questions_tests.rs"]
mod tests;
