//! A temporary folder with a master repository, its two clones, and the three programs at work on them.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pontus_proto::{Caller, Client, Role, Token};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt,
};
use tempfile::TempDir;

use crate::git::git;
use crate::process::Process;
use crate::programs::{planted_dispatcher, program};

/// Where one test plays.
#[derive(Debug)]
pub struct Yard {
    folder: TempDir,
    port: u16,
    /// Bound to the port and never listening: while no dispatcher is there, nobody else is given its port, and meets our runners.
    _reserved: OwnedFd,
}

impl Yard {
    /// An empty folder, for tests in which nobody needs a repository.
    pub fn bare() -> Yard {
        let (_reserved, port) = reserve_port();
        Yard { folder: tempfile::tempdir().unwrap(), port, _reserved }
    }

    /// A master repository `test_repo` with one commit that has no tests, and its two clones.
    pub fn new() -> Yard {
        let yard = Yard::bare();
        let master = yard.master();
        fs::create_dir(&master).unwrap();
        git(&master, &["init", "-q"]);
        git(&master, &["commit", "-q", "--allow-empty", "-m", "begin"]);
        yard.clone_master();
        yard
    }

    /// Has the folder stay where it is, for somebody else to remove.
    pub fn leave_behind(&mut self) {
        self.folder.disable_cleanup(true);
    }

    /// Makes the two clones, from what the master has now. What they were before is gone.
    pub fn clone_master(&self) {
        for clone in [self.observers(), self.runners()] {
            // There is none at first.
            fs::remove_dir_all(&clone).ok();
            let paths = [self.master(), clone];
            let [master, clone] = paths.each_ref().map(|path| path.to_str().unwrap());
            // Nobody looks at their files, and there may be many.
            git(self.path(), &["clone", "-q", "--no-checkout", master, clone]);
        }
    }

    /// The temporary folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The repository that is committed to.
    pub fn master(&self) -> PathBuf {
        self.path().join("test_repo")
    }

    /// The observer's clone.
    pub fn observers(&self) -> PathBuf {
        self.path().join("test_repo_clone_obs")
    }

    /// The runner's clone.
    pub fn runners(&self) -> PathBuf {
        self.path().join("test_repo_clone_runner")
    }

    /// Commits `files` (path, text) to the master; scripts (`#!`) are executable. Returns the commit.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        let master = self.master();
        for (path, text) in files {
            let path = master.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        git(&master, &["add", "--all"]);
        git(&master, &["commit", "-q", "--allow-empty", "-m", "a commit"]);
        git(&master, &["rev-parse", "HEAD"])
    }

    /// Starts a dispatcher on the yard's port.
    pub fn dispatcher(&self, args: &[&str]) -> Process {
        self.dispatcher_by(self.command("dispatcher"), args)
    }

    /// The same by a command of the test's own making, which ends in the dispatcher.
    pub fn dispatcher_by(&self, command: Command, args: &[&str]) -> Process {
        let process = self.try_dispatcher_by(command, args);
        process.wait_for("listening on ");
        process
    }

    /// The same, where it may not come so far as to listen.
    pub fn try_dispatcher_by(&self, mut command: Command, args: &[&str]) -> Process {
        command.args(["--host", "127.0.0.1", "--port", &self.port.to_string()]).args(args);
        Process::start("dispatcher", &mut command)
    }

    /// A dispatcher with a planted bug, to be run in the yard.
    pub fn planted(&self, bug: &str) -> Command {
        let mut command = self.command_of(planted_dispatcher());
        command.env("PONTUS_PLANTED", bug);
        command
    }

    /// Starts an observer that looks ten times a second.
    pub fn observer(&self, args: &[&str]) -> Process {
        let mut command = self.command("observer");
        command.args(["--dispatcher-server", &self.server(), "--interval", "100ms"]);
        Process::start("observer", command.args(args).arg(self.observers()))
    }

    /// Starts an observer that looks twenty times a second, and says `looked` each time.
    pub fn watcher(&self, args: &[&str]) -> Process {
        Process::start("observer", self.watcher_command().args(args).arg(self.observers()))
    }

    /// The same, with the clones to watch still to be told.
    pub fn watcher_command(&self) -> Command {
        let mut command = self.command("observer");
        command.env("PONTUS_DISPATCHER_SERVER", self.server()).env("PONTUS_INTERVAL", "50ms");
        command.env("RUST_LOG", "debug");
        command
    }

    /// Has an observer look once, and hold that it could hand in what it saw.
    pub fn hand_in(&self, args: &[&str]) {
        let mut observer = self.observer(&[&["--once"], args].concat());
        assert!(observer.wait().success());
    }

    /// Starts a runner.
    pub fn runner(&self, args: &[&str]) -> Process {
        self.runner_on(&self.runners(), args)
    }

    /// Starts a runner on another clone.
    pub fn runner_on(&self, clone: &Path, args: &[&str]) -> Process {
        let mut command = self.command("runner");
        command.args(["--dispatcher-server", &self.server(), "--name", "oak"]);
        Process::start("runner", command.args(args).arg(clone))
    }

    /// One of the programs, to be run in the yard.
    pub fn command(&self, name: &str) -> Command {
        self.command_of(program(name))
    }

    /// Any program, to be run in the yard. Options of Pontus that stand in our own environment are not for it: these tests may
    /// themselves be run by a runner.
    pub fn command_of(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).env_remove("RUST_LOG");
        // Its own token, and not the user's.
        command.env("XDG_CONFIG_HOME", self.path().join("config"));
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PONTUS_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// The file of the token that the yard's programs share. The first dispatcher makes it.
    pub fn token_file(&self) -> PathBuf {
        self.path().join("config/pontus/token")
    }

    /// The token that stands first in it.
    pub fn token(&self) -> Token {
        let text = fs::read_to_string(self.token_file()).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }

    /// A connection to the dispatcher, greeted as `role`; a runner calls itself `elm`.
    pub fn connect(&self, role: Role) -> Client {
        self.connect_as(role, "elm")
    }

    /// The same, under another name.
    pub fn connect_as(&self, role: Role, name: &str) -> Client {
        let tokens = Ok(vec![self.token()]);
        let name = Some(name.parse().unwrap());
        Client::connect(&self.server(), &Caller { role, name, tokens }).unwrap()
    }

    /// Where the dispatcher listens, when there is one.
    pub fn server(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What a question to the dispatcher's database is answered: the values of a row parted by `|`.
    pub fn ask_database(&self, sql: &str) -> Vec<String> {
        self.ask_database_by(self.command_of("python3"), sql)
    }

    /// The same by a Python that was started where the database is.
    pub fn ask_database_by(&self, mut python: Command, sql: &str) -> Vec<String> {
        let script = "import sqlite3, sys\n\
            for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*row, sep='|')";
        python.args(["-c", script, "test_results/.pontus/pontus.db", sql]);
        let output = python.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// The result file of a commit, once the dispatcher has said that it is there.
    pub fn result(&self, dispatcher: &Process, commit: &str) -> String {
        dispatcher.wait_for(&format!("{commit}: verdict "));
        self.result_now(commit).unwrap()
    }

    /// The result file of a commit, if it is there.
    pub fn result_now(&self, commit: &str) -> Option<String> {
        let bytes = fs::read(self.path().join("test_results").join(commit)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What is in the results folder: names of files that users see.
    pub fn results(&self) -> Vec<String> {
        let names = fs::read_dir(self.path().join("test_results")).unwrap().flatten();
        let visible = |name: &OsStr| !name.as_encoded_bytes().starts_with(b".");
        names
            .map(|entry| entry.file_name())
            .filter(|name| visible(name))
            .map(|name| name.into_string().unwrap())
            .collect()
    }
}

impl Default for Yard {
    fn default() -> Self {
        Yard::new()
    }
}

/// A free port of the loopback address, for who binds to it with `SO_REUSEADDR`, and for nobody else while the socket is kept.
fn reserve_port() -> (OwnedFd, u16) {
    // Not for the programs that are started: they would hold the ports of all yards that there are at the time.
    let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None).unwrap();
    sockopt::set_socket_reuseaddr(&socket, true).unwrap();
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = SocketAddrV4::try_from(getsockname(&socket).unwrap()).unwrap();
    (socket, address.port())
}

/// The last line of a result.
pub fn last_line(result: &str) -> &str {
    result.lines().next_back().unwrap_or_default()
}
