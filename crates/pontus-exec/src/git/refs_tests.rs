//! Refs of real repositories.

use std::os::unix::ffi::OsStringExt;

use super::super::testing::{World, each, script};
use super::*;

/// Names that are easily taken for something else, one of them not even text; none of them may be made by `git branch`.
const BRANCHES: [&[u8]; 6] = [
    b"-x",
    b"--upload-pack=touch",
    "ä/日本".as_bytes(),
    b"refs/heads/main",
    b"it's;$(x)",
    b"\xff\xfe",
];

fn branch(world: &World, name: &[u8], id: &str) {
    let full = std::ffi::OsString::from_vec([b"refs/heads/", name].concat());
    world.raw("up", &["update-ref".into(), full, id.into()]);
}

fn moved(name: &str, to: Option<&str>) -> RefMove {
    RefMove { name: name.to_owned(), to: to.map(str::to_owned) }
}

#[test]
fn all_branches_whatever_they_are_called() {
    each(|world| {
        let first = world.id("up", "HEAD");
        let second = world.commit("second");
        let before = world.refs("clone");
        let mut expected = vec![Head { name: b"main".to_vec(), tip: second.clone() }];
        for name in BRANCHES {
            branch(world, name, &first);
            expected.push(Head { name: name.to_vec(), tip: first.clone() });
        }
        world.raw("up", &["tag", "v1"]);
        world.raw("up", &["update-ref", "refs/other/refs/heads/no", "HEAD"]);
        expected.sort();
        let sorted = |mut heads: Vec<Head>| {
            heads.sort();
            heads
        };
        assert_eq!(sorted(world.git("clone").origin_heads().unwrap()), expected);
        assert_eq!(sorted(world.git("up").heads().unwrap()), expected);
        assert_eq!(world.refs("clone"), before);
        assert!(!world.git("clone").has_commit(&second).unwrap(), "nothing is fetched");
    });
}

#[test]
fn no_branches_no_origin_and_no_repository_there() {
    each(|world| {
        world.raw(".", &["init", "-q", "-b", "trunk", "empty"]);
        world.raw(".", &["clone", "-q", "empty", "of-empty"]);
        let git = world.git("of-empty");
        assert_eq!(git.origin_heads().unwrap(), []);
        assert_eq!(git.heads().unwrap(), []);
        let error = world.git("up").origin_heads().unwrap_err().to_string();
        assert!(error.contains("'origin' does not appear to be a git repository"), "{error}");
        world.raw("clone", &["remote", "set-url", "origin", "/no/such/place"]);
        let error = world.git("clone").origin_heads().unwrap_err().to_string();
        assert!(error.contains("'/no/such/place' does not appear"), "{error}");
        assert!(matches!(world.git(".").refs_below("refs/x"), Err(GitError::Failed { .. })));
    });
}

#[test]
fn the_current_branch_of_origin() {
    each(|world| {
        let current = || world.git("clone").origin_current_branch().unwrap();
        assert_eq!(current().as_deref(), Some("main"));
        world.raw("up", &["branch", "-q", "-m", "main", "ä/日本"]);
        assert_eq!(current().as_deref(), Some("ä/日本"));
        world.raw("up", &["checkout", "-q", "--detach"]);
        assert_eq!(current(), None);
    });
}

#[test]
fn refs_of_ours_are_moved_and_removed_and_no_hook_is_run() {
    each(|world| {
        let first = world.id("clone", "HEAD");
        let ran = world.path("ran");
        let hook = format!("#!/bin/sh\ntouch {}\n", ran.display());
        script(&world.path("clone/.git/hooks/reference-transaction"), &hook);
        let git = world.git("clone");
        let below = || git.refs_below("refs/pontus").unwrap();
        assert_eq!(below(), []);
        let both = ["refs/pontus/a/@", "refs/pontus/b/@"];
        for _ in 0..2 {
            git.move_refs(&both.map(|name| moved(name, Some(&first)))).unwrap();
        }
        assert_eq!(below(), both.map(|name| (name.to_owned(), first.clone())));
        git.move_refs(&[moved(both[0], None), moved("refs/pontus/never-was", None)]).unwrap();
        assert_eq!(below(), [(both[1].to_owned(), first.clone())]);
        // All or none.
        let bad = [moved(both[0], Some(&first)), moved(both[1], Some(&world.unknown_id()))];
        assert!(git.move_refs(&bad).is_err());
        assert_eq!(below().len(), 1);
        assert!(!ran.exists());
        world.raw("clone", &["update-ref", "refs/pontus/x", &first]);
        assert!(ran.exists(), "plain git does run it");
    });
}

#[test]
fn a_symbolic_ref_is_replaced_not_followed() {
    each(|world| {
        let old = world.id("clone", "main");
        let new = world.raw("clone", &["commit-tree", "-m", "new", "HEAD^{tree}"]);
        let git = world.git("clone");
        world.raw("clone", &["symbolic-ref", "refs/pontus/sent", "refs/heads/main"]);
        git.move_refs(&[moved("refs/pontus/sent", Some(&new))]).unwrap();
        assert_eq!(git.ref_tip("refs/pontus/sent").unwrap(), Some(new));
        assert_eq!(world.id("clone", "main"), old);
    });
}

#[test]
fn a_lock_that_was_left_behind_is_named() {
    each(|world| {
        let first = world.id("clone", "HEAD");
        let lock = world.path("clone/.git/refs/pontus/a.lock");
        std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
        std::fs::write(&lock, "").unwrap();
        let error = world.git("clone").move_refs(&[moved("refs/pontus/a", Some(&first))]);
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("cannot move refs: ") && error.contains("a.lock"), "{error}");
        std::fs::remove_file(&lock).unwrap();
        world.git("clone").move_refs(&[moved("refs/pontus/a", Some(&first))]).unwrap();
    });
}

#[test]
fn too_many_branches_are_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("git");
    let print = |count: usize| {
        let id = "1".repeat(40);
        script(&program, &format!("#!/bin/sh\nseq -f '{id}\trefs/heads/%.0f' {count}\n"));
    };
    let git = Git { program: program.clone().into(), ..Git::in_clone(folder.path()) };
    print(HEADS_MAX);
    assert_eq!(git.heads().unwrap().len(), HEADS_MAX);
    print(HEADS_MAX + 1);
    let error = git.heads().unwrap_err().to_string();
    assert_eq!(error, "cannot list branches: there are more than 100000");
}
