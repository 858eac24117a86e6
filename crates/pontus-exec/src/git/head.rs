//! The branch that `HEAD` is on, read without git where that is plain: whoever waits for an answer about a clone asks for it first.
//!
//! Source: git's `Documentation/gitrepository-layout.txt`. What is not plain here is left to git itself.

use std::fs;
use std::path::Path;

use super::names::check_ref;

/// What makes a folder a repository in git's eyes, beside its `HEAD`.
const FOLDERS: [&str; 2] = ["objects", "refs"];

/// The branch that the repository in a clone's folder is on; none where that cannot be told: where it lies elsewhere or is no
/// repository, where its `HEAD` is detached or a link, and where its refs are not files (its `HEAD` names no real branch then).
pub(super) fn plain_branch(clone: &Path) -> Option<String> {
    let git_dir = clone.join(".git");
    let head = git_dir.join("HEAD");
    let is_plain = FOLDERS.iter().all(|folder| git_dir.join(folder).is_dir())
        && head.symlink_metadata().ok()?.is_file();
    let text = is_plain.then(|| fs::read_to_string(&head).ok()).flatten()?;
    let full = text.strip_prefix("ref: ")?.strip_suffix('\n')?;
    check_ref(full).ok()?;
    full.strip_prefix("refs/heads/").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, each};
    use super::*;

    fn branch(world: &World, place: &str) -> Option<String> {
        let plain = plain_branch(&world.path(place));
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
                plain_branch(&world.path("clone"))
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
            assert_eq!(plain_branch(&world.path("clone")), None, "no repository");
        });
    }
}
