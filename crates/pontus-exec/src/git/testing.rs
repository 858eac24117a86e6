//! Real repositories to test with: an upstream and a clone of it, in a folder of their own, for each git there is.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Git;

/// The git on PATH, and the one that the distribution brought.
const PROGRAMS: [&str; 2] = ["git", "/usr/bin/git"];

pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    program: &'static str,
    pub(super) format: &'static str,
}

/// Runs `test` with each git that is there and each object format.
pub(super) fn each(test: impl Fn(&World)) {
    for program in PROGRAMS {
        if program.starts_with('/') && !Path::new(program).exists() {
            eprintln!("skipped: there is no {program}");
            continue;
        }
        for format in ["sha1", "sha256"] {
            eprintln!("with {program} and {format}");
            test(&World::new(program, format));
        }
    }
}

impl World {
    fn new(program: &'static str, format: &'static str) -> World {
        let world = World { folder: tempfile::tempdir().unwrap(), program, format };
        let format = format!("--object-format={format}");
        world.raw(".", &["init", "-q", "-b", "main", &format, "up"]);
        world.commit("first");
        world.raw(".", &["clone", "-q", "up", "clone"]);
        world
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn is_sha256(&self) -> bool {
        self.format == "sha256"
    }

    /// The wrapper under test, in one of this world's folders.
    pub(super) fn git(&self, name: &str) -> Git {
        self.with_program(Git::in_clone(self.path(name)))
    }

    pub(super) fn with_program(&self, git: Git) -> Git {
        Git { program: self.program.into(), ..git }
    }

    /// Plain git, without the wrapper, as a user has it: its output, which must be a success.
    pub(super) fn raw<S: AsRef<OsStr>>(&self, dir: &str, args: &[S]) -> String {
        let output = self.command(dir).args(args).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{complaint}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub(super) fn command(&self, dir: &str) -> Command {
        let mut command = Command::new(self.program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.folder.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "A").env(format!("GIT_{role}_EMAIL"), "a@b");
        }
        command.current_dir(self.path(dir));
        command
    }

    /// Writes a file of upstream's work tree.
    pub(super) fn file(&self, path: &str, content: &str) {
        write(&self.path("up").join(path), content);
    }

    /// Commits upstream's work tree as it stands, on its current branch.
    pub(super) fn commit(&self, message: &str) -> String {
        self.raw("up", &["add", "-A"]);
        self.raw("up", &["commit", "-q", "--allow-empty", "-m", message]);
        self.id("up", "HEAD")
    }

    pub(super) fn id(&self, dir: &str, name: &str) -> String {
        self.raw(dir, &["rev-parse", "--verify", name])
    }

    /// An id of the right length that no object has.
    pub(super) fn unknown_id(&self) -> String {
        "1".repeat(if self.is_sha256() { 64 } else { 40 })
    }

    /// All refs of a repository, with what they point at.
    pub(super) fn refs(&self, dir: &str) -> String {
        self.raw(dir, &["for-each-ref", "--format=%(refname) %(objectname)"])
    }
}

/// Writes a file, and the folders it is in.
pub(super) fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Writes an executable file. Another process does the writing: while this one has a file open for that, a child that
/// another test starts at the moment has it open too, and the file cannot be run ("text file busy").
pub(super) fn script(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"]).arg(path);
    assert!(command.arg(content).status().unwrap().success());
}
