//! A supervisor that has no job: not yet, or not any more. Where one is there already, nobody waits for a process to begin.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::child::Held;
use crate::supervise::wire;

/// Ourselves, also when the file has been replaced by a newer one since we were started.
const OURSELVES: &str = "/proc/self/exe";

/// A supervisor that waits for a job. Dropped, it is gone; likewise soon after we have died.
#[derive(Debug)]
pub struct Spare {
    /// Closed, it ends everything.
    pub(super) orders: UnixStream,
    pub(super) told: OwnedFd,
    pub(super) process: Held,
}

impl Spare {
    /// Starts one. The program must call [`supervise_if_asked`](crate::supervise_if_asked).
    ///
    /// # Errors
    /// What the system says.
    pub fn start() -> io::Result<Spare> {
        let (orders, theirs) = UnixStream::pair()?;
        let mut child = Command::new(OURSELVES)
            .arg0("pontus-supervisor")
            .arg(wire::FLAG)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let told = child.stderr.take();
        let process = Held::new(child);
        let told = told.ok_or(io::ErrorKind::BrokenPipe)?.into();
        Ok(Spare { orders, told, process })
    }

    /// Has it begin its next job, which prints to `output`, with as much of the job as there is room for. Returns how many bytes that
    /// were.
    ///
    /// # Errors
    /// Where it is gone, most likely.
    pub(super) fn begin(&self, output: impl AsFd, job: &[u8]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut enclosed = SendAncillaryBuffer::new(&mut space);
        let output = [output.as_fd()];
        enclosed.push(SendAncillaryMessage::ScmRights(&output));
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let parts = [wire::BEGIN, job].map(IoSlice::new);
        let sent = sendmsg(&self.orders, &parts, &mut enclosed, flags)?;
        Ok(sent - wire::BEGIN.len())
    }
}
