//! Origin: what is got from it, and the refs that keep it. Nothing here touches the user's branches, tags, tracking
//! refs or `FETCH_HEAD`.

use std::time::Duration;

use super::error::GitError;
use super::names::{check_id, check_ref};
use super::refs::LOCKS;
use super::{Call, Git};

/// For questions to origin that transfer nothing but a list. Whoever asks again and again wants to know soon.
const ASK_DEADLINE: Duration = Duration::from_secs(60);

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
        self.fetch_pairs(pairs, Call::over_network)
    }

    /// Does the same where origin is a path on this machine: then nothing need be known of how others are reached.
    ///
    /// # Errors
    /// When origin is elsewhere, or as for others.
    pub fn fetch_refs_from_disk(&self, pairs: &[(String, String)]) -> Result<(), GitError> {
        self.fetch_pairs(pairs, Call::over_disk)
    }

    fn fetch_pairs<'a>(
        &'a self,
        pairs: &[(String, String)],
        reach: fn(Call<'a>) -> Call<'a>,
    ) -> Result<(), GitError> {
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
        let fetch = reach(self.fetch(["--no-prune", "--stdin"])).settings(LOCKS);
        fetch.input(input.into_bytes()).output().map(drop)
    }

    /// Fetches a commit that no ref of origin need name. No ref of ours keeps it.
    ///
    /// # Errors
    /// When it is no id, when origin has no such commit or does not hand it out, or as every verb.
    pub fn fetch_commit(&self, id: &str) -> Result<(), GitError> {
        check_id(id)?;
        self.fetch(["--no-prune"]).over_network().arg(id).output().map(drop)
    }

    /// Fetches all branches of origin into refs below `into_prefix`, where nothing else is left: a branch `a` that was
    /// replaced by `a/b` would be in its way.
    ///
    /// # Errors
    /// When it is no full ref, or as every verb.
    pub fn fetch_heads(&self, into_prefix: &str) -> Result<(), GitError> {
        check_ref(into_prefix)?;
        self.fetch(["--prune"]).over_network().arg(all_heads(into_prefix)).output().map(drop)
    }

    /// Does both at once: a commit, wherever it is, and all branches as [`fetch_heads`](Self::fetch_heads) does.
    ///
    /// # Errors
    /// As either.
    pub fn fetch_commit_and_heads(&self, id: &str, into_prefix: &str) -> Result<(), GitError> {
        check_id(id)?;
        check_ref(into_prefix)?;
        self.fetch(["--prune"])
            .over_network()
            .arg(id)
            .arg(all_heads(into_prefix))
            .output()
            .map(drop)
    }

    fn fetch<const N: usize>(&self, options: [&str; N]) -> Call<'_> {
        self.call("fetch from origin", "fetch").args(options).args(FETCH)
    }
}

impl<'a> Call<'a> {
    pub(super) fn over_network(self) -> Call<'a> {
        Call { over_network: true, deadline: self.git.network_deadline, ..self }
    }

    fn over_disk(self) -> Call<'a> {
        Call { protocols: "file", deadline: self.git.network_deadline, ..self }
    }

    pub(super) fn asking_origin(self) -> Call<'a> {
        let deadline = self.git.network_deadline.min(ASK_DEADLINE);
        Call { over_network: true, deadline, ..self }
    }
}

fn all_heads(into_prefix: &str) -> String {
    format!("+refs/heads/*:{into_prefix}/*")
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
