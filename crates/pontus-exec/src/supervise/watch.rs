//! Our end of a supervisor: it is told the job and when to end it, and heard until it is gone.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::SendFlags;
use rustix::process::{Signal, kill_process};

use crate::child::{
    Ended, Held, How, Job, KILL_WAIT, LEAK_WAIT, READ_BYTES, RunError, await_exit, lost,
    not_started, reap_left_over, signal_name,
};
use crate::stop::Stop;
use crate::supervise::processes::kill_session;
use crate::supervise::spare::Spare;
use crate::supervise::wire::{self, End, Said};

/// The most that a pipe holds, unless root has raised the limit: `pipe-max-size` in pipe(7).
const PIPE_BYTES_MAX: usize = 1024 * 1024;

/// How long a supervisor may take over what it has to do, beyond the grace and what KILL may take: it is a process
/// among others on a machine that may be busy.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// How often a supervisor is started that a Ctrl-C ended before it had left our session. More than one in a row is
/// somebody who means it.
const TRIES_MAX: usize = 4;

/// All that a supervisor says is less than this; what is beyond is dropped.
const SAID_BYTES_MAX: usize = 4096;

/// So much is sent of a job at a time, so that what comes back is heard meanwhile.
const WRITE_BYTES: usize = 4096;

/// Runs `job` under a supervisor to its end, or to `stop`, and gives its output to `sink` as it comes, both streams as
/// one, whatever [`Job::merge`] says.
///
/// Once it has returned, the child is gone and so is every process that it started, in whatever group, session or
/// state; likewise soon after we have died ourselves. What of it outlives its timeout or the stop has the grace, from
/// TERM to KILL; what outlives an end of its own accord is killed at once. The sink is called on this thread; while it
/// blocks, no deadline is looked at. The program must call [`supervise_if_asked`](crate::supervise_if_asked).
///
/// # Errors
/// When the child could not be started, not be ended, or its supervisor was ended by somebody else. How it ended is
/// never an error.
pub fn run_supervised(
    job: &Job,
    stop: &Stop,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<Ended, RunError> {
    run_under(&mut None, job, stop, sink)
}

/// Does so under a supervisor that is there already, if there is one. Afterwards there is one if the child has ended by itself and
/// nothing of it is left.
///
/// # Errors
/// As [`run_supervised`].
pub fn run_under(
    spare: &mut Option<Spare>,
    job: &Job,
    stop: &Stop,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<Ended, RunError> {
    reap_left_over();
    let mut tries = 1;
    loop {
        if stop.is_set() {
            return Ok(Ended { how: How::Stopped, lasted: Duration::ZERO });
        }
        let mut watch = Watch::begin(spare.take(), job, stop)?;
        let result = watch.finish(sink);
        *spare = watch.spare.take();
        if !watch.was_interrupted || tries == TRIES_MAX {
            return result;
        }
        tries += 1;
    }
}

/// One supervisor on its way to its end.
struct Watch<'a> {
    job: &'a Job,
    stop: &'a Stop,
    supervisor: Held,
    /// Closed, it ends everything.
    orders: Option<UnixStream>,
    /// What is still to be written to it.
    unsent: VecDeque<u8>,
    output: Option<OwnedFd>,
    told: Option<OwnedFd>,
    heard: Heard,
    /// Why it has been told to end.
    asked: Option<How>,
    /// When the next step is due; none where the job's timeout is beyond what a clock can hold.
    until: Option<Instant>,
    /// Whether the supervisor was gone before anything had happened, by a signal that may have been meant for us.
    was_interrupted: bool,
    /// The supervisor, once it may have another job.
    spare: Option<Spare>,
}

/// All that a supervisor has said.
#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
}

/// What a poll can wake for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Orders,
    Output,
    Told,
    Stop,
}

impl<'a> Watch<'a> {
    fn begin(spare: Option<Spare>, job: &'a Job, stop: &'a Stop) -> Result<Watch<'a>, RunError> {
        let failed = |source| RunError::Spawn { program: job.program.clone(), source };
        let mut unsent = wire::frame(job).ok_or_else(|| failed(Errno::TOOBIG.into()))?;
        let (output, theirs) = io::pipe().map_err(failed)?;
        let first = &unsent[..unsent.len().min(WRITE_BYTES)];
        // One that has had a job may be gone by now; of a new one we hear why.
        let begun = spare.and_then(|spare| Some((spare.begin(&theirs, first).ok()?, spare)));
        let (sent, Spare { orders, told, process }) = match begun {
            Some(begun) => begun,
            None => {
                let spare = Spare::start().map_err(failed)?;
                match spare.begin(&theirs, first) {
                    Err(error) if !is_gone(&error) => return Err(failed(error)),
                    sent => (sent.unwrap_or(0), spare),
                }
            }
        };
        // Somebody may have stopped it since its last job.
        let _ = kill_process(process.pid, Signal::CONT);
        unsent.drain(..sent);
        Ok(Watch {
            job,
            stop,
            supervisor: process,
            orders: Some(orders),
            unsent: unsent.into(),
            output: Some(output.into()),
            told: Some(told),
            heard: Heard::default(),
            asked: None,
            until: Instant::now().checked_add(job.timeout),
            was_interrupted: false,
            spare: None,
        })
    }

    fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<Ended, RunError> {
        let mut buffer = vec![0; READ_BYTES];
        while self.told.is_some() && !self.heard.is_end() {
            let ready = self.wait()?;
            if ready.contains(&Source::Output) {
                self.read_output(&mut buffer, sink);
            }
            if ready.contains(&Source::Orders) {
                self.send();
            }
            // An end counts before a deadline that passed meanwhile.
            if ready.contains(&Source::Told) {
                self.hear();
            } else if ready.contains(&Source::Stop) {
                self.ask(How::Stopped);
            } else if self.is_past() {
                match self.asked {
                    None => self.ask(How::TimedOut),
                    Some(_) => return Err(self.give_up()),
                }
            }
        }
        let result = self.conclude();
        self.drain(&mut buffer, sink)?;
        result
    }

    fn is_past(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Waits for what matters now, and at most until the next step is due.
    fn wait(&self) -> Result<Vec<Source>, RunError> {
        let may_ask = self.asked.is_none() && self.told.is_some();
        let stop = self.stop.fd().filter(|_| may_ask);
        let orders = self.orders.as_ref().filter(|_| !self.unsent.is_empty());
        let reads = [(Source::Output, &self.output), (Source::Told, &self.told)];
        let mut sources = Vec::with_capacity(4);
        let mut fds = Vec::with_capacity(4);
        for (source, fd) in reads {
            if let Some(fd) = fd {
                sources.push(source);
                fds.push(PollFd::new(fd, PollFlags::IN));
            }
        }
        if let Some(fd) = orders {
            sources.push(Source::Orders);
            fds.push(PollFd::new(fd, PollFlags::OUT));
        }
        if let Some(fd) = stop {
            sources.push(Source::Stop);
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        }
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(lost(self.job, errno)),
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        Ok(sources.into_iter().zip(&fds).filter(|(_, fd)| is_ready(fd)).map(|(s, _)| s).collect())
    }

    /// One read, so that endless output hides no deadline.
    fn read_output(&mut self, buffer: &mut [u8], sink: &mut dyn FnMut(&[u8])) {
        let Some(fd) = &self.output else { return };
        match rustix::io::read(fd, &mut *buffer) {
            Ok(length) if length > 0 => sink(&buffer[..length]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(_) | Err(_) => self.output = None,
        }
    }

    fn send(&mut self) {
        let Some(fd) = &self.orders else { return };
        let (next, _) = self.unsent.as_slices();
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match rustix::net::send(fd, &next[..next.len().min(WRITE_BYTES)], flags) {
            Ok(length) => drop(self.unsent.drain(..length)),
            Err(Errno::INTR | Errno::AGAIN) => {}
            // Nobody reads it any more; what became of the supervisor shows at its other pipes.
            Err(_) => self.unsent.clear(),
        }
    }

    fn hear(&mut self) {
        let Some(fd) = &self.told else { return };
        let mut buffer = [0; SAID_BYTES_MAX];
        match rustix::io::read(fd, &mut buffer) {
            Ok(length) if length > 0 => self.heard.take(&buffer[..length]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(_) | Err(_) => self.told = None,
        }
    }

    fn ask(&mut self, why: How) {
        self.unsent.extend(wire::END);
        self.asked = Some(why);
        let wait = self.job.grace.saturating_add(KILL_WAIT).saturating_add(ANSWER_WAIT);
        self.until = Instant::now().checked_add(wait);
        // Somebody may have stopped it.
        let _ = kill_process(self.supervisor.pid, Signal::CONT);
    }

    /// The supervisor has said how the child ended, or has closed its pipe, which it does by exiting: what does that mean?
    fn conclude(&mut self) -> Result<Ended, RunError> {
        let program = self.job.program.clone();
        let result = match self.heard.last() {
            None | Some(Said::Started) => {
                await_exit(self.supervisor.pid, ANSWER_WAIT);
                return Err(self.lose());
            }
            Some(Said::Left(pid)) => Err(RunError::Unkillable { program, pid }),
            Some(Said::Refused(errno)) => {
                Err(not_started(self.job, io::Error::from_raw_os_error(errno)))
            }
            Some(Said::Ended(End { how, lasted, was_asked })) => {
                let asked = self.asked.filter(|_| was_asked);
                Ok(Ended { how: asked.unwrap_or(how), lasted })
            }
        };
        self.part(result.is_ok() && self.asked.is_none());
        result
    }

    /// Keeps the supervisor for another job, or has it exit.
    fn part(&mut self, may_go_on: bool) {
        let streams = self.orders.take().zip(self.told.take()).filter(|_| may_go_on);
        if let Some((orders, told)) = streams {
            self.spare = Some(Spare { orders, told, process: self.supervisor.take() });
            return;
        }
        await_exit(self.supervisor.pid, ANSWER_WAIT);
        self.supervisor.let_go();
    }

    /// It does not answer.
    fn give_up(&mut self) -> RunError {
        self.supervisor.kill();
        await_exit(self.supervisor.pid, KILL_WAIT);
        self.lose()
    }

    /// It is gone, without a word of how the child ended.
    fn lose(&mut self) -> RunError {
        kill_session(self.supervisor.pid, KILL_WAIT);
        let status = self.supervisor.let_go();
        let signal = status.and_then(|status| status.signal());
        let was_killed = signal == Some(Signal::KILL.as_raw());
        self.was_interrupted = self.heard.last().is_none() && signal.is_some() && !was_killed;
        RunError::SupervisorLost { program: self.job.program.clone(), fate: fate(status) }
    }

    /// What is left in the pipe. Nobody of ours holds it any more; for a stranger who does, we do not wait long. But what was in
    /// it when the child ended is read, however slow the sink is.
    fn drain(&mut self, buffer: &mut [u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), RunError> {
        self.until = Some(Instant::now() + LEAK_WAIT);
        let mut owed = PIPE_BYTES_MAX / buffer.len().max(1) + 1;
        while self.output.is_some() && (owed > 0 || !self.is_past()) {
            let is_ready = self.wait()?.contains(&Source::Output);
            if !is_ready && self.is_past() {
                return Ok(());
            }
            if is_ready {
                owed = owed.saturating_sub(1);
                self.read_output(buffer, sink);
            }
        }
        Ok(())
    }
}

impl Drop for Watch<'_> {
    /// Where the sink has panicked: the supervisor ends everything, and only then itself.
    fn drop(&mut self) {
        self.orders = None;
        if self.supervisor.is_held() {
            await_exit(self.supervisor.pid, KILL_WAIT + ANSWER_WAIT);
        }
    }
}

impl Heard {
    fn take(&mut self, bytes: &[u8]) {
        let room = SAID_BYTES_MAX.saturating_sub(self.bytes.len());
        self.bytes.extend(&bytes[..bytes.len().min(room)]);
    }

    /// Whether all has been said that is to be said of the job.
    fn is_end(&self) -> bool {
        matches!(self.last(), Some(Said::Ended(_)))
    }

    /// The last whole line that means something, which is what it all comes down to.
    fn last(&self) -> Option<Said> {
        let whole = self.bytes.iter().rposition(|byte| *byte == b'\n')?;
        let text = String::from_utf8_lossy(&self.bytes[..whole]);
        text.lines().filter_map(Said::parse).next_back()
    }
}

/// Whether nobody is at the other end any more.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

fn fate(status: Option<ExitStatus>) -> String {
    let Some(status) = status else { return "is lost".to_owned() };
    match status.signal() {
        Some(signal) => format!("was ended by {}", signal_name(signal)),
        None => format!("left with exit status {}", status.code().unwrap_or(-1)),
    }
}
