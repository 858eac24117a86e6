//! The messages: what a client may ask ([`Request`]) and what the dispatcher may answer ([`Reply`]).
//!
//! `PROTOCOL.md` says what each is for. Unknown fields are ignored, so a message may grow.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::id::{
    Attempt, Author, BranchName, CaseName, CommitId, HostName, InstanceId, Label, ProjectName,
    RunnerName, Subject, TreeId, UnitName,
};
use crate::limits::{
    CASES_MAX, LABELS_MAX, LINE_BYTES_MAX, OUTPUT_BYTES_MAX, REASON_BYTES_MAX, SKIPPED_MAX,
    UNITS_MAX,
};
use crate::line::LineTooLong;
use crate::text::escaped;

/// What a client says. The client speaks first, and each request gets exactly one [`Reply`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// The first line of a connection.
    Hello {
        /// The protocol that the client speaks.
        protocol: u32,
        /// What it is going to be.
        role: Role,
    },
    /// A commit is handed in.
    Submit(Submission),
    /// A runner says who it is; again after each reconnection.
    Register {
        /// What its process calls itself.
        name: HostName,
        /// Which process it is.
        instance: InstanceId,
        /// Whose commits it can test.
        project: ProjectName,
        /// What it has that a commit may ask for, at most [`LABELS_MAX`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        labels: Vec<Label>,
    },
    /// A runner has nothing to do and waits for a commit.
    Ready {},
    /// A runner is still testing.
    Beat {
        /// What it tests.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
    },
    /// What the tests printed.
    Output {
        /// What is tested.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
        /// How many bytes of the attempt's output come before these.
        offset: u64,
        /// The bytes, at most [`OUTPUT_BYTES_MAX`].
        data: Bytes,
    },
    /// How the attempt ended.
    Report {
        /// What was tested.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
        /// What came of it.
        report: Report,
    },
    /// A runner leaves, and has no say about its commit: nothing is counted against it.
    GiveBack {
        /// What it was testing.
        commit: CommitId,
        /// Which try of it.
        attempt: Attempt,
    },
}

/// A commit to test, and all that its observer knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// What to test.
    pub commit: CommitId,
    /// Whose commit it is.
    pub project: ProjectName,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchName>,
    /// What was handed in of the branch before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<CommitId>,
    /// Commits that this one stands for, oldest first, at most [`SKIPPED_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<CommitId>,
    /// How many older ones it stands for beside those, which are too many to be named.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped_unnamed: u64,
    /// What its runner has to have, at most [`LABELS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// What the commit says of itself, where it was there to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What it holds.
    pub tree: TreeId,
    /// The first line of its message, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Who wrote it: `Ada <ada@example.org>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// When it was committed, by the committer's clock, in milliseconds since 1970.
    pub committed_ms: i64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What the dispatcher answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// To `hello`.
    Welcome {
        /// The protocol that the dispatcher speaks.
        protocol: u32,
        /// Its version, for people.
        version: String,
    },
    /// To `submit`: the commit is on disk.
    Accepted {
        /// The commit that was handed in.
        commit: CommitId,
        /// Whether it was unknown until now.
        new: bool,
    },
    /// To `register`.
    Registered {
        /// What the runner is called from here on.
        runner: RunnerName,
        /// The silence, in milliseconds, after which its commit is given to another.
        lease_ms: u64,
    },
    /// To `ready`: test this.
    Assigned {
        /// What to test.
        commit: CommitId,
        /// Which try this is.
        attempt: Attempt,
        /// Where the commit was seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<BranchName>,
        /// How long the attempt may take as a whole, in milliseconds.
        timeout_ms: u64,
    },
    /// To `ready`: there is nothing to test yet; ask again.
    Idle {},
    /// To `beat` and `output`: the lease goes on.
    Kept {
        /// How many bytes of the attempt's output the dispatcher has. The runner sends what follows them.
        output_bytes: u64,
    },
    /// To `report`: the verdict is on disk.
    Recorded {},
    /// To `give_back`: the commit waits for another runner.
    Returned {},
    /// To anything.
    Error {
        /// For programs.
        code: Code,
        /// For people: one sentence.
        message: String,
    },
}

/// What a client is, for the whole connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Hands commits in.
    Observer,
    /// Tests commits.
    Runner,
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Not the JSON of a request.
    Malformed,
    /// A `type` that this dispatcher does not know.
    UnknownType,
    /// Not UTF-8.
    NotUtf8,
    /// Longer than a line may be. The connection ends.
    LineTooLong,
    /// Another protocol. The connection ends.
    ProtocolVersion,
    /// A request that this role may not make, or not now.
    Unexpected,
    /// The attempt is not this runner's any more: drop it.
    Stale,
    /// The dispatcher's disk did not take it: nothing is lost yet, try again.
    Storage,
    /// As many commits are queued as may be: keep it, try again later.
    QueueFull,
    /// The dispatcher has as many connections as it may have. The connection ends.
    TooManyConnections,
    /// Too long without a line. The connection ends.
    Silent,
    /// The dispatcher is leaving. The connection ends.
    Stopping,
}

/// What is said of a commit in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All tests said yes.
    Passed,
    /// A test said no.
    Failed,
    /// A unit or the attempt took too long.
    TimedOut,
    /// Nobody could say.
    Error,
    /// Somebody took the commit back. Never in a runner's report.
    Cancelled,
}

impl Verdict {
    /// The word in results, in the database and in the protocol.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::TimedOut => "timed_out",
            Verdict::Error => "error",
            Verdict::Cancelled => "cancelled",
        }
    }
}

/// How one unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Exit status 0.
    Passed,
    /// Any other exit status, or a signal.
    Failed,
    /// Exit status 77.
    Skipped,
    /// Ended by the runner.
    TimedOut,
    /// It could not be run.
    Error,
}

impl Outcome {
    /// The word in results, in the database and in the protocol.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
            Outcome::TimedOut => "timed_out",
            Outcome::Error => "error",
        }
    }
}

/// How many passed, failed (those that timed out included) and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// How many passed.
    pub passed: u32,
    /// How many failed or took too long.
    pub failed: u32,
    /// How many asked not to be counted.
    pub skipped: u32,
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What the runner says of the commit; never `cancelled`.
    pub verdict: Verdict,
    /// Why, where the counts do not say it: one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was counted.
    pub counts: Counts,
    /// From the assignment's arrival to the last unit's end, in milliseconds.
    pub duration_ms: u64,
    /// How many bytes of output there are. The dispatcher has to have them before it is told this.
    pub output_bytes: u64,
    /// What was run, in order, at most [`UNITS_MAX`].
    pub units: Vec<UnitReport>,
}

/// What came of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitReport {
    /// Its path in the repository.
    pub unit: UnitName,
    /// How it ended.
    pub outcome: Outcome,
    /// Its exit status, where it came to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// What was counted in it.
    pub counts: Counts,
    /// Its cases, where its output names them and they fit; the counts hold for all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseReport>,
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseReport {
    /// As its tool names it.
    pub name: CaseName,
    /// How it ended.
    pub outcome: CaseOutcome,
    /// How long it ran, in milliseconds, where its tool says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// How one case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseOutcome {
    /// It said yes.
    Passed,
    /// It said no, or broke.
    Failed,
    /// It was not run, or its failure was expected.
    Skipped,
}

impl CaseOutcome {
    /// The word in results, in the database and in the protocol.
    pub fn word(self) -> &'static str {
        match self {
            CaseOutcome::Passed => "passed",
            CaseOutcome::Failed => "failed",
            CaseOutcome::Skipped => "skipped",
        }
    }
}

/// Raw bytes, base64 on the wire: a test may print anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text).map(Bytes).map_err(|_| de::Error::custom("data is not base64"))
    }
}

/// A line that is not the message it should be, as the code and the sentence of its `error` reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What kind of mistake it is.
    pub code: Code,
    /// What is wrong, without the raw bytes.
    pub message: String,
}

impl ParseError {
    fn new(code: Code, message: impl Into<String>) -> Self {
        ParseError { code, message: message.into() }
    }
}

/// Reads a request out of a line, and holds it against its limits.
///
/// # Errors
/// What to answer: `not_utf8`, `unknown_type` or `malformed`.
pub fn decode_request(line: &[u8]) -> Result<Request, ParseError> {
    let request = decode(line)?;
    check_limits(&request)?;
    Ok(request)
}

/// Reads a reply out of a line.
///
/// # Errors
/// As for a request, though nobody is told.
pub fn decode_reply(line: &[u8]) -> Result<Reply, ParseError> {
    decode(line)
}

/// `message` as a line with its newline.
///
/// # Errors
/// [`LineTooLong`] where nobody would read it.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, LineTooLong> {
    let mut line = serde_json::to_vec(message)
        .expect("a message has string keys and no Serialize of its own that fails");
    line.push(b'\n');
    if line.len() > LINE_BYTES_MAX {
        return Err(LineTooLong { bytes_max: LINE_BYTES_MAX });
    }
    Ok(line)
}

/// The types of requests, as their tags; a test holds them against the document.
pub const KNOWN_TYPES: [&str; 8] =
    ["hello", "submit", "register", "ready", "beat", "output", "report", "give_back"];

fn decode<'a, M: Deserialize<'a>>(line: &'a [u8]) -> Result<M, ParseError> {
    let text = std::str::from_utf8(line)
        .map_err(|error| ParseError::new(Code::NotUtf8, format!("not UTF-8: {error}")))?;
    serde_json::from_str(text).map_err(|error| {
        let message = escaped(&error.to_string()).chars().take(REASON_BYTES_MAX / 4).collect();
        ParseError { code: code_of(text), message }
    })
}

/// Why a line that is no message is none. Its tag alone decides whether its type is unknown.
fn code_of(text: &str) -> Code {
    #[derive(Deserialize)]
    struct Tagged {
        r#type: String,
    }
    match serde_json::from_str::<Tagged>(text) {
        Ok(Tagged { r#type }) if !KNOWN_TYPES.contains(&r#type.as_str()) => Code::UnknownType,
        _ => Code::Malformed,
    }
}

fn check_limits(request: &Request) -> Result<(), ParseError> {
    let at_most = |what: &str, count: usize, max: usize| {
        let message = || format!("at most {max} {what}, not {count}");
        if count <= max { Ok(()) } else { Err(ParseError::new(Code::Malformed, message())) }
    };
    match request {
        Request::Submit(Submission { skipped, labels, .. }) => {
            at_most("skipped commits", skipped.len(), SKIPPED_MAX)?;
            at_most("labels", labels.len(), LABELS_MAX)
        }
        Request::Register { labels, .. } => at_most("labels", labels.len(), LABELS_MAX),
        Request::Output { data, .. } => at_most("bytes of output", data.0.len(), OUTPUT_BYTES_MAX),
        Request::Report { report, .. } => {
            let reason = report.reason.as_deref().unwrap_or_default();
            at_most("units", report.units.len(), UNITS_MAX)?;
            let cases = report.units.iter().map(|unit| unit.cases.len()).sum();
            at_most("cases", cases, CASES_MAX)?;
            at_most("bytes of reason", reason.len(), REASON_BYTES_MAX)?;
            if reason.chars().any(char::is_control) {
                return Err(ParseError::new(Code::Malformed, "a reason is one line"));
            }
            if report.verdict == Verdict::Cancelled {
                return Err(ParseError::new(Code::Malformed, "a runner does not cancel"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::NESTING_MAX;

    fn code(line: &[u8]) -> Code {
        decode_request(line).unwrap_err().code
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let line = br#"{"later":[1,{}],"type":"hello","protocol":1,"role":"observer"}"#;
        assert_eq!(decode_request(line), Ok(Request::Hello { protocol: 1, role: Role::Observer }));
    }

    #[test]
    fn each_mistake_has_its_code() {
        assert_eq!(code(b"\xff"), Code::NotUtf8);
        assert_eq!(code(br#"{"type":"dance"}"#), Code::UnknownType);
        assert_eq!(code(br#"{"type":"hello","protocol":1,"role":"king"}"#), Code::Malformed);
        let id = "0".repeat(40);
        let twice = format!(r#"{{"type":"beat","commit":"{id}","commit":"{id}","attempt":1}}"#);
        assert_eq!(code(twice.as_bytes()), Code::Malformed);
        for line in [
            &b""[..],
            b"{}",
            b"[]",
            b"GET / HTTP/1.1",
            br#"{"type":"ready""#,
            br#"{"type":"ready"} x"#,
            br#"{"type":7}"#,
            br#"{"type":"beat","commit":"HEAD","attempt":1}"#,
            br#"{"type":"hello","protocol":-1,"role":"runner"}"#,
        ] {
            assert_eq!(code(line), Code::Malformed, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn what_a_stranger_sent_comes_back_escaped() {
        let error = decode_request("{\"type\":\"\u{9b}31m\"}".as_bytes()).unwrap_err();
        assert!(!error.message.chars().any(char::is_control), "{error:?}");
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth: usize| {
            let brackets = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"type":"ready","x":{}{}}}"#, brackets.0, brackets.1)
        };
        assert_eq!(decode_request(nested(NESTING_MAX - 2).as_bytes()), Ok(Request::Ready {}));
        assert_eq!(code(nested(NESTING_MAX).as_bytes()), Code::Malformed);
    }

    #[test]
    fn lists_have_bounds() {
        let commit: CommitId = "0".repeat(40).parse().unwrap();
        let submit = |count| {
            Request::Submit(Submission {
                commit,
                project: "p".parse().unwrap(),
                branch: None,
                previous: None,
                skipped: vec![commit; count],
                skipped_unnamed: 0,
                labels: Vec::new(),
                about: None,
            })
        };
        let line = |count| encode(&submit(count)).unwrap();
        assert_eq!(decode_request(&line(SKIPPED_MAX)[..]), Ok(submit(SKIPPED_MAX)));
        assert_eq!(code(&line(SKIPPED_MAX + 1)), Code::Malformed);
    }

    #[test]
    fn the_largest_report_and_output_fit_into_a_line() {
        let commit: CommitId = "0".repeat(64).parse().unwrap();
        let attempt = Attempt(u32::MAX);
        let unit = UnitReport {
            unit: "u".repeat(crate::limits::UNIT_BYTES_MAX).parse().unwrap(),
            outcome: Outcome::TimedOut,
            exit: Some(i32::MIN),
            duration_ms: u64::MAX,
            counts: Counts { passed: u32::MAX, failed: u32::MAX, skipped: u32::MAX },
            cases: Vec::new(),
        };
        let report = Report {
            verdict: Verdict::TimedOut,
            reason: Some("r".repeat(REASON_BYTES_MAX)),
            counts: Counts { passed: u32::MAX, failed: u32::MAX, skipped: u32::MAX },
            duration_ms: u64::MAX,
            output_bytes: u64::MAX,
            units: vec![unit; UNITS_MAX],
        };
        assert!(encode(&Request::Report { commit, attempt, report }).is_ok());
        let data = Bytes(vec![0xff; OUTPUT_BYTES_MAX]);
        assert!(encode(&Request::Output { commit, attempt, offset: u64::MAX, data }).is_ok());
    }
}
