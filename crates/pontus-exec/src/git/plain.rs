//! What is asked of a clone first, read without git where that is plain: somebody waits for each process that is started before it.
//!
//! Source: git's `Documentation/gitrepository-layout.txt`. What is not plain here is left to git itself.

use std::fs;

use super::Git;
use super::names::{check_ref, is_id};

/// What makes a folder a repository in git's eyes, beside its `HEAD`.
const FOLDERS: [&str; 2] = ["objects", "refs"];

impl Git {
    /// The branch that the clone is on; none where that cannot be told: where its repository lies elsewhere or is none, where its
    /// `HEAD` is detached or a link, and where its refs are not files (its `HEAD` names no real branch then).
    pub fn plain_branch(&self) -> Option<String> {
        let text = self.plain_file("HEAD")?;
        let full = text.strip_prefix("ref: ")?;
        check_ref(full).ok()?;
        full.strip_prefix("refs/heads/").map(str::to_owned)
    }

    /// What a ref here names; none where that cannot be told: as above, and where it is packed with others, or is not there.
    pub fn plain_ref(&self, full_ref: &str) -> Option<String> {
        check_ref(full_ref).ok()?;
        self.plain_file(full_ref).filter(|id| is_id(id))
    }

    /// The one line of a regular file in the repository that lies in the clone's folder.
    fn plain_file(&self, name: &str) -> Option<String> {
        let git_dir = self.place.dir.join(".git");
        let file = git_dir.join(name);
        let is_plain = self.place.git_dir.is_none()
            && FOLDERS.iter().all(|folder| git_dir.join(folder).is_dir())
            && file.symlink_metadata().ok()?.is_file();
        let text = is_plain.then(|| fs::read_to_string(file).ok()).flatten()?;
        text.strip_suffix('\n').map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, each};
    use super::*;

    fn branch(world: &World, place: &str) -> Option<String> {
        let plain = world.git(place).plain_branch();
        let by_git = world.command(place).args(["symbolic-ref", "-q", "HEAD"]).output().unwrap();
        let by_git = String::from_utf8(by_git.stdout).unwrap();
        let by_git = by_git.trim_end().strip_prefix("refs/heads/").map(str::to_owned);
        assert!(plain.is_none() || plain == by_git, "{place}: {plain:?}, but {by_git:?}");
        plain
    }

    #[test]
    fn what_is_plain_is_what_git_says() {
        each(|world| {
            assert_eq!(branch(world, "clone").as_deref(), Some("main"));
            world.raw("clone", &["checkout", "-q", "--orphan", "ä/日本"]);
            assert_eq!(branch(world, "clone").as_deref(), Some("ä/日本"), "unborn");
            world.raw("clone", &["checkout", "-q", "--detach", "origin/main"]);
            assert_eq!(branch(world, "clone"), None, "detached");
            world.raw("clone", &["worktree", "add", "-q", "-b", "other", "../worktree"]);
            assert_eq!(branch(world, "worktree"), None, "a worktree");
            world.raw(".", &["clone", "-q", "--bare", "up", "bare"]);
            assert_eq!(branch(world, "bare"), None, "bare");
        });
    }

    #[test]
    fn what_is_not_plain_is_left_to_git() {
        each(|world| {
            let head = world.path("clone/.git/HEAD");
            let said = |text: &str| {
                fs::write(&head, text).unwrap();
                world.git("clone").plain_branch()
            };
            assert_eq!(said("ref: refs/heads/x\n").as_deref(), Some("x"));
            // The first is what stands there where refs are kept in tables.
            for text in ["refs/heads/.invalid", "refs/tags/x", "refs/heads/", "refs/heads/a..b"] {
                assert_eq!(said(&format!("ref: {text}\n")), None, "{text}");
            }
            assert_eq!(said("ref: refs/heads/x"), None);
            said("ref: refs/heads/main\n");
            fs::rename(&head, world.path("clone/.git/elsewhere")).unwrap();
            std::os::unix::fs::symlink("elsewhere", &head).unwrap();
            assert_eq!(branch(world, "clone"), None, "a link");
            fs::remove_file(&head).unwrap();
            said("ref: refs/heads/main\n");
            fs::rename(world.path("clone/.git/refs"), world.path("refs")).unwrap();
            assert_eq!(world.git("clone").plain_branch(), None, "no repository");
        });
    }

    #[test]
    fn refs_that_are_files() {
        each(|world| {
            let git = world.git("clone");
            let plain = || git.plain_ref("refs/heads/main");
            assert_eq!(plain(), Some(world.id("clone", "main")));
            assert_eq!(git.plain_ref("refs/heads/none"), None);
            assert_eq!(git.plain_ref("refs/heads"), None, "a folder");
            assert_eq!(git.plain_ref("HEAD"), None, "no full ref");
            world.raw("clone", &["symbolic-ref", "refs/heads/other", "refs/heads/main"]);
            assert_eq!(git.plain_ref("refs/heads/other"), None, "one that names another");
            world.raw("clone", &["pack-refs", "--all"]);
            assert_eq!(plain(), None, "packed");
        });
    }
}
