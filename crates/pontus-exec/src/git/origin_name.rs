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
            return Ok(name_in_url(&url).to_owned());
        }
        let git_dir = self.git_dir()?;
        let path = git_dir.to_string_lossy();
        Ok(name_in_url(&path).to_owned())
    }
}

/// The last component of a URL, of an `ssh` address (`host:path`), or of a path, without `.git`; empty where it has none.
pub fn name_in_url(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    let url = url.strip_suffix("/.git").unwrap_or(url);
    let name = url.rsplit(['/', ':']).next().unwrap_or_default();
    name.strip_suffix(".git").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::name_in_url;

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
            assert_eq!(name_in_url(url), "test_repo", "{url}");
        }
    }
}
