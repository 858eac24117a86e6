//! One TCP connection as lines in and lines out, each with an absolute deadline.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::limits::LINE_BYTES_MAX;
use crate::line::{LineBuffer, LineTooLong};

/// How much is asked of the socket at once. Most lines are far shorter, and thousands of threads wait with this much on their stacks.
const READ_BYTES: usize = 2 * 1024;

/// The same in the middle of a line that has turned out to be a long one.
const LONG_READ_BYTES: usize = 64 * 1024;

/// Why no line came.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The peer closed the connection, perhaps in the middle of a line.
    #[error("the connection was closed")]
    Closed,
    /// The deadline passed first.
    #[error("nothing was heard in time")]
    TimedOut,
    /// The line is over its limit.
    #[error(transparent)]
    TooLong(#[from] LineTooLong),
    /// The network failed.
    #[error(transparent)]
    Io(io::Error),
}

/// A TCP stream and what has been read of it beyond the last line.
#[derive(Debug)]
pub struct Connection {
    stream: Arc<TcpStream>,
    lines: LineBuffer,
    line_bytes_max: usize,
    /// The timeouts that the socket has.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl Connection {
    /// Takes a stream over, which somebody else may hold to end it. Lines may have [`LINE_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// Where the socket's options cannot be set.
    pub fn new(stream: impl Into<Arc<TcpStream>>) -> io::Result<Self> {
        let stream = stream.into();
        // Each line is a question or its answer: waiting for more to send would only delay it.
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            lines: LineBuffer::default(),
            line_bytes_max: LINE_BYTES_MAX,
            read_timeout: None,
            write_timeout: None,
        })
    }

    /// Changes how long a line that is read may be, newline included.
    pub fn limit_lines(&mut self, bytes_max: usize) {
        self.line_bytes_max = bytes_max;
    }

    /// The stream, for somebody who has something to say on it between two lines of ours.
    pub fn stream(&self) -> Arc<TcpStream> {
        Arc::clone(&self.stream)
    }

    pub(crate) fn try_clone_stream(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }

    /// The next line, without its newline. One byte now and then does not move the deadline.
    ///
    /// # Errors
    /// See [`ReadError`]; after any of them but `TimedOut` the connection is of no use.
    pub fn read_line(&mut self, deadline: Instant) -> Result<Vec<u8>, ReadError> {
        loop {
            if let Some(line) = self.lines.take_line(self.line_bytes_max)? {
                return Ok(line);
            }
            let left = time_left(deadline).ok_or(ReadError::TimedOut)?;
            self.let_read_wait(left).map_err(ReadError::Io)?;
            let is_long = self.lines.pending_bytes() >= READ_BYTES;
            let read =
                if is_long { Self::read::<LONG_READ_BYTES> } else { Self::read::<READ_BYTES> };
            match read(self) {
                Ok(0) => return Err(ReadError::Closed),
                Ok(_) => {}
                Err(error) if is_passing(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(ReadError::Closed);
                }
                Err(error) => return Err(ReadError::Io(error)),
            }
        }
    }

    /// Takes what there is, at most `BYTES`. Not inlined, so that nobody has the longer of them on the stack but who needs it.
    #[inline(never)]
    fn read<const BYTES: usize>(&mut self) -> io::Result<usize> {
        let mut piece = [0; BYTES];
        let count = (&*self.stream).read(&mut piece)?;
        self.lines.push(&piece[..count]);
        Ok(count)
    }

    /// Writes one line, which brings its own newline.
    ///
    /// # Errors
    /// `TimedOut` where the peer did not take it before the deadline; whatever the network says.
    pub fn write_line(&mut self, mut line: &[u8], deadline: Instant) -> io::Result<()> {
        while !line.is_empty() {
            let left = time_left(deadline).ok_or(io::ErrorKind::TimedOut)?;
            if !serves(self.write_timeout, left) {
                self.stream.set_write_timeout(Some(left))?;
                self.write_timeout = Some(left);
            }
            match (&*self.stream).write(line) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => line = &line[count..],
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says a last line, and ends the connection so that the peer can hear it: a peer that is still writing would be cut off
    /// by a connection that is closed with unread bytes in it, before it has read anything. So at most `unread_bytes_max` are
    /// read and thrown away.
    pub fn say_farewell(mut self, line: &[u8], unread_bytes_max: usize, deadline: Instant) {
        let said =
            self.write_line(line, deadline).and_then(|()| self.stream.shutdown(Shutdown::Write));
        let mut piece = [0; READ_BYTES];
        let mut left_bytes = unread_bytes_max;
        while said.is_ok() && left_bytes > 0 {
            let Some(left) = time_left(deadline) else { return };
            let limited = self.let_read_wait(left);
            match limited.and_then(|()| (&*self.stream).read(&mut piece)) {
                Ok(0) => return,
                Ok(count) => left_bytes = left_bytes.saturating_sub(count),
                Err(error) if is_passing(&error) => {}
                Err(_) => return,
            }
        }
    }

    fn let_read_wait(&mut self, left: Duration) -> io::Result<()> {
        if !serves(self.read_timeout, left) {
            self.stream.set_read_timeout(Some(left))?;
            self.read_timeout = Some(left);
        }
        Ok(())
    }
}

/// A timeout of a socket may be reported as either; the deadline is looked at before each try.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

/// Whether a socket with this timeout may wait while so much time is left. Of those who speak in turns nearly each has as long as
/// the last had, and need not tell the system so again. One that is a little longer makes a deadline that little late; one that is
/// shorter wakes us for nothing.
fn serves(timeout: Option<Duration>, left: Duration) -> bool {
    timeout.is_some_and(|timeout| (left / 2..=left + left / 64).contains(&timeout))
}

/// A socket refuses a timeout of zero, so a deadline that has come is `None`.
fn time_left(deadline: Instant) -> Option<Duration> {
    Some(deadline.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn pair() -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Connection::new(listener.accept().unwrap().0).unwrap(), peer)
    }

    fn soon(ms: u64) -> Instant {
        Instant::now() + Duration::from_millis(ms)
    }

    #[test]
    fn lines_arrive_and_the_end_is_told() {
        let (mut connection, mut peer) = pair();
        peer.write_all(b"one\ntwo\nhalf a li").unwrap();
        drop(peer);
        assert_eq!(connection.read_line(soon(5_000)).unwrap(), b"one");
        assert_eq!(connection.read_line(soon(5_000)).unwrap(), b"two");
        assert!(matches!(connection.read_line(soon(5_000)), Err(ReadError::Closed)));
    }

    #[test]
    fn one_byte_now_and_then_does_not_move_the_deadline() {
        let (mut connection, mut peer) = pair();
        let dripping = thread::spawn(move || {
            // Ends when the other side has given up and dropped its end.
            while peer.write_all(b"x").is_ok() {
                thread::park_timeout(Duration::from_millis(10));
            }
        });
        let started = Instant::now();
        let result = connection.read_line(soon(150));
        assert!(matches!(result, Err(ReadError::TimedOut)), "{result:?}");
        assert!(started.elapsed() < Duration::from_secs(5));
        drop(connection);
        dripping.join().unwrap();
    }

    #[test]
    fn a_timeout_that_is_nearly_right_serves() {
        let minute = Duration::from_secs(60);
        assert!(serves(Some(minute), minute - Duration::from_micros(1)));
        assert!(serves(Some(minute), minute + Duration::from_micros(1)));
        assert!(!serves(Some(minute), Duration::from_secs(50)));
        assert!(!serves(Some(Duration::from_secs(1)), minute));
        assert!(!serves(None, minute));
    }

    #[test]
    fn a_line_that_came_is_not_lost_to_a_timeout() {
        let (mut connection, mut peer) = pair();
        peer.write_all("hälf".as_bytes()).unwrap();
        assert!(matches!(connection.read_line(soon(50)), Err(ReadError::TimedOut)));
        peer.write_all(" and half\n".as_bytes()).unwrap();
        assert_eq!(connection.read_line(soon(5_000)).unwrap(), "hälf and half".as_bytes());
    }

    #[test]
    fn a_peer_that_never_reads_is_given_up() {
        let (mut connection, _peer) = pair();
        let line = vec![b'x'; 64 * 1024 * 1024];
        let error = connection.write_line(&line, soon(100)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
