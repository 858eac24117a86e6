//! What a clone is a clone of, as people say it: the last word of its origin's URL.

use super::Git;
use super::error::GitError;

impl Git {
    /// The last component of origin's URL, without `.git`; without an origin, the name of the clone's own folder. Empty
    /// where neither has one.
    ///
    /// # Errors
    /// As every verb.
    pub fn origin_name(&self) -> Result<String, GitError> {
        if let Some(url) = self.origin_url()? {
            return Ok(last_component(&url).to_owned());
        }
        let git_dir = self.git_dir()?;
        let path = git_dir.to_string_lossy();
        Ok(last_component(path.strip_suffix("/.git").unwrap_or(&path)).to_owned())
    }
}

/// The last component of a URL, of an `ssh` address (`host:path`), or of a path.
fn last_component(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    let url = url.strip_suffix("/.git").unwrap_or(url);
    let name = url.rsplit(['/', ':']).next().unwrap_or_default();
    name.strip_suffix(".git").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::last_component;

    #[test]
    fn each_way_to_write_an_origin() {
        for url in [
            "/srv/git/test_repo",
            "/srv/git/test_repo/",
            "/srv/git/test_repo.git",
            "/home/me/test_repo/.git",
            "../test_repo",
            "test_repo",
            "https://example.org/me/test_repo.git",
            "ssh://git@example.org:2222/me/test_repo.git/",
            "git@example.org:test_repo.git",
            "file:///srv/git/test_repo",
        ] {
            assert_eq!(last_component(url), "test_repo", "{url}");
        }
    }
}
