//! Origin: what is got from it, and the refs that keep it. Nothing here touches the user's branches, tags, tracking
//! refs or `FETCH_HEAD`.

use super::error::GitError;
use super::names::{check_branch, check_id, check_ref, is_id};
use super::{Call, Git};

/// What keeps a fetch to the refs that were asked for, whatever the clone's configuration adds to it.
const FETCH: [&str; 10] = [
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    // Without it, the tracking refs of what was fetched would be moved along.
    "--refmap=",
    "--no-prune-tags",
    "--no-recurse-submodules",
    "--no-auto-maintenance",
    "--no-show-forced-updates",
    "--end-of-options",
    "origin",
];

impl Git {
    /// The commit at the tip of a branch at origin; none where there is no such branch. Nothing is fetched.
    ///
    /// # Errors
    /// When it is no branch name, or as every verb.
    pub fn origin_tip(&self, branch: &str) -> Result<Option<String>, GitError> {
        let task = "ask origin for a branch";
        check_branch(branch)?;
        let wanted = format!("refs/heads/{branch}");
        let call = self.call(task, "ls-remote").over_network();
        let call = call.args(["--quiet", "--refs", "--end-of-options", "origin"]).arg(&wanted);
        // Git matches the name from its end, so a branch of that name inside another folder is listed too.
        let out = call.output()?;
        let lines = out.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
        let tip = |line: &str| {
            let (id, name) = line.split_once('\t')?;
            (name == wanted && is_id(id)).then(|| id.to_owned())
        };
        Ok(lines.into_iter().find_map(|line| tip(&line)))
    }

    /// Fetches a ref of origin into one of ours, whatever that held.
    ///
    /// # Errors
    /// When either is no full ref, when origin has no such ref, or as every verb.
    pub fn fetch_ref(&self, from: &str, into: &str) -> Result<(), GitError> {
        check_ref(from)?;
        check_ref(into)?;
        self.fetch("--no-prune").arg(format!("+{from}:{into}")).output().map(drop)
    }

    /// Fetches a commit that no ref of origin need name. No ref of ours keeps it.
    ///
    /// # Errors
    /// When it is no id, when origin has no such commit or does not hand it out, or as every verb.
    pub fn fetch_commit(&self, id: &str) -> Result<(), GitError> {
        check_id(id)?;
        self.fetch("--no-prune").arg(id).output().map(drop)
    }

    /// Fetches all branches of origin into refs below `into_prefix`, where nothing else is left: a branch `a` that was
    /// replaced by `a/b` would be in its way.
    ///
    /// # Errors
    /// When it is no full ref, or as every verb.
    pub fn fetch_heads(&self, into_prefix: &str) -> Result<(), GitError> {
        check_ref(into_prefix)?;
        self.fetch("--prune").arg(all_heads(into_prefix)).output().map(drop)
    }

    /// Does both at once: a commit, wherever it is, and all branches as [`fetch_heads`](Self::fetch_heads) does.
    ///
    /// # Errors
    /// As either.
    pub fn fetch_commit_and_heads(&self, id: &str, into_prefix: &str) -> Result<(), GitError> {
        check_id(id)?;
        check_ref(into_prefix)?;
        self.fetch("--prune").arg(id).arg(all_heads(into_prefix)).output().map(drop)
    }

    /// Points a ref of ours at a commit, and has it on disk when this returns.
    ///
    /// # Errors
    /// When it is no full ref or no id, when the commit is not here, or as every verb.
    pub fn update_ref(&self, full_ref: &str, id: &str) -> Result<(), GitError> {
        check_ref(full_ref)?;
        check_id(id)?;
        let call = self.call("move a ref", "update-ref");
        let call = call.settings(["core.fsync=reference", "core.fsyncMethod=fsync"]);
        call.args(["--no-deref", "--end-of-options", full_ref, id]).output().map(drop)
    }

    fn fetch(&self, prune: &str) -> Call<'_> {
        self.call("fetch from origin", "fetch").over_network().arg(prune).args(FETCH)
    }
}

fn all_heads(into_prefix: &str) -> String {
    format!("+refs/heads/*:{into_prefix}/*")
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
