//! Origin: what is got from it, and the refs that keep it. Nothing here touches the user's branches, tags, tracking
//! refs or `FETCH_HEAD`.

use super::error::GitError;
use super::names::{check_id, check_ref};
use super::refs::LOCKS;
use super::{Call, Git};

/// What keeps a fetch to the refs that were asked for, whatever the clone's configuration adds to it.
const FETCH: [&str; 11] = [
    "--quiet",
    // An origin that is shallow itself has no more to give, and gives nothing where that is not accepted.
    "--update-shallow",
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
    /// Fetches refs of origin into refs of ours, whatever those held: each pair is a full ref there and one here.
    ///
    /// # Errors
    /// When one is no full ref, when origin has no such ref (nothing at all need have been fetched then), or as every verb.
    pub fn fetch_refs(&self, pairs: &[(String, String)]) -> Result<(), GitError> {
        let mut input = String::new();
        for (from, into) in pairs {
            check_ref(from)?;
            check_ref(into)?;
            input.push_str(&format!("+{from}:{into}\n"));
        }
        if pairs.is_empty() {
            // It would fetch whatever the clone's configuration says.
            return Ok(());
        }
        let fetch = self.fetch(["--no-prune", "--stdin"]).settings(LOCKS).input(input.into_bytes());
        fetch.output().map(drop)
    }

    /// Fetches a commit that no ref of origin need name. No ref of ours keeps it.
    ///
    /// # Errors
    /// When it is no id, when origin has no such commit or does not hand it out, or as every verb.
    pub fn fetch_commit(&self, id: &str) -> Result<(), GitError> {
        check_id(id)?;
        self.fetch(["--no-prune"]).arg(id).output().map(drop)
    }

    /// Fetches all branches of origin into refs below `into_prefix`, where nothing else is left: a branch `a` that was
    /// replaced by `a/b` would be in its way.
    ///
    /// # Errors
    /// When it is no full ref, or as every verb.
    pub fn fetch_heads(&self, into_prefix: &str) -> Result<(), GitError> {
        check_ref(into_prefix)?;
        self.fetch(["--prune"]).arg(all_heads(into_prefix)).output().map(drop)
    }

    /// Does both at once: a commit, wherever it is, and all branches as [`fetch_heads`](Self::fetch_heads) does.
    ///
    /// # Errors
    /// As either.
    pub fn fetch_commit_and_heads(&self, id: &str, into_prefix: &str) -> Result<(), GitError> {
        check_id(id)?;
        check_ref(into_prefix)?;
        self.fetch(["--prune"]).arg(id).arg(all_heads(into_prefix)).output().map(drop)
    }

    fn fetch<const N: usize>(&self, options: [&str; N]) -> Call<'_> {
        self.call("fetch from origin", "fetch").over_network().args(options).args(FETCH)
    }
}

fn all_heads(into_prefix: &str) -> String {
    format!("+refs/heads/*:{into_prefix}/*")
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
