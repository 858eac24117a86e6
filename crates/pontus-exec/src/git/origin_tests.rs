//! What is got from a real origin.

use super::super::testing::{World, each, script};
use super::*;

/// Names that are easily taken for something else; none of them may be made by `git branch`.
const BRANCHES: [&str; 5] = ["-x", "--upload-pack=touch", "ä/日本", "refs/heads/main", "it's;$(x)"];

fn branch(world: &World, name: &str, id: &str) {
    world.raw("up", &["update-ref", &format!("refs/heads/{name}"), id]);
}

fn pair(from: &str, into: &str) -> (String, String) {
    (from.to_owned(), into.to_owned())
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
fn from_the_disk_nobody_else_is_asked() {
    each(|world| {
        let second = world.commit("second");
        let git = world.git("clone");
        let pairs = [pair("refs/heads/main", "refs/pontus/x")];
        git.fetch_refs_from_disk(&pairs).unwrap();
        assert_eq!(git.plain_ref("refs/pontus/x"), Some(second));
        let ssh = world.path("ssh");
        script(&ssh, &format!("#!/bin/sh\necho > {}.ran\n", ssh.display()));
        world.raw("clone", &["config", "core.sshCommand", ssh.to_str().unwrap()]);
        world.raw("clone", &["remote", "set-url", "origin", "somebody@localhost:up"]);
        git.fetch_refs_from_disk(&pairs).unwrap_err();
        assert!(!world.path("ssh.ran").exists());
        git.fetch_refs(&pairs).unwrap_err();
        assert!(world.path("ssh.ran").exists(), "the ordinary way it is");
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
        git.fetch_refs(&[]).unwrap();
        assert_eq!(world.refs("clone"), before, "nothing was asked for");
        git.fetch_refs(&[pair("refs/heads/main", "refs/pontus/main")]).unwrap();
        let ours = format!("refs/pontus/main {second}");
        assert_eq!(world.refs("clone"), sorted(&before, &ours));
        assert!(!world.path("clone/.git/FETCH_HEAD").exists());

        // A force-push: what was there is replaced.
        world.raw("up", &["reset", "-q", "--hard", "HEAD^"]);
        let other = world.commit("other");
        git.fetch_refs(&[pair("refs/heads/main", "refs/pontus/main")]).unwrap();
        assert_eq!(git.ref_tip("refs/pontus/main").unwrap(), Some(other));
        let gone =
            [pair("refs/heads/main", "refs/pontus/a"), pair("refs/heads/gone", "refs/pontus/b")];
        let error = git.fetch_refs(&gone).unwrap_err().to_string();
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
fn many_at_once_and_whatever_they_are_called() {
    each(|world| {
        let first = world.id("up", "HEAD");
        let mut pairs = Vec::new();
        for name in BRANCHES {
            branch(world, name, &first);
            pairs.push(pair(&format!("refs/heads/{name}"), &format!("refs/pontus/{name}/@")));
        }
        let git = world.git("clone");
        git.fetch_refs(&pairs).unwrap();
        for (_, into) in &pairs {
            assert_eq!(git.ref_tip(into).unwrap().as_ref(), Some(&first), "{into}");
        }
    });
}

#[test]
fn shallow_on_either_side() {
    each(|world| {
        let [_, second, third] = ["first", "second", "third"].map(|message| world.commit(message));
        let url = |name: &str| format!("file://{}", world.path(name).display());
        world.raw(".", &["clone", "-q", "--depth=1", &url("up"), "shallow"]);
        world.raw(".", &["clone", "-q", "--depth=1", &url("shallow"), "of-shallow"]);
        let fourth = world.commit("fourth");
        let into = [pair("refs/heads/main", "refs/pontus/main")];
        let git = world.git("shallow");
        git.fetch_refs(&into).unwrap();
        assert_eq!(
            git.first_parents(Some(&third), &fourth, 9).unwrap(),
            std::slice::from_ref(&fourth)
        );
        assert_eq!(git.first_parents(None, &fourth, 9).unwrap(), [third.clone(), fourth.clone()]);
        assert!(!git.has_commit(&second).unwrap(), "it is as shallow as before");
        // And where the origin has no more to give.
        world.raw("shallow", &["update-ref", "refs/heads/main", &fourth]);
        let git = world.git("of-shallow");
        git.fetch_refs(&into).unwrap();
        assert_eq!(
            git.first_parents(Some(&third), &fourth, 9).unwrap(),
            std::slice::from_ref(&fourth)
        );
        world.raw(".", &["init", "-q", &format!("--object-format={}", world.format), "empty"]);
        world.raw("empty", &["remote", "add", "origin", &url("shallow")]);
        let git = world.git("empty");
        git.fetch_refs(&into).unwrap();
        assert_eq!(git.first_parents(None, &fourth, 9).unwrap(), [third.clone(), fourth.clone()]);
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
