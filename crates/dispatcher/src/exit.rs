//! How the process ends, beyond what its kind have in common: verdicts, the disk, what a client asked for.

use std::io;
use std::process::ExitCode;

use anyhow::Result;
use pontus_cli::exit::{self, DISK, DISPATCHER, ERROR, FAILED, NO_SUCH_COMMIT, OUT_OF_TIME};
use pontus_proto::{ClientError, Code, Verdict};

/// How a run ended that did what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// That is all.
    Done,
    /// The verdict was asked for, and this is it.
    With(Verdict),
}

/// The disk did not do what it has to. Marks an error that ends the process with its own exit code.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot rely on the disk: make room or repair it, then start again; nothing that was acknowledged is lost"
)]
pub struct DiskFailed;

/// There is no such commit, or it is not told which. Marks an error that ends the process with its own exit code.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoSuchCommit(pub String);

/// The user did not want to wait any longer. Marks an error that ends the process with its own exit code.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OutOfTime(pub String);

/// Nobody reads our standard output any more, as after `| head`. No error to whoever did that.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads standard output")]
pub struct NobodyReads;

/// The exit code of `result`, with its error said on standard error in one line.
pub fn code(result: Result<Ended>) -> ExitCode {
    match result {
        Ok(ended) => ExitCode::from(code_of(ended)),
        Err(error) if error.is::<NobodyReads>() => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::from(code_of_error(&error))
        }
    }
}

/// Says one line on standard error.
pub fn say(line: &str) {
    exit::say("dispatcher", line);
}

fn code_of(ended: Ended) -> u8 {
    match ended {
        Ended::Done | Ended::With(Verdict::Passed) => 0,
        Ended::With(Verdict::Failed | Verdict::TimedOut) => FAILED,
        Ended::With(Verdict::Error | Verdict::Cancelled) => ERROR,
    }
}

fn code_of_error(error: &anyhow::Error) -> u8 {
    match () {
        () if error.is::<NoSuchCommit>() => NO_SUCH_COMMIT,
        () if error.is::<OutOfTime>() => OUT_OF_TIME,
        () if error.is::<DiskFailed>() || is_full(error) => DISK,
        () => match error.downcast_ref() {
            Some(answer) => code_of_answer(answer),
            None => exit::code_of_error(error),
        },
    }
}

/// What the dispatcher that we asked has to say is either about what was asked for, or it is not willing.
fn code_of_answer(error: &ClientError) -> u8 {
    match error {
        ClientError::Refused { code, .. } => match code {
            Code::UnknownCommit | Code::Ambiguous => NO_SUCH_COMMIT,
            Code::UnknownRunner | Code::Undecided | Code::Decided => ERROR,
            _ => DISPATCHER,
        },
        _ => DISPATCHER,
    }
}

/// Whether the disk has no room, which may change.
pub fn is_full(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let sql =
            cause.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
        io.is_some_and(is_full_kind) || sql == Some(rusqlite::ErrorCode::DiskFull)
    })
}

/// Whether there is no descriptor left, for us or for the machine, which passes when somebody closes one.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// The same of what the file system says.
pub fn is_full_kind(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(kind, StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}

/// Ends the process at a panic in a thread that everybody depends on. A panic in a session ends that session alone.
pub fn on_bugs() {
    exit::on_bugs(|thread| thread.starts_with("session"));
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use pontus_cli::exit::Usage;

    use super::*;

    #[test]
    fn only_a_verdict_that_was_asked_for_is_an_exit_code() {
        let verdicts = [
            (Verdict::Passed, 0),
            (Verdict::Failed, 1),
            (Verdict::TimedOut, 1),
            (Verdict::Error, 3),
            (Verdict::Cancelled, 3),
        ];
        for (verdict, code) in verdicts {
            assert_eq!(code_of(Ended::With(verdict)), code, "{verdict:?}");
        }
        assert_eq!(code_of(Ended::Done), 0);
    }

    #[test]
    fn each_error_has_the_code_of_the_contract() {
        let refused = |code| ClientError::Refused { code, message: String::new() };
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let errors: [(anyhow::Error, u8); 9] = [
            (Usage(String::new()).into(), 2),
            (anyhow::anyhow!("anything"), 3),
            (refused(Code::Undecided).into(), 3),
            (NoSuchCommit(String::new()).into(), 4),
            (refused(Code::UnknownCommit).into(), 4),
            (refused(Code::ProtocolVersion).into(), 5),
            (ClientError::Unfitting.into(), 5),
            (full.into(), 74),
            (OutOfTime(String::new()).into(), 124),
        ];
        for (error, code) in errors {
            assert_eq!(code_of_error(&error), code, "{error}");
            let error = Err::<(), _>(error).context("with its context").unwrap_err();
            assert_eq!(code_of_error(&error), code, "{error:#}");
        }
    }
}
