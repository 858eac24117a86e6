//! Refs, many at a time: what branches are at, and refs of our own. Each verb is one process, however many there are.

use super::error::GitError;
use super::names::{check_id, check_ref, is_id};
use super::{Call, Git};

/// Branches of one repository. Each is looked at, so that whoever has more is told, and does not wonder at the delay.
const HEADS_MAX: usize = 100_000;

/// A branch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Head {
    /// Its name without `refs/heads/`, in whatever encoding.
    pub name: Vec<u8>,
    /// The commit at its tip, which need not be here.
    pub tip: String,
}

/// What is to become of one ref of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefMove {
    /// Its full name.
    pub name: String,
    /// The commit that it is to point at; none where it is to go.
    pub to: Option<String>,
}

impl Git {
    /// All branches of origin. Nothing is fetched.
    ///
    /// # Errors
    /// When there are too many, or as every verb.
    pub fn origin_heads(&self) -> Result<Vec<Head>, GitError> {
        let call = self.call("list origin's branches", "ls-remote").asking_origin();
        heads(call.args(["--quiet", "--refs", "--heads", "--end-of-options", "origin"]))
    }

    /// All branches of this repository.
    ///
    /// # Errors
    /// When there are too many, or as every verb.
    pub fn heads(&self) -> Result<Vec<Head>, GitError> {
        heads(self.call("list branches", "for-each-ref").args([LISTED, "refs/heads/"]))
    }

    /// The branch that origin's `HEAD` is on; none where it is detached, or where the transport does not say.
    ///
    /// # Errors
    /// As every verb.
    pub fn origin_current_branch(&self) -> Result<Option<String>, GitError> {
        let call = self.call("ask origin for its current branch", "ls-remote").asking_origin();
        let call = call.args(["--quiet", "--symref", "--end-of-options", "origin", "HEAD"]);
        Ok(current_branch(&call.output()?))
    }

    /// The refs here below `prefix`, with what they point at. One whose name is not UTF-8 is left out.
    ///
    /// # Errors
    /// When it is no full ref, or as every verb.
    pub fn refs_below(&self, prefix: &str) -> Result<Vec<(String, String)>, GitError> {
        let task = "read refs";
        check_ref(prefix)?;
        let out =
            self.call(task, "for-each-ref").args([LISTED]).arg(format!("{prefix}/")).output()?;
        let named = |(id, name): (String, &[u8])| Some((str::from_utf8(name).ok()?.to_owned(), id));
        Ok(listed(&out, task)?.into_iter().filter_map(named).collect())
    }

    /// Moves refs of ours, all of them or none, and has them on disk when this returns. (The folders that they lie in are not
    /// synced: after a power failure a ref may be where it was before.)
    ///
    /// # Errors
    /// When one is no full ref or no id, when a commit is not here, or as every verb.
    pub fn move_refs(&self, moves: &[RefMove]) -> Result<(), GitError> {
        let mut input = Vec::new();
        for RefMove { name, to } in moves {
            check_ref(name)?;
            to.as_deref().map_or(Ok(()), check_id)?;
            // Nothing is said of what they were before.
            let line = match to {
                Some(id) => format!("update {name}\0{id}\0\0"),
                None => format!("delete {name}\0\0"),
            };
            input.extend_from_slice(line.as_bytes());
        }
        if input.is_empty() {
            return Ok(());
        }
        let call = self.call("move refs", "update-ref").settings(LOCKS);
        let call = call.settings(["core.fsync=reference", "core.fsyncMethod=fsync"]);
        call.args(["--no-deref", "--stdin", "-z"]).input(input).output().map(drop)
    }
}

/// Another of us may be at work in the same clone, and holds a ref for a few milliseconds.
pub(super) const LOCKS: [&str; 1] = ["core.filesRefLockTimeout=1000"];

/// How `for-each-ref` is to print, so that it looks as `ls-remote` does.
const LISTED: &str = "--format=%(objectname)%09%(refname)";

fn heads(call: Call<'_>) -> Result<Vec<Head>, GitError> {
    let task = call.task;
    let heads = branches(&call.output()?, task)?;
    if heads.len() > HEADS_MAX {
        return Err(GitError::TooMany { task, most: HEADS_MAX });
    }
    Ok(heads)
}

/// Reads the branches among listed refs.
pub(super) fn branches(out: &[u8], task: &'static str) -> Result<Vec<Head>, GitError> {
    let head = |(tip, full): (String, &[u8])| {
        Some(Head { name: full.strip_prefix(b"refs/heads/")?.to_owned(), tip })
    };
    Ok(listed(out, task)?.into_iter().filter_map(head).collect())
}

/// Reads what `ls-remote --symref` says of `HEAD`.
pub(super) fn current_branch(out: &[u8]) -> Option<String> {
    let mut lines = out.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
    let branch = |line: &str| {
        let full = line.strip_prefix("ref: ")?.strip_suffix("\tHEAD")?;
        full.strip_prefix("refs/heads/").map(str::to_owned)
    };
    lines.find_map(|line| branch(&line))
}

/// Reads lines of an id, a tab and a name.
fn listed<'a>(out: &'a [u8], task: &'static str) -> Result<Vec<(String, &'a [u8])>, GitError> {
    let read = |line: &'a [u8]| {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let id = str::from_utf8(&line[..tab]).ok().filter(|id| is_id(id))?;
        Some((id.to_owned(), &line[tab + 1..]))
    };
    let lines = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| read(line).ok_or(GitError::BadAnswer { task })).collect()
}

#[cfg(test)]
#[path = "refs_tests.rs"]
mod tests;
