//! Git: one door to it, each verb typed.
//!
//! Here stands what every call has in common: the environment, the settings that keep hooks and helpers out, the
//! deadlines and the bounds. What is asked of a repository is in `questions`, what is got from its origin in
//! `origin`, refs many at a time in `refs`, a private checkout in `checkout`; `names` checks what goes in, `error` says what went
//! wrong. Read without git are what it prints (`printed`), a checkout's `index`, what is `plain` in a clone, and which `objects` are there.
//!
//! Known to work with git 2.39 and 2.47.

mod checkout;
mod error;
mod index;
mod names;
mod objects;
mod origin;
mod origin_name;
mod plain;
pub mod printed;
mod questions;
mod refs;
#[cfg(test)]
mod testing;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::fs::{Access, access};

use crate::child::{How, Job, RunError, Stream, run, run_with_input};
use crate::stop::Stop;

pub use error::GitError;
pub use origin_name::name_in_url;
pub use questions::{Described, Mode, Tracked};
pub use refs::{Head, RefMove};

/// For verbs that talk to origin: a slow line and a large repository are let through, a dead one is not.
const NETWORK_DEADLINE: Duration = Duration::from_secs(300);

/// For verbs that touch the disk alone.
const LOCAL_DEADLINE: Duration = Duration::from_secs(60);

/// How long git may take to remove its lock files once it has been asked to end.
const GRACE: Duration = Duration::from_secs(5);

/// What one answer may hold: the listing of some hundred thousand files.
const OUTPUT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How much of git's complaints is kept. It is their end, where git says what it failed at.
const COMPLAINT_BYTES_MAX: usize = 64 * 1024;

/// What git and its transports need of our environment. No `GIT_…` is among them: a process started from a hook
/// would have every verb work on the hook's repository.
const PASSED_ON: [&str; 27] = [
    // Programs, and on clusters the libraries that they were built with.
    "PATH",
    "LD_LIBRARY_PATH",
    // Whose configuration, credentials and keys.
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "KRB5CCNAME",
    "KRB5_CONFIG",
    "KRB5_CLIENT_KTNAME",
    "TMPDIR",
    // The way out.
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    // Whom to trust there.
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NIX_SSL_CERT_FILE",
];

/// What stands before every verb: nothing runs that was not asked for, and ids mean what they say.
const SETTINGS: [&str; 11] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "fetch.writeCommitGraph=false",
    "advice.detachedHead=false",
    "advice.fetchShowForcedUpdates=false",
    // These two run, or talk to, whatever a URL names.
    "protocol.ext.allow=never",
    "protocol.fd.allow=never",
    "core.untrackedCache=false",
];

/// What ssh is told when the user has not said how to call it: fail, where it would ask a person.
const SSH_COMMAND: &str = "ssh -oBatchMode=yes";

/// Git in one repository. Cheap to clone; its clones share what it has learnt.
#[derive(Debug, Clone)]
pub struct Git {
    program: OsString,
    place: Place,
    stop: Stop,
    local_deadline: Duration,
    network_deadline: Duration,
    /// Whether the user has set `core.sshCommand`; asked once, at the first verb that may need it.
    has_own_ssh: Arc<OnceLock<bool>>,
}

/// Which repository, and from where it is seen.
#[derive(Debug, Clone)]
struct Place {
    dir: PathBuf,
    /// Where it is not for git to find out.
    git_dir: Option<PathBuf>,
    work_tree: Option<PathBuf>,
}

impl Git {
    /// Git in a user's clone, with or without a work tree, or anywhere inside it.
    pub fn in_clone(dir: impl Into<PathBuf>) -> Git {
        Git::at(Place { dir: dir.into(), git_dir: None, work_tree: None })
    }

    /// Git in a checkout of our own, whose control folder lies outside its work tree.
    pub fn in_checkout(git_dir: impl Into<PathBuf>, work_tree: impl Into<PathBuf>) -> Git {
        let work_tree = absolute(work_tree.into());
        let git_dir = Some(absolute(git_dir.into()));
        Git::at(Place { dir: work_tree.clone(), git_dir, work_tree: Some(work_tree) })
    }

    fn at(place: Place) -> Git {
        Git {
            program: "git".into(),
            place,
            stop: Stop::never(),
            local_deadline: LOCAL_DEADLINE,
            network_deadline: NETWORK_DEADLINE,
            has_own_ssh: Arc::default(),
        }
    }

    /// The same, ended by `stop`.
    #[must_use]
    pub fn with_stop(self, stop: Stop) -> Git {
        Git { stop, ..self }
    }

    /// The same, with other deadlines for one call: for verbs on this machine, and for those that talk to origin.
    #[must_use]
    pub fn with_deadlines(self, local: Duration, network: Duration) -> Git {
        Git { local_deadline: local, network_deadline: network, ..self }
    }

    /// The same git, and the same limits, somewhere else.
    fn elsewhere(&self, place: Place) -> Git {
        Git { place, has_own_ssh: Arc::default(), ..self.clone() }
    }

    /// A call of `verb`; `task` completes "cannot …" in its errors.
    fn call(&self, task: &'static str, verb: &str) -> Call<'_> {
        let args = vec![verb.into()];
        let (settings, protocols, deadline) = (vec![], "", self.local_deadline);
        Call {
            git: self,
            task,
            settings,
            args,
            input: None,
            over_network: false,
            protocols,
            deadline,
        }
    }

    fn has_own_ssh(&self) -> Result<bool, GitError> {
        if let Some(known) = self.has_own_ssh.get() {
            return Ok(*known);
        }
        // One question tells both.
        self.origin_url()?;
        Ok(self.has_own_ssh.get().copied().unwrap_or_default())
    }
}

/// The path as seen from any folder. Where not even that can be told, the path itself; git will say why it is wrong.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// One call of git, on its way.
struct Call<'a> {
    git: &'a Git,
    task: &'static str,
    settings: Vec<&'static str>,
    args: Vec<OsString>,
    input: Option<Vec<u8>>,
    over_network: bool,
    /// What may be got from elsewhere all the same.
    protocols: &'static str,
    deadline: Duration,
}

/// What git said at its exit.
struct Answer {
    task: &'static str,
    status: i32,
    out: Vec<u8>,
    complaints: Vec<u8>,
}

impl<'a> Call<'a> {
    fn arg(mut self, arg: impl AsRef<OsStr>) -> Call<'a> {
        self.args.push(arg.as_ref().into());
        self
    }

    fn args<const N: usize>(mut self, args: [&str; N]) -> Call<'a> {
        self.args.extend(args.map(OsString::from));
        self
    }

    fn settings<const N: usize>(mut self, settings: [&'static str; N]) -> Call<'a> {
        self.settings.extend(settings);
        self
    }

    /// What git reads on its standard input: for more than a command line holds.
    fn input(self, input: Vec<u8>) -> Call<'a> {
        Call { input: Some(input), ..self }
    }

    /// What git printed; anything but success is an error.
    fn output(self) -> Result<Vec<u8>, GitError> {
        let answer = self.answer()?;
        if answer.status == 0 { Ok(answer.out) } else { Err(answer.into_error()) }
    }

    /// What git printed, or none where it said no by exiting with 1.
    fn question(self) -> Result<Option<Vec<u8>>, GitError> {
        let answer = self.answer()?;
        match answer.status {
            0 => Ok(Some(answer.out)),
            1 => Ok(None),
            _ => Err(answer.into_error()),
        }
    }

    fn answer(mut self) -> Result<Answer, GitError> {
        let (git, task, input) = (self.git, self.task, self.input.take());
        let job = self.job()?;
        let (mut out, mut complaints) = (Vec::new(), Tail::default());
        let mut is_too_much = false;
        let mut hear = |stream, bytes: &[u8]| match stream {
            Stream::Err => complaints.push(bytes),
            Stream::Out if out.len() + bytes.len() > OUTPUT_BYTES_MAX => is_too_much = true,
            Stream::Out => out.extend_from_slice(bytes),
        };
        let ended = match input {
            Some(input) => run_with_input(&job, &input, &git.stop, &mut hear),
            None => run(&job, &git.stop, &mut hear),
        };
        let ended = ended.map_err(|error| match error {
            RunError::ProgramMissing { program } => GitError::Missing { program },
            error => GitError::Run(error),
        })?;
        match ended.how {
            _ if is_too_much => Err(GitError::TooMuchOutput { task, bytes_max: OUTPUT_BYTES_MAX }),
            How::Exited(status) => Ok(Answer { task, status, out, complaints: complaints.0 }),
            How::Signalled(signal) => Err(GitError::Killed { task, signal }),
            How::TimedOut => Err(GitError::TimedOut { task, after: job.timeout }),
            How::Stopped => Err(GitError::Stopped { task }),
        }
    }

    fn job(self) -> Result<Job, GitError> {
        let git = self.git;
        let mut env = environment(std::env::vars_os());
        if !self.over_network {
            // A partial clone would otherwise get from origin whatever it is asked for and has not. The second of
            // these is what a git that does not know the first understands.
            env.push(("GIT_NO_LAZY_FETCH".into(), "1".into()));
            env.push(("GIT_ALLOW_PROTOCOL".into(), self.protocols.into()));
        } else if !git.has_own_ssh()? {
            // The variable would win over `core.sshCommand`, so it is set only where there is none.
            env.push(("GIT_SSH_COMMAND".into(), SSH_COMMAND.into()));
        }
        Ok(Job {
            program: found(&git.program, &env),
            dir: git.place.dir.clone(),
            env,
            timeout: self.deadline,
            grace: GRACE,
            merge: false,
            args: self.whole_line(),
        })
    }

    fn whole_line(self) -> Vec<OsString> {
        // A replaced object would have a commit's id stand for other content.
        let mut line: Vec<OsString> = vec!["--no-replace-objects".into()];
        let mut option = |name: &str, path: &Option<PathBuf>| {
            if let Some(path) = path {
                let mut option = OsString::from(name);
                option.push(path);
                line.push(option);
            }
        };
        option("--git-dir=", &self.git.place.git_dir);
        option("--work-tree=", &self.git.place.work_tree);
        for setting in SETTINGS.into_iter().chain(self.settings) {
            line.extend(["-c".into(), setting.into()]);
        }
        line.extend(self.args);
        line
    }
}

impl Answer {
    fn into_error(self) -> GitError {
        let message = error::useful_line(&self.complaints, self.status);
        GitError::Failed { task: self.task, status: self.status, message }
    }
}

/// The end of what was written, in bounded memory.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let excess = self.0.len().saturating_sub(COMPLAINT_BYTES_MAX);
        self.0.drain(..excess);
    }
}

/// What git is given of our environment, and what it is told besides.
fn environment(
    inherited: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let is_passed_on = |name: &OsStr| PASSED_ON.iter().any(|passed| name == *passed);
    let mut env: Vec<_> = inherited.into_iter().filter(|(name, _)| is_passed_on(name)).collect();
    // Messages are read by us; nobody is there to answer a question; reading takes no locks from the user.
    for (name, value) in
        [("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_OPTIONAL_LOCKS", "0")]
    {
        env.push((name.into(), value.into()));
    }
    env
}

/// The path of a program in the `PATH` of `env`, or its name where it is not found there. Whoever starts a path need not look for it
/// between fork and exec, so std does not copy this whole process for that.
fn found(program: &OsStr, env: &[(OsString, OsString)]) -> OsString {
    let is_program = |path: &PathBuf| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    let is_path = program.as_encoded_bytes().contains(&b'/');
    let path = env.iter().find(|(name, _)| !is_path && name == "PATH");
    let folders = path.into_iter().flat_map(|(_, folders)| std::env::split_paths(folders));
    // A folder that is not absolute is one of where the program starts.
    let found = folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(program));
    found.into_iter().find(is_program).map_or_else(|| program.to_owned(), PathBuf::into_os_string)
}

/// The one line of text that git printed.
fn one_line(out: Vec<u8>, task: &'static str) -> Result<String, GitError> {
    let text = String::from_utf8(out).map_err(|_| GitError::BadAnswer { task })?;
    let line = text.strip_suffix(['\n', '\0']).unwrap_or(&text);
    if line.is_empty() || line.contains(['\n', '\0']) {
        return Err(GitError::BadAnswer { task });
    }
    Ok(line.to_owned())
}

/// The one path that git printed, in whatever encoding.
fn one_path(out: &[u8], task: &'static str) -> Result<PathBuf, GitError> {
    let line = out.strip_suffix(b"\n").unwrap_or(out);
    let path = path_of(line);
    if path.is_absolute() { Ok(path.into()) } else { Err(GitError::BadAnswer { task }) }
}

fn path_of(bytes: &[u8]) -> &Path {
    Path::new(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes))
}

#[cfg(test)]
#[path = "git/git_tests.rs"]
mod tests;
