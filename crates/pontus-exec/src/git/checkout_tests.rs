//! A checkout that gets back to what the commit says, from whatever was done to it.

use std::collections::BTreeMap;

use super::super::testing::{World, each, script, write};
use super::*;

/// A commit with a bit of everything, and a checkout of our own that shares the clone's objects.
struct Bench<'a> {
    world: &'a World,
    git: Git,
    id: String,
}

fn bench(world: &World) -> Bench<'_> {
    world.file("tests/test_a.py", "a\n");
    world.file("tests/deep/data", "data\n");
    world.file("crlf", "a\r\nb\n");
    world.file(".gitignore", "*.o\n");
    script(&world.path("up/run"), "#!/bin/sh\n");
    std::os::unix::fs::symlink("tests/test_a.py", world.path("up/link")).unwrap();
    let id = world.commit("files");
    world.git("clone").fetch_heads("refs/pontus").unwrap();
    let git = world.with_program(Git::in_checkout(world.path("control"), world.path("tree")));
    git.init_sharing(&world.git("clone").git_dir().unwrap()).unwrap();
    Bench { world, git, id }
}

impl Bench<'_> {
    fn back(&self) -> Result<(), GitError> {
        self.git.checkout(&self.id)?;
        self.git.clean(&[])
    }

    /// Plain git on the checkout.
    fn raw(&self, args: &[&str]) -> String {
        let place = ["--git-dir=control", "--work-tree=tree"];
        self.world.raw(".", &[&place[..], args].concat())
    }

    fn tree(&self) -> PathBuf {
        self.world.path("tree")
    }

    /// All that is in the work tree must be what was committed.
    fn check(&self, what: &str) {
        assert_eq!(content(&self.tree()), self.expected(), "{what}");
    }

    fn expected(&self) -> BTreeMap<String, String> {
        let mut all = content(&self.world.path("up"));
        all.retain(|path, _| path != ".git" && !path.starts_with(".git/"));
        all
    }
}

/// Each path below a folder with its kind, its execute bit and its content.
fn content(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let what = if kind.is_dir() {
                folders.push(path.clone());
                "folder".to_owned()
            } else if kind.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else {
                let is_executable = entry.metadata().unwrap().permissions().mode() & 0o100 != 0;
                let bytes = fs::read(&path).unwrap();
                format!("{is_executable} {}", String::from_utf8_lossy(&bytes))
            };
            found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), what);
        }
    }
    found
}

#[test]
fn a_commit_is_checked_out_from_shared_objects() {
    each(|world| {
        let bench = bench(world);
        let clone_before = (world.refs("clone"), content(&world.path("clone/.git")).len());
        bench.back().unwrap();
        assert!(bench.expected().len() >= 8);
        bench.check("fresh");
        assert_eq!(bench.git.git_dir().unwrap(), fs::canonicalize(world.path("control")).unwrap());
        assert_eq!(bench.raw(&["rev-parse", "HEAD"]), bench.id);
        assert_eq!(bench.raw(&["count-objects"]), "0 objects, 0 kilobytes", "none copied");
        assert!(!world.path("control/hooks").exists());
        let clone_after = (world.refs("clone"), content(&world.path("clone/.git")).len());
        assert_eq!(clone_before, clone_after);
        bench.git.init_sharing(&world.path("clone/.git")).unwrap();
        bench.back().unwrap();
        bench.check("made again");
    });
}

#[test]
fn another_commit_and_back_keeps_what_is_the_same() {
    each(|world| {
        let mut bench = bench(world);
        bench.back().unwrap();
        let inode = |name: &str| {
            let found = fs::symlink_metadata(bench.tree().join(name)).unwrap();
            std::os::unix::fs::MetadataExt::ino(&found)
        };
        let before = inode("crlf");
        fs::remove_dir_all(world.path("up/tests")).unwrap();
        world.file("tests", "now a file\n");
        let next = world.commit("other");
        world.git("clone").fetch_commit(&next).unwrap();
        bench.git.checkout(&next).unwrap();
        assert_eq!(inode("crlf"), before, "not written anew, so a build stays warm");
        bench.id = next;
        bench.check("tracked files alone, without clean");
    });
}

#[test]
fn whatever_the_index_says() {
    each(|world| {
        let bench = bench(world);
        bench.back().unwrap();
        let (file, index) = (bench.tree().join("tests/test_a.py"), world.path("control/index"));
        let spoil = || fs::write(&file, "spoilt\n").unwrap();
        let damages: [(&str, &dyn Fn()); 9] = [
            ("changed", &spoil),
            ("removed", &|| fs::remove_file(&file).unwrap()),
            ("skip-worktree, changed", &|| {
                bench.raw(&["update-index", "--skip-worktree", "tests/test_a.py"]);
                spoil();
            }),
            ("skip-worktree, removed", &|| {
                bench.raw(&["update-index", "--skip-worktree", "tests/test_a.py"]);
                fs::remove_file(&file).unwrap();
            }),
            ("assume-unchanged", &|| {
                bench.raw(&["update-index", "--assume-unchanged", "tests/test_a.py"]);
                spoil();
            }),
            ("staged", &|| {
                write(&bench.tree().join("new"), "new\n");
                bench.raw(&["rm", "-q", "--cached", "crlf"]);
                bench.raw(&["add", "new"]);
            }),
            ("damaged", &|| fs::write(&index, "nonsense").unwrap()),
            ("missing", &|| {
                fs::remove_file(&index).unwrap();
                spoil();
            }),
            ("locked", &|| {
                for lock in LOCKS {
                    fs::write(world.path("control").join(lock), "").unwrap();
                }
                spoil();
            }),
        ];
        for (what, damage) in damages {
            damage();
            bench.back().unwrap();
            bench.check(what);
        }
    });
}

#[test]
fn whatever_a_test_left() {
    each(|world| {
        let bench = bench(world);
        bench.back().unwrap();
        let tree = bench.tree();
        let outside = world.path("outside");
        write(&outside.join("precious/.git/x"), "");
        let damages: [(&str, &dyn Fn()); 8] = [
            ("untracked and ignored", &|| {
                write(&tree.join("x/y/z"), "");
                write(&tree.join("tests/a.o"), "");
                fs::create_dir_all(tree.join("empty/empty")).unwrap();
            }),
            ("a repository", &|| {
                world.raw("tree", &["init", "-q", "nested"]);
                write(&tree.join("nested/file"), "");
            }),
            ("a repository in a tracked folder", &|| {
                world.raw("tree", &["init", "-q", "tests"]);
            }),
            ("files and links named .git", &|| {
                write(&tree.join("tests/.git"), "gitdir: /elsewhere\n");
                std::os::unix::fs::symlink(&outside, tree.join("tests/deep/.git")).unwrap();
            }),
            ("a folder in place of a file, and the other way round", &|| {
                fs::remove_file(tree.join("crlf")).unwrap();
                world.raw("tree", &["init", "-q", "crlf"]);
                fs::remove_dir_all(tree.join("tests")).unwrap();
                write(&tree.join("tests"), "");
            }),
            ("a link in place of a folder", &|| {
                fs::remove_dir_all(tree.join("tests")).unwrap();
                std::os::unix::fs::symlink(&outside, tree.join("tests")).unwrap();
            }),
            ("a link out, beside", &|| {
                std::os::unix::fs::symlink(&outside, tree.join("away")).unwrap();
            }),
            ("nothing", &|| {
                fs::remove_dir_all(&tree).unwrap();
                fs::create_dir(&tree).unwrap();
            }),
        ];
        for (what, damage) in damages {
            damage();
            bench.back().unwrap();
            bench.check(what);
            assert!(outside.join("precious/.git/x").exists(), "{what}");
        }
    });
}

#[test]
fn folders_without_rights_are_given_them() {
    let root = tempfile::tempdir().unwrap();
    let closed = root.path().join("a/b");
    write(&closed.join(".git/x"), "");
    for (folder, mode) in [(closed.join(".git"), 0o000), (closed.clone(), 0o500)] {
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }
    assert_eq!(loosen(root.path(), None).unwrap().hidden, [closed.join(".git")]);
    for folder in [closed.join(".git"), closed] {
        let mode = fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & OWNER_ALL, OWNER_ALL);
    }
}

#[test]
fn a_submodule_is_an_empty_folder() {
    each(|world| {
        let bench = bench(world);
        let module = format!("160000,{},libs/module", bench.id);
        world.raw("up", &["update-index", "--add", "--cacheinfo", &module]);
        world.raw("up", &["commit", "-q", "-m", "module"]);
        let id = world.id("up", "HEAD");
        world.git("clone").fetch_commit(&id).unwrap();
        bench.git.checkout(&id).unwrap();
        let folder = bench.tree().join("libs/module");
        let is_empty = || fs::read_dir(&folder).unwrap().next().is_none();
        assert!(is_empty());
        write(&folder.join("sub/left"), "");
        world.raw("tree/libs/module", &["init", "-q"]);
        bench.git.checkout(&id).unwrap();
        bench.git.clean(&[]).unwrap();
        assert!(is_empty());
        // A link to somewhere else, where the submodule's folder would be.
        write(&world.path("outside/module/precious"), "");
        fs::remove_dir_all(bench.tree().join("libs")).unwrap();
        std::os::unix::fs::symlink(world.path("outside"), bench.tree().join("libs")).unwrap();
        bench.git.clean(&[]).unwrap();
        assert!(world.path("outside/module/precious").exists());
        bench.git.checkout(&id).unwrap();
        assert!(is_empty());
    });
}

#[test]
fn no_hook_is_run() {
    each(|world| {
        let bench = bench(world);
        let ran = world.path("ran");
        let hook = format!("#!/bin/sh\ntouch {}\n", ran.display());
        for place in ["control/hooks", "clone/.git/hooks", "elsewhere"] {
            script(&world.path(place).join("post-checkout"), &hook);
        }
        bench.back().unwrap();
        let elsewhere = world.path("elsewhere");
        bench.raw(&["config", "core.hooksPath", elsewhere.to_str().unwrap()]);
        bench.back().unwrap();
        assert!(!ran.exists());
        bench.raw(&["checkout", "-q", "--detach", &bench.id]);
        assert!(ran.exists(), "plain git does run it");
    });
}

#[test]
fn a_folder_with_odd_characters() {
    each(|world| {
        let bench = bench(world);
        fs::rename(world.path("clone"), world.path("a b:ü\"#")).unwrap();
        let (control, tree) = (world.path("c d/'con\ntrol"), world.path("-tree ö"));
        let git = world.with_program(Git::in_checkout(control, &tree));
        git.init_sharing(&world.path("a b:ü\"#/.git")).unwrap();
        git.checkout(&bench.id).unwrap();
        git.clean(&[]).unwrap();
        assert_eq!(content(&tree), bench.expected());
    });
}

#[test]
fn what_cannot_be_checked_out_is_said() {
    each(|world| {
        let bench = bench(world);
        let error = bench.git.checkout(&world.unknown_id()).unwrap_err();
        assert!(matches!(error, GitError::Failed { .. }), "{error}");
        bench.back().unwrap();
        bench.check("after a failure");
        assert!(bench.git.init_sharing(&world.path("tree")).is_err());
    });
}

#[test]
fn a_users_clone_is_never_checked_out_or_cleaned() {
    each(|world| {
        write(&world.path("clone/precious"), "");
        let git = world.git("clone");
        let id = world.id("clone", "HEAD");
        assert!(matches!(git.checkout(&id), Err(GitError::BadArgument { .. })));
        assert!(matches!(git.clean(&[]), Err(GitError::BadArgument { .. })));
        assert!(git.init_sharing(&world.path("up/.git")).is_err());
        assert!(world.path("clone/precious").exists());
    });
}

#[test]
fn one_try_is_enough_for_a_commit_that_is_here() {
    each(|world| {
        let bench = bench(world);
        assert!(!bench.git.try_checkout(&world.unknown_id()).unwrap());
        assert!(bench.git.lacks(&world.unknown_id()) && !bench.git.lacks(&bench.id));
        assert!(!world.git("clone").lacks(&world.unknown_id()), "only git could tell");
        assert!(bench.git.try_checkout(&bench.id).unwrap());
        bench.git.clean(&[]).unwrap();
        bench.check("after one try");
        let tests = bench.git.checked_out(&bench.id, "tests").unwrap();
        assert_eq!(tests, bench.git.tracked(&bench.id, "tests").unwrap());
        assert_eq!(tests.len(), 2);
        // A tag is not what was asked for, wherever it leads.
        world.raw("clone", &["tag", "-a", "-m", "x", "v1", &bench.id]);
        let tag = world.id("clone", "v1");
        assert!(matches!(bench.git.try_checkout(&tag), Err(GitError::BadArgument { .. })));
        assert!(matches!(bench.git.checkout(&tag), Err(GitError::BadArgument { .. })));
    });
}

#[test]
fn a_repository_in_the_root_is_the_caller_s() {
    each(|world| {
        let bench = bench(world);
        bench.back().unwrap();
        world.raw("tree", &["init", "-q", "."]);
        bench.back().unwrap();
        assert!(bench.tree().join(".git/config").exists());
        fs::remove_dir_all(bench.tree().join(".git")).unwrap();
        bench.check("but for the repository");
    });
}

#[test]
fn the_index_is_one_file_whatever_the_user_prefers() {
    each(|world| {
        let bench = bench(world);
        world.raw(".", &["config", "--global", "core.splitIndex", "true"]);
        bench.raw(&["config", "core.splitIndex", "true"]);
        bench.back().unwrap();
        bench.raw(&["update-index", "--split-index"]);
        assert!(read_index(&world.path("control")).is_none(), "git has split it");
        world.file("tests/test_a.py", "b\n");
        let next = world.commit("next");
        world.git("clone").fetch_commit(&next).unwrap();
        bench.git.checkout(&next).unwrap();
        assert!(read_index(&world.path("control")).is_some());
    });
}

#[test]
fn what_is_left_is_seen_without_git() {
    each(|world| {
        let bench = bench(world);
        bench.back().unwrap();
        let known = || Known::of(read_index(&world.path("control")).unwrap()).unwrap();
        let is_clean = || loosen(&bench.tree(), Some(&known())).unwrap().is_clean;
        assert!(is_clean());
        for left in ["x.o", "tests/new", "tests/deep/new/er"] {
            write(&bench.tree().join(left), "");
            assert!(!is_clean(), "{left}");
            bench.back().unwrap();
            assert!(is_clean(), "{left}");
        }
        fs::create_dir(bench.tree().join("empty")).unwrap();
        assert!(!is_clean());
        assert!(!loosen(&bench.tree(), None).unwrap().is_clean, "nobody knows what is tracked");
    });
}
