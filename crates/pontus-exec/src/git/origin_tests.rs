//! What is got from a real origin.

use super::super::testing::{World, each, script};
use super::*;

/// Names that are easily taken for something else; none of them may be made by `git branch`.
const BRANCHES: [&str; 5] = ["-x", "--upload-pack=touch", "ä/日本", "refs/heads/main", "it's;$(x)"];

fn branch(world: &World, name: &str, id: &str) {
    world.raw("up", &["update-ref", &format!("refs/heads/{name}"), id]);
}

#[test]
fn the_tip_of_a_branch_at_origin() {
    each(|world| {
        let first = world.id("up", "HEAD");
        let second = world.commit("second");
        let before = world.refs("clone");
        let git = world.git("clone");
        let tip = |name: &str| git.origin_tip(name).unwrap();
        assert_eq!(tip("none"), None);
        for name in BRANCHES {
            assert_eq!(tip(name), None, "{name}");
            branch(world, name, &first);
            assert_eq!(tip(name).as_ref(), Some(&first), "{name}");
        }
        assert_eq!(tip("main"), Some(second.clone()), "and not its namesake refs/heads/main");
        world.raw("up", &["checkout", "-q", "--detach"]);
        world.raw("up", &["branch", "-q", "-D", "main"]);
        assert_eq!(tip("main"), None);
        assert_eq!(world.refs("clone"), before);
        assert!(!git.has_commit(&second).unwrap());
    });
}

#[test]
fn no_origin_and_no_repository_there() {
    each(|world| {
        let error = world.git("up").origin_tip("main").unwrap_err().to_string();
        assert!(error.contains("'origin' does not appear to be a git repository"), "{error}");
        world.raw("clone", &["remote", "set-url", "origin", "/no/such/place"]);
        let error = world.git("clone").fetch_heads("refs/pontus").unwrap_err().to_string();
        assert!(error.contains("'/no/such/place' does not appear"), "{error}");
    });
}

#[test]
fn a_url_that_runs_a_program_is_refused() {
    each(|world| {
        let url = format!("ext::touch {}", world.path("ran").display());
        world.raw("clone", &["remote", "set-url", "origin", &url]);
        world.raw("clone", &["config", "protocol.ext.allow", "always"]);
        assert!(world.git("clone").fetch_heads("refs/pontus").is_err());
        assert!(!world.path("ran").exists());
        let plain = world.command("clone").args(["fetch", "-q"]).output().unwrap();
        assert!(!plain.status.success());
        assert!(world.path("ran").exists(), "plain git does run it");
    });
}

#[test]
fn fetched_into_our_refs_and_nowhere_else() {
    each(|world| {
        let second = world.commit("second");
        world.raw("up", &["tag", "v1"]);
        // All that a user's configuration could add to a fetch.
        for (name, value) in [
            ("fetch.prune", "true"),
            ("fetch.pruneTags", "true"),
            ("remote.origin.tagOpt", "--tags"),
            ("fetch.writeCommitGraph", "true"),
            ("core.logAllRefUpdates", "always"),
        ] {
            world.raw("clone", &["config", name, value]);
        }
        let before = world.refs("clone");
        let git = world.git("clone");
        git.fetch_ref("refs/heads/main", "refs/pontus/main").unwrap();
        let ours = format!("refs/pontus/main {second}");
        assert_eq!(world.refs("clone"), sorted(&before, &ours));
        assert!(!world.path("clone/.git/FETCH_HEAD").exists());

        // A force-push: what was there is replaced.
        world.raw("up", &["reset", "-q", "--hard", "HEAD^"]);
        let other = world.commit("other");
        git.fetch_ref("refs/heads/main", "refs/pontus/main").unwrap();
        assert_eq!(git.ref_tip("refs/pontus/main").unwrap(), Some(other));
        let error = git.fetch_ref("refs/heads/gone", "refs/pontus/main").unwrap_err().to_string();
        assert_eq!(error, "cannot fetch from origin: couldn't find remote ref refs/heads/gone");
    });
}

fn sorted(refs: &str, one_more: &str) -> String {
    let mut lines: Vec<_> = refs.lines().chain([one_more]).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn a_commit_that_no_branch_names() {
    each(|world| {
        let lost = world.commit("lost");
        world.raw("up", &["reset", "-q", "--hard", "HEAD^"]);
        let git = world.git("clone");
        let before = world.refs("clone");
        assert!(!git.has_commit(&lost).unwrap());
        git.fetch_commit(&lost).unwrap();
        assert!(git.has_commit(&lost).unwrap());
        assert_eq!(world.refs("clone"), before);
        assert!(!world.path("clone/.git/FETCH_HEAD").exists());
        assert!(matches!(git.fetch_commit(&world.unknown_id()), Err(GitError::Failed { .. })));
    });
}

#[test]
fn all_branches_those_gone_included() {
    each(|world| {
        let first = world.id("up", "HEAD");
        for name in BRANCHES {
            branch(world, name, &first);
        }
        world.raw("clone", &["config", "fetch.prune", "true"]);
        let git = world.git("clone");
        git.fetch_heads("refs/pontus/heads").unwrap();
        world.raw("up", &["update-ref", "-d", "refs/heads/-x"]);
        let second = world.commit("second");
        git.fetch_heads("refs/pontus/heads").unwrap();
        for name in BRANCHES {
            let full = format!("refs/pontus/heads/{name}");
            let expected = (name != "-x").then_some(&first);
            assert_eq!(git.ref_tip(&full).unwrap().as_ref(), expected, "{name}");
        }
        assert_eq!(git.ref_tip("refs/pontus/heads/main").unwrap(), Some(second));
        // A branch in the place of another's folder.
        world.raw("up", &["branch", "-q", "-m", "main", "main/sub"]);
        git.fetch_commit_and_heads(&first, "refs/pontus/heads").unwrap();
        assert!(git.ref_tip("refs/pontus/heads/main/sub").unwrap().is_some());
    });
}

#[test]
fn a_ref_is_moved_and_no_hook_is_run() {
    each(|world| {
        let first = world.id("clone", "HEAD");
        let ran = world.path("ran");
        let hook = format!("#!/bin/sh\ntouch {}\n", ran.display());
        script(&world.path("clone/.git/hooks/reference-transaction"), &hook);
        let git = world.git("clone");
        git.update_ref("refs/pontus/sent/main", &first).unwrap();
        git.update_ref("refs/pontus/sent/main", &first).unwrap();
        assert_eq!(git.ref_tip("refs/pontus/sent/main").unwrap(), Some(first.clone()));
        assert!(!ran.exists());
        assert!(git.update_ref("refs/pontus/sent/main", &world.unknown_id()).is_err());
        world.raw("clone", &["update-ref", "refs/pontus/x", &first]);
        assert!(ran.exists(), "plain git does run it");
    });
}

#[test]
fn a_symbolic_ref_is_replaced_not_followed() {
    each(|world| {
        world.commit("second");
        let git = world.git("clone");
        git.fetch_ref("refs/heads/main", "refs/pontus/new").unwrap();
        let (old, new) = (world.id("clone", "main"), world.id("clone", "refs/pontus/new"));
        world.raw("clone", &["symbolic-ref", "refs/pontus/sent", "refs/heads/main"]);
        git.update_ref("refs/pontus/sent", &new).unwrap();
        assert_eq!(git.ref_tip("refs/pontus/sent").unwrap(), Some(new));
        assert_eq!(world.id("clone", "main"), old);
    });
}
