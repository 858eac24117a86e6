//! A supervisor: the process between us and a child, whose only job is that nothing of the child is left when it says so.
//!
//! One thread, one poll. It keeps no time but the grace, decides nothing, and writes no log. It takes one job after the other, as
//! long as each has ended by itself and left nobody.

use std::collections::HashSet;
use std::io::{self, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, WaitOptions, WaitStatus, getpid, pidfd_open,
    set_child_subreaper, set_dumpable_behavior, setsid, wait,
};

use crate::child::{How, Job, KILL_WAIT, command};
use crate::supervise::dispositions;
use crate::supervise::processes::{Family, STOP_PASSES_MAX};
use crate::supervise::wire::{self, End, Said};

/// How many dead are buried in one turn. Where they come faster than that, orders are still heard.
const BURIALS_MAX: usize = 1000;

/// How long the killed may take before those that are left, or have been born meanwhile, are killed again.
const ROUND_WAIT: Duration = Duration::from_millis(10);

/// A process that supervises what its standard input tells it to, from its first line to its exit.
pub fn supervise() -> ExitCode {
    // Its own session before all else: until then, Ctrl-C reaches it. It fails where we lead a group already, which a
    // runner does not make us do.
    let _ = setsid();
    dispositions::shed();
    if let Err(error) = prepare().and_then(|deaths| serve(&deaths)) {
        say(Said::Refused(error.raw_os_error().unwrap_or(Errno::INVAL.raw_os_error())));
    }
    ExitCode::SUCCESS
}

/// Takes job after job, until there are no more, or one has not ended as it should.
fn serve(deaths: &UnixStream) -> io::Result<()> {
    while let Some(output) = read_begin()? {
        let Some(job) = read_job()? else { return Ok(()) };
        if !start(&job, output, deaths)?.finish() {
            return Ok(());
        }
    }
    Ok(())
}

fn prepare() -> io::Result<UnixStream> {
    let deaths = dispositions::handle_all()?;
    set_child_subreaper(Some(getpid()))?;
    // For whoever looks at a list of processes. The name of the program is already in the arguments.
    let _ = std::fs::write("/proc/self/comm", "supervisor");
    // Then no process of the same user can trace us, or open our pipes and say in our name that it passed.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    Ok(deaths)
}

/// Where the next job is to print; none where there is none.
fn read_begin() -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut enclosed = RecvAncillaryBuffer::new(&mut space);
    let mut word = [0; wire::BEGIN.len()];
    loop {
        let into = &mut [IoSliceMut::new(&mut word)];
        match recvmsg(io::stdin(), into, &mut enclosed, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
            // To end what has ended by itself is nothing to do; nothing at all means that whoever started us has died.
            Ok(_) if word != wire::BEGIN => return Ok(None),
            Ok(_) => break,
        }
    }
    let output = enclosed.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    output.map(Some).ok_or(Errno::BADF.into())
}

/// The job; none where whoever was about to send it has died.
fn read_job() -> io::Result<Option<Job>> {
    let mut length = [0; wire::LENGTH_BYTES];
    if !fill(&mut length)? {
        return Ok(None);
    }
    let mut body = vec![0; wire::job_bytes(length).ok_or(Errno::TOOBIG)?];
    if !fill(&mut body)? {
        return Ok(None);
    }
    Ok(Some(wire::job(&body).ok_or(Errno::INVAL)?))
}

/// Reads standard input without a buffer of std's, behind which poll would not see what has come.
fn fill(mut buffer: &mut [u8]) -> io::Result<bool> {
    while !buffer.is_empty() {
        match rustix::io::read(io::stdin(), &mut *buffer) {
            Ok(0) => return Ok(false),
            Ok(length) => buffer = &mut buffer[length..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(true)
}

/// A line to whoever started us. If nobody hears it, then nobody needs it.
fn say(said: Said) {
    let line = format!("{said}\n");
    // A line is shorter than what a pipe takes at once, and all our lines are less than it holds.
    while rustix::io::write(io::stderr(), line.as_bytes()) == Err(Errno::INTR) {}
}

/// Starts the child. We keep none of what it prints to, so that its end is seen when nobody else does.
fn start<'a>(job: &Job, output: OwnedFd, deaths: &'a UnixStream) -> io::Result<Supervisor<'a>> {
    let mut command = command(job);
    command.stdout(output.try_clone()?).stderr(Stdio::from(output));
    let started = Instant::now();
    // Never waited for through std: all children are reaped alike, adopted ones too.
    let child = Pid::from_child(&command.spawn()?);
    say(Said::Started);
    Ok(Supervisor {
        child,
        pidfd: pidfd_open(child, PidfdFlags::empty()).ok(),
        end: None,
        started,
        grace: job.grace,
        state: State::Running,
        deaths,
        family: Family::new(),
    })
}

/// What has been said to us.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing.
    Running,
    /// To end; after this moment (none: never) by force.
    Asked(Option<Instant>),
    /// Nothing more will be: whoever started us is dead.
    Orphaned,
}

#[derive(Debug)]
struct Supervisor<'a> {
    child: Pid,
    /// Readable when the child itself has ended: also where SIGCHLD is blocked, which is inherited.
    pidfd: Option<OwnedFd>,
    /// None until the child itself has been reaped.
    end: Option<End>,
    started: Instant,
    grace: Duration,
    state: State,
    /// Readable when a child, ours or adopted, has died.
    deaths: &'a UnixStream,
    family: Family,
}

impl Supervisor<'_> {
    /// Sees the child to its end, and says how that was. Whether we may take another job.
    fn finish(mut self) -> bool {
        while self.bury() && !self.is_over() {
            self.listen();
        }
        let left = self.sweep();
        if let Some(pid) = left {
            say(Said::Left(pid.as_raw_nonzero().get()));
        } else if let Some(end) = self.end {
            say(Said::Ended(end));
        }
        left.is_none() && matches!(self.state, State::Running)
    }

    /// Whether what is left is to be killed now. Once asked to end, everybody has the whole grace, also when the child
    /// itself is quicker.
    fn is_over(&self) -> bool {
        match self.state {
            State::Running => self.end.is_some(),
            State::Asked(until) => until.is_some_and(|until| Instant::now() >= until),
            State::Orphaned => true,
        }
    }

    /// Reaps the dead. False when no child is left, dead or alive.
    fn bury(&mut self) -> bool {
        for _ in 0..BURIALS_MAX {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => self.note(pid, status),
                Err(Errno::INTR) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
        self.wake();
        true
    }

    /// Makes the next wait return at once.
    fn wake(&self) {
        // It fails only in a process that has no signals.
        let _ = signal_hook::low_level::raise(signal_hook::consts::SIGCHLD);
    }

    fn note(&mut self, pid: Pid, status: WaitStatus) {
        // Its id may come again, for an orphan that is adopted later.
        if pid == self.child && self.end.is_none() {
            let how = match status.terminating_signal() {
                Some(signal) => How::Signalled(signal),
                None => How::Exited(status.exit_status().unwrap_or(-1)),
            };
            let was_asked = matches!(self.state, State::Asked(_));
            self.end = Some(End { how, lasted: self.started.elapsed(), was_asked });
        }
    }

    /// Waits for a death, a word or the end of the grace.
    fn listen(&mut self) {
        let stdin = io::stdin();
        let mut fds = vec![
            PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
            PollFd::new(self.deaths, PollFlags::IN),
        ];
        let pidfd = self.pidfd.iter().filter(|_| self.end.is_none());
        fds.extend(pidfd.map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
        let left = match self.state {
            State::Asked(Some(until)) => Some(until.saturating_duration_since(Instant::now())),
            _ => None,
        };
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        // Interrupted, it is called again; there is no other error.
        let is_ready = poll(&mut fds, left.as_ref()).is_ok();
        let has_word = is_ready && !fds[0].revents().is_empty();
        self.forget_deaths();
        if has_word {
            self.hear();
        }
    }

    /// Before the dead are counted, so that a death after the count is heard of again.
    fn forget_deaths(&self) {
        let mut heap = [0; 256];
        while (&mut &*self.deaths).read(&mut heap).is_ok_and(|length| length == heap.len()) {}
    }

    fn hear(&mut self) {
        match rustix::io::read(io::stdin(), &mut [0; 16]) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(0) | Err(_) => self.state = State::Orphaned,
            Ok(_) => {
                // If the child has ended by itself meanwhile, that is what counts.
                self.bury();
                if self.end.is_none() && matches!(self.state, State::Running) {
                    self.state = State::Asked(Instant::now().checked_add(self.grace));
                    self.hold_still();
                    self.family.ask();
                }
            }
        }
    }

    /// Stops all descendants, so that nobody is just being born, just leaving, or just starting another in place of
    /// one that has gone, when they are ended. The dead are buried in between: where many are born, many die.
    fn hold_still(&mut self) {
        let mut stopped = HashSet::new();
        for _ in 0..STOP_PASSES_MAX {
            if !self.family.stop(&mut stopped) {
                break;
            }
            self.bury();
        }
    }

    /// Kills and reaps until there is nobody left, and returns somebody who is left after all.
    fn sweep(&mut self) -> Option<Pid> {
        let until = Instant::now() + KILL_WAIT;
        while self.bury() {
            if Instant::now() >= until {
                return self.family.members().first().map(|relative| relative.pid);
            }
            self.hold_still();
            self.family.kill();
            let wait = Timespec::try_from(ROUND_WAIT).ok();
            let _ = poll(&mut [PollFd::new(self.deaths, PollFlags::IN)], wait.as_ref());
            self.forget_deaths();
        }
        None
    }
}
