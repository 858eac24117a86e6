//! The repository that tests find at `.git`. It shares objects with the clone and nothing else, so whatever a test does to it never
//! reaches the clone, and is gone with the next commit.
//!
//! To make and to remove files and folders costs more than all else, so those that the last commit's tests have left alone are used
//! again.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use pontus_exec::write_over;
use pontus_proto::CommitId;

use crate::removal::remove;

/// What folders are in it, after those that they lie in.
const FOLDERS: [&str; 4] = ["objects", "objects/info", "refs", "refs/heads"];

/// What may be done with a folder of ours. A test may have made it less.
const FOLDER_MODE: u32 = 0o700;

/// Has a repository at `path` be what it is after this, whatever it was: on `commit`, with the objects that `shared` names as
/// alternates, with a history that ends where `shallow` says, and with this `index`.
///
/// # Errors
/// What the file system says.
pub fn make(
    path: &Path,
    commit: CommitId,
    shared: &[u8],
    shallow: Option<&[u8]>,
    index: &[u8],
) -> io::Result<()> {
    let head = format!("{commit}\n");
    let mut files = vec![
        ("config", config(commit).as_bytes()),
        ("objects/info/alternates", shared),
        ("HEAD", head.as_bytes()),
        ("index", index),
    ];
    files.extend(shallow.map(|shallow| ("shallow", shallow)));
    let names = FOLDERS.into_iter().chain(files.iter().map(|(name, _)| *name));
    if !holds_only(path, &names.map(|name| path.join(name)).collect()) {
        remove(path)?;
        folders(path).try_for_each(fs::create_dir)?;
    }
    files.iter().try_for_each(|(name, content)| write(&path.join(name), content))
}

/// The repository's own folder and those in it. (The path that joins nothing to it would end with a slash, and so lead through a link.)
fn folders(root: &Path) -> impl Iterator<Item = PathBuf> {
    std::iter::once(root.to_owned()).chain(FOLDERS.map(|folder| root.join(folder)))
}

/// Whether our folders are there, as we made them, and nothing in them but what is `known`.
fn holds_only(root: &Path, known: &HashSet<PathBuf>) -> bool {
    folders(root).all(|folder| {
        let is_ours = |found: fs::Metadata| {
            found.is_dir() && found.permissions().mode() & FOLDER_MODE == FOLDER_MODE
        };
        let is_known = |entry: io::Result<fs::DirEntry>| {
            entry.is_ok_and(|entry| known.contains(&entry.path()))
        };
        fs::symlink_metadata(&folder).is_ok_and(is_ours)
            && fs::read_dir(&folder).is_ok_and(|mut entries| entries.all(is_known))
    })
}

/// Writes a file, over what is in it where it is only ours: to make one anew costs a file system far more.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    // A second name of it may be anywhere, and lead to it later.
    let is_ours = |found: &fs::Metadata| found.is_file() && found.nlink() == 1;
    let is_there = fs::symlink_metadata(path).is_ok_and(|found| is_ours(&found));
    if is_there && write_over(path, content).is_ok() {
        return Ok(());
    }
    remove(path)?;
    File::create_new(path)?.write_all(content)
}

/// The least that makes a folder a repository. The length of an id tells its object format.
fn config(commit: CommitId) -> &'static str {
    if commit.to_string().len() == 40 {
        "[core]\n\trepositoryFormatVersion = 0\n\tbare = false\n"
    } else {
        "[core]\n\trepositoryFormatVersion = 1\n\tbare = false\n[extensions]\n\tobjectFormat = sha256\n"
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::symlink;

    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Bench {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("precious"), "p").unwrap();
            let bench = Bench { folder };
            // A repository that somebody else has planted, and that must not be written to.
            fs::create_dir(bench.path("elsewhere")).unwrap();
            folders(&bench.path("elsewhere")).skip(1).try_for_each(fs::create_dir).unwrap();
            bench
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn make(&self, id: &str, shallow: Option<&[u8]>) {
            let commit = id.repeat(20).parse().unwrap();
            make(&self.path(".git"), commit, b"/objects\n", shallow, b"DIRC").unwrap();
        }

        /// Each file with what is in it, and each folder.
        fn content(&self) -> BTreeMap<PathBuf, String> {
            let (mut found, mut folders) = (BTreeMap::new(), vec![self.path(".git")]);
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                    let what = if entry.file_type().unwrap().is_dir() {
                        folders.push(entry.path());
                        String::new()
                    } else {
                        assert!(entry.file_type().unwrap().is_file());
                        fs::read_to_string(entry.path()).unwrap()
                    };
                    found.insert(entry.path(), what);
                }
            }
            found
        }
    }

    #[test]
    fn it_is_the_same_whatever_was_done_to_it() {
        let bench = Bench::new();
        bench.make("ab", None);
        let fresh = bench.content();
        assert_eq!(fresh.len(), FOLDERS.len() + 4);
        let at = |name: &str| bench.path(".git").join(name);
        let mode = |name: &str, mode| {
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        let instead = |name: &str| {
            remove(&at(name)).unwrap();
            symlink(bench.path("precious"), at(name)).unwrap();
        };
        let damages: [&dyn Fn(); 14] = [
            &|| {},
            &|| fs::write(at("hooks"), "").unwrap(),
            &|| fs::write(at("refs/heads/main"), "").unwrap(),
            &|| fs::create_dir_all(at("objects/ab")).unwrap(),
            &|| fs::write(at("shallow"), "").unwrap(),
            &|| fs::write(at("config"), "[core]\n").unwrap(),
            &|| mode("refs", 0o500),
            &|| mode("config", 0o000),
            &|| fs::write(at("index"), "longer than it should be").unwrap(),
            &|| remove(&at("objects")).unwrap(),
            &|| {
                ["HEAD", "index", "config", "objects/info/alternates"].into_iter().for_each(instead)
            },
            &|| ["refs", "objects"].into_iter().for_each(instead),
            &|| {
                remove(&bench.path(".git")).unwrap();
                symlink(bench.path("elsewhere"), bench.path(".git")).unwrap();
            },
            &|| fs::hard_link(at("HEAD"), bench.path("kept")).unwrap(),
        ];
        for (number, damage) in damages.into_iter().enumerate() {
            damage();
            bench.make("ab", None);
            assert_eq!(bench.content(), fresh, "{number}");
        }
        assert_eq!(fs::metadata(at("HEAD")).unwrap().nlink(), 1);
        assert_eq!(fs::read(bench.path("precious")).unwrap(), b"p");
        assert!(!bench.path("elsewhere/HEAD").exists());
    }

    #[test]
    fn folders_that_were_left_alone_are_used_again() {
        let bench = Bench::new();
        bench.make("ab", Some(b"x"));
        let inode = |folder: PathBuf| fs::metadata(folder).unwrap().ino();
        let inodes = || folders(&bench.path(".git")).map(inode).collect::<Vec<_>>();
        let before = inodes();
        bench.make("cd", Some(b"y"));
        assert_eq!(inodes(), before);
        let content = bench.content();
        let at = |name: &str| content[&bench.path(".git").join(name)].as_str();
        assert_eq!((at("HEAD").trim_end(), at("shallow")), ("cd".repeat(20).as_str(), "y"));
        bench.make("cd", None);
        assert!(!bench.path(".git/shallow").exists());
    }
}
