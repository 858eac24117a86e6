//! Disks that fail: a small one that fills up, and system calls that say no.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use crate::process::Process;
use crate::programs::project_root;
use crate::yard::Yard;

/// The yard's `test_results` as a file system of its own, which only programs see that are started [there](Self::command).
#[derive(Debug)]
pub struct SmallDisk {
    /// Keeps the namespace in which it is mounted.
    holder: Child,
}

impl SmallDisk {
    /// One of so many bytes; none, with a message, where this machine does not let us mount.
    pub fn new(yard: &Yard, bytes: usize) -> Option<SmallDisk> {
        let Some(how) = *NAMESPACE else {
            eprintln!("skipped: no file system can be mounted here");
            return None;
        };
        let mut command = yard.command_of("unshare");
        let script = "mkdir -p test_results && mount -t tmpfs -o size=$0,mode=0777 none test_results \
                      && echo mounted && exec cat";
        command.args(how).args(["sh", "-c", script, &bytes.to_string()]);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "mounted\n");
        Some(SmallDisk { holder })
    }

    /// One of the programs, to be run in the yard where this disk is.
    pub fn command(&self, yard: &Yard, program: &Path) -> Command {
        let mut command = yard.command_of("nsenter");
        let how = (*NAMESPACE).unwrap_or_default();
        command.args(how.iter().filter(|option| **option != "--map-root-user"));
        if how.len() > 1 {
            command.arg("--preserve-credentials");
        }
        command.args(["--target", &self.holder.id().to_string()]);
        // The folder where we are is not yet in the namespace.
        command.args(["sh", "-c", "cd \"$0\" && exec \"$@\""]).arg(yard.path()).arg(program);
        command
    }

    /// How a path in the yard's `test_results` is reached from outside.
    pub fn path(&self, yard: &Yard, name: &str) -> PathBuf {
        let results = yard.path().join("test_results");
        let root = format!("/proc/{}/root{}", self.holder.id(), results.display());
        Path::new(&root).join(name)
    }

    /// Fills it until `left` bytes are free.
    pub fn fill(&self, yard: &Yard, left: u64) {
        let folder = rustix::fs::statvfs(self.path(yard, ".")).unwrap();
        let free = folder.f_bavail * folder.f_frsize;
        let filler = vec![0; free.saturating_sub(left) as usize];
        // Where somebody else writes meanwhile, it is full before.
        let written = fs::write(self.path(yard, "filler"), filler).map_err(|error| error.kind());
        assert!(matches!(written, Ok(()) | Err(ErrorKind::StorageFull)), "{written:?}");
    }

    /// Makes room again.
    pub fn empty(&self, yard: &Yard) {
        fs::remove_file(self.path(yard, "filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

/// How `unshare` makes a namespace in which we may mount, if it does.
static NAMESPACE: LazyLock<Option<&[&str]>> = LazyLock::new(|| {
    let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--user", "--map-root-user"]];
    let works = |how: &&&[&str]| {
        let mut command = Command::new("unshare");
        command.args(**how).args(["mount", "-t", "tmpfs", "none", "/tmp"]);
        command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    ways.iter().find(works).copied()
});

/// Starts one of the programs and has some system `calls` fail, as strace's `inject` says. Only those on the `paths` fail,
/// where there are any.
#[derive(Debug)]
pub struct Failing<'a> {
    /// Their names, with commas.
    pub calls: &'a str,
    /// How they fail, and which of them: `error=EIO:when=2..3`.
    pub how: &'a str,
    /// Where.
    pub paths: &'a [PathBuf],
}

impl Failing<'_> {
    /// The command; none, with a message, where nothing can be made to fail here.
    pub fn command(&self, yard: &Yard, program: &Path) -> Option<Command> {
        if !can_trace() {
            return None;
        }
        let mut command = yard.command_of("strace");
        command.args(AS_GRANDCHILD).args(["-e", &format!("trace={}", self.calls)]);
        command.args(["-e", &format!("inject={}:{}", self.calls, self.how)]);
        command.args(self.paths.iter().flat_map(|path| [OsStr::new("-P"), path.as_os_str()]));
        command.arg(program);
        Some(command)
    }
}

/// Whether strace works here. If not, says that something is skipped.
pub fn can_trace() -> bool {
    if !*STRACE {
        eprintln!("skipped: no system call can be traced or made to fail here");
    }
    *STRACE
}

/// The program is the one that we start, so that it can be killed, and strace is out of the way.
const AS_GRANDCHILD: [&str; 5] = ["-D", "-f", "-qq", "-o", "/dev/null"];

/// Whether strace is there and may trace. Where it may not, it lets the program run as if nothing were.
static STRACE: LazyLock<bool> = LazyLock::new(|| {
    let mut command = Command::new("strace");
    command.args(AS_GRANDCHILD).args(["-e", "trace=fsync", "-e", "inject=fsync:error=EIO"]);
    command.arg("sync").arg(project_root().join("Cargo.toml"));
    let status = command.stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.code() == Some(1))
});

/// Waits until a program that cannot go on ends, and returns its exit status and the one line that it has said of it.
pub fn end_of(mut process: Process) -> (Option<i32>, String) {
    let status = process.wait();
    let log = process.log();
    let said: Vec<_> = log.iter().filter(|line| line.starts_with("dispatcher: ")).collect();
    assert_eq!(said.len(), 1, "{log:?}");
    (status.code(), said[0].clone())
}
