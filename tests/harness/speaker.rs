//! Somebody who speaks the protocol by hand: an observer, a runner or a client that does just what the test wants.

use std::time::Duration;

use pontus_proto::limits::POLL_MS_MAX;
use pontus_proto::{
    Attempt, Bytes, Client, ClientError, Code, CommitId, Counts, ReadError, Reply, Report, Request,
    Role, State, Status, Submission, Verdict,
};

use crate::yard::Yard;

/// Long enough to have asked.
const SOON: Duration = Duration::from_millis(500);

/// A greeted connection.
#[derive(Debug)]
pub struct Speaker(Client);

/// A commit that nobody has made. Each number has its own.
pub fn made_up(number: u32) -> CommitId {
    format!("{number:08x}").repeat(5).parse().unwrap()
}

/// Such a commit, as an observer would hand it in.
pub fn submission(number: u32, project: &str) -> Submission {
    submission_of(made_up(number), project)
}

/// Any commit, with nothing said of it but whose it is.
pub fn submission_of(commit: CommitId, project: &str) -> Submission {
    Submission {
        commit,
        project: project.parse().unwrap(),
        branch: None,
        previous: None,
        skipped: Vec::new(),
        skipped_unnamed: 0,
        labels: Vec::new(),
        about: None,
    }
}

impl Speaker {
    /// A client.
    pub fn client(yard: &Yard) -> Speaker {
        Speaker(yard.connect(Role::Client))
    }

    /// A runner, registered.
    pub fn runner(yard: &Yard, name: &str, project: &str, labels: &[&str]) -> Speaker {
        let mut runner = Speaker(yard.connect_as(Role::Runner, name));
        // As many digits as an instance has, and others for each name.
        let digits: String = name.bytes().cycle().take(16).map(|b| format!("{b:02x}")).collect();
        let registered = runner.ask(&Request::Register {
            instance: digits.parse().unwrap(),
            project: project.parse().unwrap(),
            labels: labels.iter().map(|label| label.parse().unwrap()).collect(),
        });
        assert!(matches!(registered, Reply::Registered { .. }), "{registered:?}");
        runner
    }

    /// Asks, and is answered.
    pub fn ask(&mut self, request: &Request) -> Reply {
        self.0.ask(request).unwrap_or_else(|error| panic!("{request:?}: {error}"))
    }

    /// Asks, and is refused.
    pub fn refused(&mut self, request: &Request) -> Code {
        match self.0.ask(request) {
            Err(ClientError::Refused { code, .. }) => code,
            other => panic!("{request:?}: {other:?}"),
        }
    }

    /// Asks, and may be refused, or nobody may answer.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn try_ask(&mut self, request: &Request) -> Result<Reply, ClientError> {
        self.0.ask(request)
    }

    /// Hands a commit in.
    pub fn submit(&mut self, submission: Submission) {
        let commit = submission.commit;
        let accepted = self.ask(&Request::Submit(submission));
        assert_eq!(accepted, Reply::Accepted { commit, new: true });
    }

    /// What is said of the newest so many commits.
    pub fn status(&mut self, commits: u32) -> Status {
        match self.ask(&Request::Status { commits }) {
            Reply::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// Asks for work, and gets it.
    pub fn take(&mut self) -> (CommitId, Attempt) {
        match self.ask(&Request::Ready {}) {
            Reply::Assigned { commit, attempt, .. } => (commit, attempt),
            other => panic!("{other:?}"),
        }
    }

    /// Asks for work, and is gone before there is any.
    pub fn leave_while_waiting(mut self) {
        assert!(!self.hears_soon(&Request::Ready {}), "there was work");
    }

    /// Asks, and says whether there is an answer soon. There will be none for this one any more where there is not.
    pub fn hears_soon(&mut self, request: &Request) -> bool {
        match self.0.ask_within(SOON, request) {
            Ok(_) => true,
            Err(ClientError::Lost(ReadError::TimedOut)) => false,
            Err(error) => panic!("{request:?}: {error}"),
        }
    }

    /// Sends output, in one piece.
    pub fn print(&mut self, (commit, attempt): (CommitId, Attempt), offset: u64, data: &[u8]) {
        let output_bytes = offset + data.len() as u64;
        let data = Bytes(data.to_vec());
        let kept = self.ask(&Request::Output { commit, attempt, offset, data });
        assert_eq!(kept, Reply::Kept { output_bytes });
    }

    /// Waits for the verdict of a commit, hence for its result.
    pub fn wait(&mut self, commit: CommitId) {
        let waited = self.ask(&Request::Wait { commit, wait_ms: POLL_MS_MAX });
        assert!(matches!(waited, Reply::Waited { state: State::Done, .. }), "{waited:?}");
    }

    /// Says that all tests have passed, with so much output.
    pub fn report(&mut self, attempt: (CommitId, Attempt), output_bytes: u64) -> Reply {
        self.ask(&passed(attempt, output_bytes))
    }
}

/// The report that all tests have passed.
pub fn passed((commit, attempt): (CommitId, Attempt), output_bytes: u64) -> Request {
    let report = Report {
        verdict: Verdict::Passed,
        reason: None,
        counts: Counts { passed: 1, failed: 0, skipped: 0 },
        duration_ms: 1,
        checked_out_ms: None,
        first_output_ms: None,
        output_bytes,
        units: Vec::new(),
    };
    Request::Report { commit, attempt, report }
}
