//! Questions to real repositories.

use super::super::RefMove;
use super::super::testing::{World, each, script, write};
use super::*;

#[test]
fn the_repository_is_found_from_anywhere_inside() {
    each(|world| {
        let expected = std::fs::canonicalize(world.path("clone/.git")).unwrap();
        write(&world.path("clone/a/b/c"), "");
        world.raw("clone", &["worktree", "add", "-q", "--detach", "../worktree"]);
        for place in ["clone", "clone/a/b", "clone/.git", "worktree"] {
            assert_eq!(world.git(place).git_dir().unwrap(), expected, "{place}");
        }
        world.raw(".", &["clone", "-q", "--bare", "up", "bare"]);
        let bare = std::fs::canonicalize(world.path("bare")).unwrap();
        assert_eq!(world.git("bare").git_dir().unwrap(), bare);
        let error = world.git(".").git_dir().unwrap_err();
        assert!(matches!(error, GitError::Failed { status: 128, .. }));
        let text = error.to_string();
        assert!(text.starts_with("cannot find the repository: not a git repository"), "{text}");
    });
}

#[test]
fn the_url_of_origin() {
    each(|world| {
        let up = std::fs::canonicalize(world.path("up")).unwrap();
        let url = world.git("clone").origin_url().unwrap();
        assert_eq!(url.as_deref(), Some(up.to_str().unwrap()));
        assert_eq!(world.git("up").origin_url().unwrap(), None);
    });
}

#[test]
fn the_current_branch() {
    each(|world| {
        let git = world.git("clone");
        let branch = || git.current_branch().unwrap();
        assert_eq!(branch().as_deref(), Some("main"));
        world.raw("clone", &["tag", "main"]);
        assert_eq!(branch().as_deref(), Some("main"), "also with a tag of its name");
        world.raw("clone", &["checkout", "-q", "-b", "ä/日本"]);
        assert_eq!(branch().as_deref(), Some("ä/日本"));
        world.raw("clone", &["checkout", "-q", "--orphan", "unborn"]);
        assert_eq!(branch().as_deref(), Some("unborn"));
        world.raw("clone", &["checkout", "-q", "--detach", "origin/main"]);
        assert_eq!(branch(), None);
    });
}

#[test]
fn commits_and_refs() {
    each(|world| {
        let git = world.git("clone");
        let id = world.id("clone", "HEAD");
        world.raw("clone", &["tag", "-a", "-m", "x", "v1"]);
        world.raw("clone", &["tag", "tree", "HEAD^{tree}"]);
        assert_eq!(git.ref_tip("refs/heads/main").unwrap(), Some(id.clone()));
        assert_eq!(git.ref_tip("refs/tags/v1").unwrap(), Some(id.clone()));
        assert_eq!(git.ref_tip("refs/tags/tree").unwrap(), None);
        assert_eq!(git.ref_tip("refs/heads/none").unwrap(), None);
        assert!(git.has_commit(&id).unwrap());
        assert!(!git.has_commit(&world.unknown_id()).unwrap());
        assert!(!git.has_commit(&world.id("clone", "v1")).unwrap(), "a tag is no commit");
        assert!(!git.has_commit(&world.id("clone", "HEAD^{tree}")).unwrap());
        let other_length = if world.is_sha256() { &id[..40] } else { &"1".repeat(64) };
        assert!(!git.has_commit(other_length).unwrap());
        assert!(matches!(world.git(".").has_commit(&id), Err(GitError::Failed { .. })));
    });
}

#[test]
fn revisions_as_users_type_them() {
    each(|world| {
        world.raw("up", &["tag", "-a", "-m", "x", "v1"]);
        let first = world.id("up", "HEAD");
        let second = world.commit("second");
        let git = world.git("up");
        let resolved = |revision: &str| git.resolve(revision).unwrap();
        for revision in ["HEAD", "main", "refs/heads/main", &second, &second[..8]] {
            assert_eq!(resolved(revision).as_ref(), Some(&second), "{revision}");
        }
        for revision in ["HEAD~1", "v1", "main^", &first[..8]] {
            assert_eq!(resolved(revision).as_ref(), Some(&first), "{revision}");
        }
        for revision in ["none", "HEAD~2", "HEAD:", "v1..main", "-q", "--help", "HEAD\nHEAD", " "] {
            assert_eq!(resolved(revision), None, "{revision:?}");
        }
        assert_eq!(resolved(&world.unknown_id()), None);
        for bad in ["", "^HEAD", ":/second"] {
            assert!(matches!(git.resolve(bad), Err(GitError::BadArgument { .. })), "{bad}");
        }
        assert!(matches!(world.git(".").resolve("HEAD"), Err(GitError::Failed { .. })));
    });
}

#[test]
fn what_is_no_id_or_ref_never_reaches_git() {
    let git = Git { program: "no-such-git".into(), ..Git::in_clone("/") };
    let good = "1".repeat(40);
    for bad in ["--upload-pack=x", "HEAD", "", "main", &good[1..], &good.replace('1', "A")] {
        let is_refused = |result: Result<(), GitError>| {
            assert!(matches!(result, Err(GitError::BadArgument { .. })), "{bad}");
        };
        is_refused(git.has_commit(bad).map(drop));
        is_refused(git.ref_tip(bad).map(drop));
        is_refused(git.first_parents(None, bad, 1).map(drop));
        is_refused(git.first_parents(Some(bad), &good, 1).map(drop));
        is_refused(git.described_since(bad, "refs/a", 1).map(drop));
        is_refused(git.described_since(&good, bad, 1).map(drop));
        is_refused(git.is_ancestor(bad, &good).map(drop));
        is_refused(git.is_ancestor(&good, bad).map(drop));
        is_refused(git.tracked(bad, "tests").map(drop));
        is_refused(git.fetch_commit(bad));
        is_refused(git.fetch_refs(&[(bad.into(), "refs/a".into())]));
        is_refused(git.fetch_refs(&[("refs/a".into(), bad.into())]));
        is_refused(git.refs_below(bad).map(drop));
        is_refused(git.describe(&[bad.to_owned()]).map(drop));
        is_refused(git.fetch_heads(bad));
        is_refused(git.move_refs(&[RefMove { name: bad.into(), to: Some(good.clone()) }]));
        is_refused(git.move_refs(&[RefMove { name: "refs/a".into(), to: Some(bad.into()) }]));
        is_refused(git.checkout(bad));
    }
    assert!(matches!(git.tracked(&good, "../x"), Err(GitError::BadArgument { .. })));
}

#[test]
fn nothing_is_fetched_to_answer() {
    each(|world| {
        world.raw("up", &["config", "uploadpack.allowFilter", "true"]);
        world.raw("up", &["config", "uploadpack.allowAnySHA1InWant", "true"]);
        let url = format!("file://{}", world.path("up").display());
        world.raw(".", &["clone", "-q", "--filter=blob:none", "--no-checkout", &url, "partial"]);
        let id = world.commit("second");
        let git = world.git("partial");
        assert!(!git.has_commit(&id).unwrap());
        // Without our care, plain git does fetch it.
        world.raw("partial", &["cat-file", "-e", &id]);
        assert!(git.has_commit(&id).unwrap());
    });
}

/// main: first - a - merge - b, with a side branch of one commit in the merge.
fn merged(world: &World) -> [String; 5] {
    let first = world.id("up", "HEAD");
    let a = world.commit("a");
    world.raw("up", &["checkout", "-q", "-b", "side", &first]);
    let side = world.commit("side");
    world.raw("up", &["checkout", "-q", "main"]);
    world.raw("up", &["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let merge = world.id("up", "HEAD");
    let b = world.commit("b");
    [first, a, side, merge, b]
}

#[test]
fn first_parents_oldest_first() {
    each(|world| {
        let [first, a, side, merge, b] = merged(world);
        let git = world.git("up");
        let list = |after: Option<&str>, most| git.first_parents(after, &b, most).unwrap();
        assert_eq!(list(None, 10), [&first, &a, &merge, &b].map(Clone::clone));
        assert_eq!(list(Some(&first), 10), [&a, &merge, &b].map(Clone::clone));
        assert_eq!(list(Some(&side), 10), [&a, &merge, &b].map(Clone::clone));
        assert_eq!(list(Some(&first), 2), [&merge, &b].map(Clone::clone), "the newest");
        assert_eq!(list(Some(&b), 10), [""; 0]);
        assert_eq!(list(None, 0), [""; 0]);
        let unknown = world.unknown_id();
        assert!(matches!(git.first_parents(Some(&unknown), &b, 1), Err(GitError::Failed { .. })));
    });
}

#[test]
fn what_commits_say_of_themselves() {
    each(|world| {
        let first = world.id("up", "HEAD");
        let message = "Ünïcode\x1b[31m\nof two lines\n\nand more\n";
        let evil = world.commit(message);
        world.raw(
            "up",
            &["-c", "i18n.commitEncoding=latin1", "commit", "-q", "--allow-empty", "-m", "x"],
        );
        let plain = world.id("up", "HEAD");
        // What a user has set for reading is not for us.
        for (name, value) in [("i18n.logOutputEncoding", "latin1"), ("log.showSignature", "true")] {
            world.raw("up", &["config", name, value]);
        }
        let git = world.git("up");
        let ids = [plain.clone(), world.unknown_id(), evil.clone(), first.clone()];
        let described = git.describe(&ids).unwrap();
        let found: Vec<_> = described.iter().map(|commit| &commit.id).collect();
        assert_eq!(found, [&plain, &evil, &first], "in the order asked for");
        assert_eq!(described[1].subject, "Ünïcode\x1b[31m of two lines");
        assert_eq!(described[1].author, "A <a@b>");
        assert_eq!(described[1].tree, world.id("up", &format!("{evil}^{{tree}}")));
        let time = world.raw("up", &["log", "-1", "--format=%ct", &evil]);
        assert_eq!(described[1].committed_s.to_string(), time);
        assert_eq!(
            git.describe(&[world.id("up", "HEAD^{tree}")]).unwrap(),
            [],
            "a tree is no commit"
        );
        assert_eq!(git.describe(&[]).unwrap(), []);
    });
}

#[test]
fn what_came_says_of_itself() {
    each(|world| {
        let [first, a, _, merge, b] = merged(world);
        let git = world.git("up");
        let main = "refs/heads/main";
        let came = |after: &str, most| git.described_since(after, main, most).unwrap();
        let ids = |after, most| came(after, most).into_iter().map(|commit| commit.id);
        assert!(ids(&first, 10).eq([&a, &merge, &b].map(Clone::clone)));
        assert!(ids(&first, 2).eq([&merge, &b].map(Clone::clone)), "the newest");
        assert_eq!(came(&first, 10), git.describe(&[a, merge, b.clone()]).unwrap());
        assert_eq!(came(&b, 10), []);
        let failed = |after: &str, full_ref| {
            matches!(git.described_since(after, full_ref, 1), Err(GitError::Failed { .. }))
        };
        assert!(failed(&world.unknown_id(), main) && failed(&first, "refs/heads/none"));
    });
}

#[test]
fn ancestors() {
    each(|world| {
        let [first, a, side, _, b] = merged(world);
        let git = world.git("up");
        assert!(git.is_ancestor(&first, &b).unwrap() && git.is_ancestor(&side, &b).unwrap());
        assert!(git.is_ancestor(&b, &b).unwrap());
        assert!(!git.is_ancestor(&b, &first).unwrap() && !git.is_ancestor(&a, &side).unwrap());
        assert!(git.is_ancestor(&world.unknown_id(), &b).is_err());
    });
}

#[test]
fn what_a_commit_tracks() {
    each(|world| {
        world.file("outside", "");
        world.file("testsuite/x", "");
        world.file("tests/a\nb ü", "");
        world.file("tests/sub/deep/x.py", "");
        script(&world.path("up/tests/run"), "");
        std::os::unix::fs::symlink("../outside", world.path("up/tests/link")).unwrap();
        let first = world.id("up", "HEAD");
        let module = format!("160000,{first},tests/module");
        world.raw("up", &["update-index", "--add", "--cacheinfo", &module]);
        std::fs::create_dir(world.path("up/tests/module")).unwrap();
        world.raw(
            "up",
            &[
                "add",
                "outside",
                "testsuite",
                "tests/a\nb ü",
                "tests/sub",
                "tests/run",
                "tests/link",
            ],
        );
        world.raw("up", &["commit", "-q", "-m", "files"]);
        let id = world.id("up", "HEAD");
        let expected = [
            (Mode::File, "tests/a\nb ü"),
            (Mode::Link, "tests/link"),
            (Mode::Submodule, "tests/module"),
            (Mode::Executable, "tests/run"),
            (Mode::File, "tests/sub/deep/x.py"),
        ];
        let expected = expected.map(|(mode, path)| Tracked { mode, path: path.into() });
        for place in ["up", "up/tests"] {
            assert_eq!(world.git(place).tracked(&id, "tests").unwrap(), expected, "{place}");
        }
        assert_eq!(world.git("up").tracked(&first, "tests").unwrap(), []);
        assert_eq!(world.git("up").tracked(&id, "outside").unwrap(), [], "a file is no folder");
    });
}
