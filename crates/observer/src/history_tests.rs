//! Histories of real repositories.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::plan::Handed;

/// A repository with this many commits, of which each is called by its number, and the newest is what was seen of `main`.
fn repository(folder: &Path, count: usize) -> Vec<CommitId> {
    let run = |args: &[&str], input: &[u8]| {
        fs::write(folder.join("input"), input).unwrap();
        let mut command = Command::new("git");
        command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env_remove("GIT_DIR");
        command.stdin(fs::File::open(folder.join("input")).unwrap());
        let output = command.args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["init", "-q"], b"");
    let commit = |number| {
        let name = format!("{number}");
        let length = name.len();
        format!(
            "commit refs/pontus/seen/main/@\ncommitter A <a@b> 1 +0000\ndata {length}\n{name}\n"
        )
    };
    let commits: String = (0..count).map(commit).collect();
    run(&["fast-import", "--quiet"], commits.as_bytes());
    let ids = run(&["rev-list", "--reverse", "refs/pontus/seen/main/@"], b"");
    ids.lines().map(|id| id.parse().unwrap()).collect()
}

#[test]
fn what_was_found_out_ahead_is_not_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let ids = repository(folder.path(), 4);
    let main: BranchName = "main".parse().unwrap();
    let mut history = History::new("", &Git::in_clone(folder.path()));
    history.look_ahead(&main, ids[1]);
    // Somebody else may have handed something in meanwhile, or origin may have moved.
    assert_eq!(history.came(&main, Some(ids[2]), ids[3]).unwrap().commits, ids[3..]);
    assert_eq!(history.came(&main, Some(ids[1]), ids[2]).unwrap().commits, ids[2..3]);
    fs::rename(folder.path().join(".git"), folder.path().join("gone")).unwrap();
    let came = history.came(&main, Some(ids[1]), ids[3]).unwrap();
    assert_eq!((came.previous, &came.commits[..]), (Some(ids[1]), &ids[2..]));
    history.came(&main, Some(ids[0]), ids[3]).unwrap_err();
    let handed = |commit| Handed {
        commit,
        branch: main.clone(),
        previous: None,
        skipped: Vec::new(),
        skipped_unnamed: 0,
    };
    let steps = [ids[3], ids[0]].map(|commit| Step::Submit(handed(commit)));
    let abouts = history.describe(&steps);
    let subject = |id| abouts.get(id).and_then(|about| about.subject.clone()).map(String::from);
    assert_eq!((subject(&ids[3]).as_deref(), subject(&ids[0])), (Some("3"), None));
}

#[test]
fn more_than_can_be_described_at_once_is_asked_for_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let ids = repository(folder.path(), DESCRIBED_MAX + 100);
    let main: BranchName = "main".parse().unwrap();
    let mut history = History::new("", &Git::in_clone(folder.path()));
    history.look_ahead(&main, ids[0]);
    assert!(history.ahead.is_none());
    let came = history.came(&main, Some(ids[0]), ids[ids.len() - 1]).unwrap();
    assert_eq!(came.commits, ids[1..]);
}
