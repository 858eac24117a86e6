//! A child: one process in a group of its own, run to its end in one poll loop, whatever it does.
//!
//! Nothing here waits without a deadline. What ends a child, in order: its own exit, or TERM to the group at the
//! timeout or at a stop, then KILL to the group after the grace. What is left of the group when the child itself has
//! gone is killed, and whoever has left the group and kept the pipes delays us by `LEAK_WAIT` at most.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, pidfd_open,
    waitid,
};

use crate::stop::Stop;

/// How much is read at once, and all that is held of a child's output. It is a pipe's capacity on Linux, so that one
/// turn of the loop takes all that an exited child left behind.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// How long the pipes are drained after the child has gone, for bytes of a process that left the group and keeps them
/// open. It is not waited for: it would be for ever.
pub(crate) const LEAK_WAIT: Duration = Duration::from_millis(200);

/// How long KILL may take. It is nearly at once, except for a process in an uninterruptible sleep (a dead network
/// disk) or one that has become another user; waiting for those would hang us.
pub(crate) const KILL_WAIT: Duration = Duration::from_secs(10);

/// How much of a file is looked at for the interpreter in its first line; the kernel itself looks at no more.
const SHEBANG_BYTES: u64 = 256;

/// What is to be run, and where it must end.
#[derive(Debug, Clone)]
pub struct Job {
    /// A name looked up in the `PATH` of `env`, or a path; a relative path starts at `dir`.
    pub program: OsString,
    /// Its arguments, without its own name.
    pub args: Vec<OsString>,
    /// The folder it starts in.
    pub dir: PathBuf,
    /// The whole environment: nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// How long it may run before it is asked to end.
    pub timeout: Duration,
    /// How long it may take over ending before it is killed.
    pub grace: Duration,
    /// Whether standard error goes into the pipe of standard output, which keeps their order.
    pub merge: bool,
}

/// Which of its two streams a child wrote to; with [`Job::merge`] always `Out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A child that has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// What its end was.
    pub how: How,
    /// From its start to its exit, without what its pipes took after it.
    pub lasted: Duration,
}

/// The ends that a child can come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By itself, with this exit status.
    Exited(i32),
    /// By this signal, which we did not send.
    Signalled(i32),
    /// It was still running at its timeout, and was ended.
    TimedOut,
    /// The stop was said, and it was ended, or not even started.
    Stopped,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            How::Exited(status) => write!(f, "exit status {status}"),
            How::Signalled(signal) => write!(f, "ended by {}", signal_name(*signal)),
            How::TimedOut => f.write_str("timed out"),
            How::Stopped => f.write_str("stopped"),
        }
    }
}

/// Why a child could not be run, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no such program.
    #[error("cannot run {program:?}: there is no such program")]
    ProgramMissing {
        /// As the job named it.
        program: OsString,
    },
    /// The program is a script, and what its first line names does not exist.
    #[error("cannot run {program:?}: its interpreter {interpreter:?} is missing")]
    InterpreterMissing {
        /// As the job named it.
        program: OsString,
        /// As the script's first line names it; empty when the program is no script.
        interpreter: String,
    },
    /// The folder to start in is not there, or is no folder.
    #[error("cannot run {program:?} in {dir:?}: there is no such folder")]
    DirMissing {
        /// As the job named it.
        program: OsString,
        /// As the job named it.
        dir: PathBuf,
    },
    /// It may not be run, or nothing can be started at the moment.
    #[error("cannot run {program:?}: {source}")]
    Spawn {
        /// As the job named it.
        program: OsString,
        /// What the system said.
        source: io::Error,
    },
    /// The child was started and then lost sight of; it has been killed.
    #[error("cannot wait for {program:?}: {source}")]
    Wait {
        /// As the job named it.
        program: OsString,
        /// What the system said.
        source: io::Error,
    },
    /// Not even KILL has ended it. It will be reaped by a later run.
    #[error("cannot end {program:?}: process {pid} outlives SIGKILL")]
    Unkillable {
        /// As the job named it.
        program: OsString,
        /// The process that is still there.
        pid: i32,
    },
    /// Its supervisor was gone before its end, so nobody saw how it ended; what of it could be found has been killed.
    #[error("cannot tell how {program:?} ended: its supervisor {fate}")]
    SupervisorLost {
        /// As the job named it.
        program: OsString,
        /// What became of the supervisor.
        fate: String,
    },
}

/// Runs `job` to its end, or to `stop`, and gives each piece of its output to `sink` as it comes.
///
/// The sink is called on this thread and in the order of each stream; while it blocks, no deadline is looked at. Once
/// `run` has returned, the child is reaped and nothing is left of its process group.
///
/// # Errors
/// When the child could not be started or waited for. How it ended is never an error.
pub fn run(job: &Job, stop: &Stop, sink: &mut dyn FnMut(Stream, &[u8])) -> Result<Ended, RunError> {
    run_reading(job, Stdio::null(), stop, sink)
}

/// As [`run`], with `input` on the child's standard input. It is held in memory, whole: a child that does not read it
/// keeps nobody waiting.
pub(crate) fn run_with_input(
    job: &Job,
    input: &[u8],
    stop: &Stop,
    sink: &mut dyn FnMut(Stream, &[u8]),
) -> Result<Ended, RunError> {
    let failed = |source| RunError::Spawn { program: job.program.clone(), source };
    run_reading(job, in_memory(input).map_err(failed)?.into(), stop, sink)
}

/// A file without a name that holds `content`, to be read from its beginning.
fn in_memory(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("input", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

fn run_reading(
    job: &Job,
    input: Stdio,
    stop: &Stop,
    sink: &mut dyn FnMut(Stream, &[u8]),
) -> Result<Ended, RunError> {
    reap_left_over();
    if stop.is_set() {
        return Ok(Ended { how: How::Stopped, lasted: Duration::ZERO });
    }
    let started = Instant::now();
    let (held, pipes) = spawn(job, input)?;
    let pidfd = pidfd_open(held.pid, PidfdFlags::empty()).map_err(|errno| lost(job, errno))?;
    let until = started.checked_add(job.timeout);
    Run { job, stop, held, pidfd, pipes, started, until, phase: Phase::Running }.finish(sink)
}

/// `SIGKILL`, or `signal 64` for one without a name.
pub fn signal_name(signal: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let index = usize::try_from(signal).ok().and_then(|number| number.checked_sub(1));
    match index.and_then(|index| NAMES.get(index)) {
        Some(name) => format!("SIG{name}"),
        None => format!("signal {signal}"),
    }
}

/// How far the ending has come.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nobody has asked it to end.
    Running,
    /// TERM has been sent, for this reason.
    Asked(How),
    /// KILL has been sent, for this reason.
    Killed(How),
    /// It has gone; only its pipes are left.
    Gone(Ended),
}

/// What a poll can wake for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Pipe(Stream),
    Exit,
    Stop,
}

type Pipes = [(Stream, Option<OwnedFd>); 2];

/// One child on its way to its end.
struct Run<'a> {
    job: &'a Job,
    stop: &'a Stop,
    held: Held,
    pidfd: OwnedFd,
    pipes: Pipes,
    started: Instant,
    /// When the phase ends by itself; none where the job's timeout is beyond what a clock can hold.
    until: Option<Instant>,
    phase: Phase,
}

impl Run<'_> {
    fn finish(mut self, sink: &mut dyn FnMut(Stream, &[u8])) -> Result<Ended, RunError> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            if let Phase::Gone(ended) = self.phase
                && (self.is_past() || self.pipes.iter().all(|(_, pipe)| pipe.is_none()))
            {
                return Ok(ended);
            }
            let ready = self.wait()?;
            self.read(&ready, &mut buffer, sink);
            // An exit counts before a deadline that passed meanwhile: the child did end by itself.
            if ready.contains(&Source::Exit) {
                self.note_exit()?;
            } else if ready.contains(&Source::Stop) {
                self.ask(How::Stopped);
            } else if self.is_past() {
                self.press()?;
            }
        }
    }

    fn is_past(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Waits for what matters in this phase, and at most until its end.
    fn wait(&self) -> Result<Vec<Source>, RunError> {
        let mut sources = Vec::with_capacity(4);
        let mut fds = Vec::with_capacity(4);
        for (stream, pipe) in &self.pipes {
            if let Some(pipe) = pipe {
                sources.push(Source::Pipe(*stream));
                fds.push(PollFd::new(pipe, PollFlags::IN));
            }
        }
        if !matches!(self.phase, Phase::Gone(_)) {
            sources.push(Source::Exit);
            fds.push(PollFd::new(&self.pidfd, PollFlags::IN));
        }
        if let (Phase::Running, Some(fd)) = (self.phase, self.stop.fd()) {
            sources.push(Source::Stop);
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        }
        match poll(&mut fds, self.time_left().as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(lost(self.job, errno)),
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        Ok(sources.into_iter().zip(&fds).filter(|(_, fd)| is_ready(fd)).map(|(s, _)| s).collect())
    }

    /// Until the end of the phase; none is for ever.
    fn time_left(&self) -> Option<Timespec> {
        let left = self.until?.saturating_duration_since(Instant::now());
        Timespec::try_from(left).ok()
    }

    /// One read of each ready pipe, so that a child which writes endlessly still lets the deadlines be looked at.
    fn read(&mut self, ready: &[Source], buffer: &mut [u8], sink: &mut dyn FnMut(Stream, &[u8])) {
        for (stream, pipe) in &mut self.pipes {
            let Some(fd) = pipe.as_ref().filter(|_| ready.contains(&Source::Pipe(*stream))) else {
                continue;
            };
            match rustix::io::read(fd, &mut *buffer) {
                Ok(0) => *pipe = None,
                Ok(length) => sink(*stream, &buffer[..length]),
                Err(Errno::INTR | Errno::AGAIN) => {}
                // A pipe that cannot be read is of no more use than a closed one.
                Err(_) => *pipe = None,
            }
        }
    }

    fn note_exit(&mut self) -> Result<(), RunError> {
        let status = self.held.reap().map_err(|source| lost(self.job, source))?;
        let how = match self.phase {
            Phase::Asked(how) | Phase::Killed(how) => how,
            Phase::Running | Phase::Gone(_) => end_of(status),
        };
        let now = Instant::now();
        self.phase = Phase::Gone(Ended { how, lasted: now.duration_since(self.started) });
        self.until = Some(now + LEAK_WAIT);
        Ok(())
    }

    /// The phase's time is over: the next harder means.
    fn press(&mut self) -> Result<(), RunError> {
        match self.phase {
            Phase::Running => self.ask(How::TimedOut),
            Phase::Asked(how) => self.kill(how),
            Phase::Killed(_) => return Err(self.give_up()),
            Phase::Gone(_) => {}
        }
        Ok(())
    }

    fn ask(&mut self, why: How) {
        self.held.ask_to_end();
        self.phase = Phase::Asked(why);
        self.until = Instant::now().checked_add(self.job.grace);
    }

    fn kill(&mut self, why: How) {
        self.held.kill();
        self.phase = Phase::Killed(why);
        self.until = Some(Instant::now() + KILL_WAIT);
    }

    fn give_up(&mut self) -> RunError {
        self.held.leave_over();
        let pid = self.held.pid.as_raw_nonzero().get();
        RunError::Unkillable { program: self.job.program.clone(), pid }
    }
}

/// A child that has not been reaped, so that its id is still its own: signals to it and to its group cannot hit
/// another. Dropped, it is killed and reaped.
#[derive(Debug)]
pub(crate) struct Held {
    child: Option<Child>,
    pub(crate) pid: Pid,
}

impl Held {
    pub(crate) fn new(child: Child) -> Held {
        let pid = Pid::from_child(&child);
        Held { child: Some(child), pid }
    }

    /// Gives it to somebody else to hold.
    pub(crate) fn take(&mut self) -> Held {
        Held { child: self.child.take(), pid: self.pid }
    }

    /// TERM, and CONT, without which a stopped process would never see the TERM.
    fn ask_to_end(&self) {
        for signal in [Signal::TERM, Signal::CONT] {
            if kill_process_group(self.pid, signal).is_err() {
                // The child has moved to another group, and its own one is empty.
                let _ = kill_process(self.pid, signal);
            }
        }
    }

    /// KILL, to the group and to a child that has left it. Errors say that nobody is there to be killed, or that we
    /// may not; the wait that follows finds out.
    pub(crate) fn kill(&self) {
        let _ = kill_process_group(self.pid, Signal::KILL);
        let _ = kill_process(self.pid, Signal::KILL);
    }

    /// Kills what is left of the group of a child that has exited, then lets go of its id.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        let mut child = self.child.take().ok_or(Errno::CHILD)?;
        // It fails where somebody has had the kernel reap our children; then the id is no longer ours to signal.
        waitid(
            WaitId::Pid(self.pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG,
        )?;
        let _ = kill_process_group(self.pid, Signal::KILL);
        child.wait()
    }

    /// Lets go of a child that should have exited by now. None where it has not, or where its status is lost.
    pub(crate) fn let_go(&mut self) -> Option<ExitStatus> {
        match self.child.as_mut()?.try_wait() {
            Ok(None) => self.leave_over(),
            Ok(Some(status)) => {
                self.child = None;
                return Some(status);
            }
            // Somebody has had the kernel reap our children.
            Err(_) => self.child = None,
        }
        None
    }

    /// Whether it has not been let go of, so that its id is its own.
    pub(crate) fn is_held(&self) -> bool {
        self.child.is_some()
    }

    fn leave_over(&mut self) {
        if let Some(child) = self.child.take() {
            LEFT_OVER.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
            await_exit(self.pid, KILL_WAIT);
            self.leave_over();
            reap_left_over();
        }
    }
}

/// Children that KILL had not ended in time. Each run looks whether they have gone meanwhile, so that not even they
/// stay zombies.
static LEFT_OVER: Mutex<Vec<Child>> = Mutex::new(Vec::new());

pub(crate) fn reap_left_over() {
    let mut children = LEFT_OVER.lock().unwrap_or_else(PoisonError::into_inner);
    children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

/// Waits for the exit of a child that has not been reaped, no longer than `wait`.
pub(crate) fn await_exit(pid: Pid, wait: Duration) {
    let until = Instant::now() + wait;
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    loop {
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
        match poll(&mut [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)], left.as_ref()) {
            Err(Errno::INTR) => {}
            _ => return,
        }
    }
}

fn end_of(status: ExitStatus) -> How {
    match status.signal() {
        Some(signal) => How::Signalled(signal),
        None => How::Exited(status.code().unwrap_or(-1)),
    }
}

/// What starts `job`, except for its output.
pub(crate) fn command(job: &Job) -> Command {
    let mut command = Command::new(&job.program);
    command.args(&job.args).current_dir(&job.dir).process_group(0).stdin(Stdio::null());
    command.env_clear().envs(job.env.iter().map(|(name, value)| (name, value)));
    command
}

fn spawn(job: &Job, input: Stdio) -> Result<(Held, Pipes), RunError> {
    let failed = |source| RunError::Spawn { program: job.program.clone(), source };
    let mut command = command(job);
    command.stdin(input);
    let mut merged = None;
    if job.merge {
        let (reader, writer) = io::pipe().map_err(failed)?;
        command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        merged = Some(OwnedFd::from(reader));
    } else {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let mut child = command.spawn().map_err(|error| not_started(job, error))?;
    // The command holds our copies of the merged pipe's writing end, which would keep it open for ever.
    drop(command);
    let out = merged.or_else(|| child.stdout.take().map(OwnedFd::from));
    let err = child.stderr.take().map(OwnedFd::from);
    Ok((Held::new(child), [(Stream::Out, out), (Stream::Err, err)]))
}

/// The system says "not found" of three different things; this finds out which.
pub(crate) fn not_started(job: &Job, source: io::Error) -> RunError {
    let program = job.program.clone();
    if !matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
        return RunError::Spawn { program, source };
    }
    if !job.dir.is_dir() {
        return RunError::DirMissing { program, dir: job.dir.clone() };
    }
    let path = job.dir.join(&job.program);
    if job.program.as_encoded_bytes().contains(&b'/') && path.is_file() {
        return RunError::InterpreterMissing { program, interpreter: interpreter_of(&path) };
    }
    RunError::ProgramMissing { program }
}

/// What the first line of a script names to run it.
fn interpreter_of(path: &std::path::Path) -> String {
    let mut start = Vec::new();
    // Only a regular file: opening a pipe would wait for its other end.
    let is_file = std::fs::metadata(path).is_ok_and(|found| found.is_file());
    if let Some(file) = is_file.then(|| File::open(path).ok()).flatten() {
        // Unread is as good as empty here: the caller has an error to tell already.
        let _ = file.take(SHEBANG_BYTES).read_to_end(&mut start);
    }
    let text = String::from_utf8_lossy(&start);
    let line = text.lines().next().and_then(|line| line.strip_prefix("#!")).unwrap_or_default();
    line.split_whitespace().next().unwrap_or_default().to_owned()
}

pub(crate) fn lost(job: &Job, source: impl Into<io::Error>) -> RunError {
    RunError::Wait { program: job.program.clone(), source: source.into() }
}

#[cfg(test)]
#[path = "child_tests.rs"]
mod tests;
