//! A supervisor that has no job yet. Started early, it is there when it is needed: a process takes its time to begin.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::child::{Ended, Held, Job, RunError};
use crate::stop::Stop;
use crate::supervise::{watch, wire};

/// Ourselves, also when the file has been replaced by a newer one since we were started.
const OURSELVES: &str = "/proc/self/exe";

/// A supervisor that waits for a job. Dropped, it is gone; likewise soon after we have died.
#[derive(Debug)]
pub struct Spare {
    /// Closed, it ends everything.
    pub(super) orders: OwnedFd,
    pub(super) output: OwnedFd,
    pub(super) told: OwnedFd,
    pub(super) process: Held,
}

impl Spare {
    /// Starts one. The program must call [`supervise_if_asked`](crate::supervise_if_asked).
    ///
    /// # Errors
    /// What the system says.
    pub fn start() -> io::Result<Spare> {
        let mut child = Command::new(OURSELVES)
            .arg0("pontus-supervisor")
            .arg(wire::FLAG)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Held::new(child);
        let (Some(orders), Some(output), Some(told)) = pipes else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Spare { orders: orders.into(), output: output.into(), told: told.into(), process })
    }

    /// Has it run `job`, as [`run_supervised`](crate::run_supervised) does.
    ///
    /// # Errors
    /// As there.
    pub fn run(
        self,
        job: &Job,
        stop: &Stop,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Ended, RunError> {
        watch::run(Some(self), job, stop, sink)
    }
}
