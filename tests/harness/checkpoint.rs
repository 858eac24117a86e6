//! A place in a test script where it tells us that it has come there, and waits for our word.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use crate::PATIENCE;

/// Where test scripts arrive.
#[derive(Debug)]
pub struct Checkpoint(TcpListener);

/// A test script that waits.
#[derive(Debug)]
pub struct Visitor(TcpStream);

impl Checkpoint {
    /// A new one.
    pub fn new() -> Checkpoint {
        Checkpoint(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// A test script that arrives here, and exits with the status that it is sent.
    pub fn script(&self) -> String {
        format!("#!/bin/bash\necho \"attempt begins\"\n{}", self.stay())
    }

    /// Lines of bash that arrive here, and exit with the status that they are sent.
    pub fn stay(&self) -> String {
        let port = self.0.local_addr().unwrap().port();
        format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port}\n\
             echo \"$PONTUS_COMMIT\" >&3\n\
             read -r status <&3\n\
             exit \"$status\"\n"
        )
    }

    /// Waits for the next arrival. Returns who came, and the commit that it tests.
    pub fn arrival(&self) -> (Visitor, String) {
        self.0.set_nonblocking(true).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.0.accept() {
                Ok((stream, _)) => {
                    if let Some(arrived) = greet(stream) {
                        return arrived;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(Instant::now() < deadline, "no test came to the checkpoint");
                    wait_readable(&self.0);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Who came, and the commit that it says. Nobody, where it says none: a program may look for a server that had this port before.
fn greet(mut stream: TcpStream) -> Option<(Visitor, String)> {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut line = [0; 41];
    stream.read_exact(&mut line).ok()?;
    let commit = str::from_utf8(&line).ok()?.strip_suffix('\n')?.to_owned();
    Some((Visitor(stream), commit))
}

impl Default for Checkpoint {
    fn default() -> Self {
        Checkpoint::new()
    }
}

impl Visitor {
    /// Lets the script exit with `status`.
    pub fn leave_with(mut self, status: u8) {
        // Whoever was killed meanwhile does not hear it.
        writeln!(self.0, "{status}").ok();
    }

    /// Waits until the script has been ended by somebody else.
    pub fn wait_until_gone(mut self) {
        // Asks again where a signal came between.
        let heard = self.0.read_exact(&mut [0]).map_err(|error| error.kind());
        let is_gone = matches!(heard, Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset));
        assert!(is_gone, "the test script is still there: {heard:?}");
    }
}

fn wait_readable(listener: &TcpListener) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
    poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&timeout)).unwrap();
}
