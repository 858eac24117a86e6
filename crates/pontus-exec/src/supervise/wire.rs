//! What we and a supervisor tell each other: jobs and one word in, a few lines out.
//!
//! In, for each job: [`BEGIN`] with the descriptor that it is to print to, a length as four bytes, so many bytes of job, and perhaps
//! later [`END`], after which no other job follows. A job is a row of items, each with its
//! length before it: nothing is escaped, and what a name holds does not matter. Out: lines of words. Both ends are the
//! same program, so there is no version.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use crate::child::{How, Job};

/// The hidden argument that makes a process a supervisor.
pub const FLAG: &str = "--pontus-supervise";

/// The word that a job follows.
pub const BEGIN: &[u8] = b"j";

/// The word that the job is to end: TERM, grace, KILL.
pub const END: &[u8] = b"e";

/// How long a job may be. The kernel takes no more than 6 MiB of arguments and environment, so a longer one could not
/// be started anyway.
pub const JOB_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The length before a job, and before each of its items.
pub const LENGTH_BYTES: usize = 4;

/// A job with its length before it; none where it is too long.
pub fn frame(job: &Job) -> Option<Vec<u8>> {
    let grace_ms = u64::try_from(job.grace.as_millis()).unwrap_or(u64::MAX);
    let mut body = Vec::new();
    put(&mut body, job.program.as_bytes())?;
    put(&mut body, job.dir.as_os_str().as_bytes())?;
    put(&mut body, &grace_ms.to_le_bytes())?;
    put(&mut body, &job.args.len().to_le_bytes())?;
    for arg in &job.args {
        put(&mut body, arg.as_bytes())?;
    }
    for (name, value) in &job.env {
        put(&mut body, name.as_bytes())?;
        put(&mut body, value.as_bytes())?;
    }
    let mut framed = Vec::with_capacity(LENGTH_BYTES + body.len());
    put(&mut framed, &body)?;
    Some(framed)
}

fn put(body: &mut Vec<u8>, item: &[u8]) -> Option<()> {
    if body.len() + item.len() > JOB_BYTES_MAX {
        return None;
    }
    body.extend(u32::try_from(item.len()).ok()?.to_le_bytes());
    body.extend(item);
    Some(())
}

/// How many bytes of job follow its first four; none where that is too much.
pub fn job_bytes(length: [u8; LENGTH_BYTES]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(length)).ok().filter(|length| *length <= JOB_BYTES_MAX)
}

/// The job of a frame, without its length. Its timeout is none: whoever sent it keeps the time.
pub fn job(mut body: &[u8]) -> Option<Job> {
    let program = take_os(&mut body)?;
    let dir = take_os(&mut body)?.into();
    let grace = Duration::from_millis(take_number(&mut body)?);
    let args = (0..take_number(&mut body)?).map(|_| take_os(&mut body)).collect::<Option<_>>()?;
    let mut env = Vec::new();
    while !body.is_empty() {
        env.push((take_os(&mut body)?, take_os(&mut body)?));
    }
    Some(Job { program, args, dir, env, timeout: Duration::MAX, grace, merge: true })
}

fn take<'a>(body: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = body.split_first_chunk::<LENGTH_BYTES>()?;
    let (item, rest) = rest.split_at_checked(job_bytes(*length)?)?;
    *body = rest;
    Some(item)
}

fn take_os(body: &mut &[u8]) -> Option<OsString> {
    take(body).map(|item| OsString::from_vec(item.to_vec()))
}

fn take_number(body: &mut &[u8]) -> Option<u64> {
    take(body)?.try_into().ok().map(u64::from_le_bytes)
}

/// What a supervisor says, a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The child runs.
    Started,
    /// The child could not be started: the system's number for why.
    Refused(i32),
    /// The child has ended, and all that it started too. If it was not asked to end, another job may follow.
    Ended(End),
    /// The child, or what it started, cannot be ended: this process of them.
    Left(i32),
}

/// The end of a child, as its parent saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// [`How::Exited`] or [`How::Signalled`].
    pub how: How,
    /// From its start to its exit.
    pub lasted: Duration,
    /// Whether it had been asked to end.
    pub was_asked: bool,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Started => f.write_str("started"),
            Said::Refused(errno) => write!(f, "refused {errno}"),
            Said::Ended(End { how, lasted, was_asked }) => {
                let (word, number) = match how {
                    How::Signalled(signal) => ("signalled", *signal),
                    How::Exited(status) => ("exited", *status),
                    // A supervisor knows no other ends.
                    How::TimedOut | How::Stopped => ("exited", -1),
                };
                write!(f, "{word} {number} {} {was_asked}", lasted.as_nanos())
            }
            Said::Left(pid) => write!(f, "left {pid}"),
        }
    }
}

impl Said {
    /// The meaning of a line; none where it has none, such as that of a panic.
    pub fn parse(line: &str) -> Option<Said> {
        let words: Vec<&str> = line.split(' ').collect();
        let end = |how, nanos: &str, was_asked: &str| {
            let lasted = Duration::from_nanos(nanos.parse().ok()?);
            Some(Said::Ended(End { how, lasted, was_asked: was_asked.parse().ok()? }))
        };
        match words.as_slice() {
            ["started"] => Some(Said::Started),
            ["refused", errno] => errno.parse().ok().map(Said::Refused),
            ["exited", status, nanos, asked] => {
                end(How::Exited(status.parse().ok()?), nanos, asked)
            }
            ["signalled", signal, nanos, asked] => {
                end(How::Signalled(signal.parse().ok()?), nanos, asked)
            }
            ["left", pid] => pid.parse().ok().map(Said::Left),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_job() -> Job {
        Job {
            program: OsString::from_vec(b"/bin/\xff".to_vec()),
            args: vec!["".into(), "two words\n".into(), OsString::from_vec(b"\x00\xfe".to_vec())],
            dir: "/tmp".into(),
            env: vec![("A".into(), "".into()), ("B=C".into(), "\n".into())],
            timeout: Duration::from_secs(1),
            grace: Duration::from_millis(1234),
            merge: false,
        }
    }

    #[test]
    fn a_job_arrives_as_it_was_sent() {
        let sent = some_job();
        let framed = frame(&sent).unwrap();
        let (length, body) = framed.split_first_chunk().unwrap();
        assert_eq!(job_bytes(*length), Some(body.len()));
        let came = job(body).unwrap();
        assert_eq!((came.program, came.args, came.dir), (sent.program, sent.args, sent.dir));
        assert_eq!((came.env, came.grace), (sent.env, sent.grace));
    }

    #[test]
    fn a_job_that_is_cut_or_too_long_is_none() {
        let framed = frame(&some_job()).unwrap();
        // Cut between the two environment variables it is a job, a smaller one.
        let jobs =
            (LENGTH_BYTES..framed.len()).filter(|n| job(&framed[LENGTH_BYTES..*n]).is_some());
        assert_eq!(jobs.count(), 2);
        assert_eq!(job_bytes([0xff; 4]), None);
        let huge = Job { args: vec!["x".repeat(JOB_BYTES_MAX).into()], ..some_job() };
        assert!(frame(&huge).is_none());
    }

    #[test]
    fn each_line_means_what_was_said() {
        let end = |how| End { how, lasted: Duration::from_nanos(1_000_000_001), was_asked: true };
        let all = [
            Said::Started,
            Said::Refused(2),
            Said::Ended(end(How::Exited(255))),
            Said::Ended(end(How::Signalled(9))),
            Said::Left(4711),
        ];
        for said in all {
            assert_eq!(Said::parse(&said.to_string()), Some(said));
        }
        for line in ["", "started 1", "exited 0", "exited x 1 true", "thread 'main' panicked"] {
            assert_eq!(Said::parse(line), None, "{line}");
        }
    }
}
