//! From a line to a message and back, held against the limits.

use serde::{Deserialize, Serialize};

use super::bytes::BytesInBase64;
use super::{Code, Reply, Report, Request, Submission, Verdict};
use crate::limits::{
    CASES_MAX, LABELS_MAX, LINE_BYTES_MAX, NUMBER_MAX, OUTPUT_BYTES_MAX, REASON_BYTES_MAX,
    SKIPPED_MAX, STATUS_COMMITS_MAX, UNITS_MAX,
};
use crate::line::LineTooLong;
use crate::text::escaped;

/// Room for nearly every line. A longer one grows.
const LINE_BYTES_USUAL: usize = 128;

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

/// Reads the request of a peer that has not been greeted yet: `hello` or `prove`. Of any other nothing is read but its type.
///
/// # Errors
/// What to answer: `not_utf8`, `unknown_type`, `malformed` or `unexpected`.
pub fn decode_greeting(line: &[u8]) -> Result<Request, ParseError> {
    match tag(utf8(line)?) {
        Ok(tag)
            if KNOWN_TYPES.contains(&tag.as_str()) && !GREETING_TYPES.contains(&tag.as_str()) =>
        {
            Err(ParseError::new(Code::Unexpected, "say hello first"))
        }
        Ok(_) => decode(line),
        Err(error) => Err(ParseError::new(Code::Malformed, shown(&error))),
    }
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
    let mut line = Vec::with_capacity(LINE_BYTES_USUAL);
    message
        .serialize(&mut serde_json::Serializer::with_formatter(&mut line, BytesInBase64))
        .expect("a message has string keys and no Serialize of its own that fails");
    line.push(b'\n');
    if line.len() > LINE_BYTES_MAX {
        return Err(LineTooLong { bytes_max: LINE_BYTES_MAX });
    }
    Ok(line)
}

/// The types of requests, as their tags; a test holds them against the document.
pub const KNOWN_TYPES: [&str; 21] = [
    "hello",
    "prove",
    "submit",
    "register",
    "ready",
    "beat",
    "output",
    "report",
    "give_back",
    "status",
    "runners",
    "find",
    "show",
    "units",
    "log",
    "wait",
    "retry",
    "cancel",
    "drain",
    "pause",
    "resume",
];

/// The types of the greeting.
const GREETING_TYPES: [&str; 2] = ["hello", "prove"];

fn decode<'a, M: Deserialize<'a>>(line: &'a [u8]) -> Result<M, ParseError> {
    let text = utf8(line)?;
    serde_json::from_str(text).map_err(|error| ParseError::new(code_of(text), shown(&error)))
}

fn utf8(line: &[u8]) -> Result<&str, ParseError> {
    std::str::from_utf8(line)
        .map_err(|error| ParseError::new(Code::NotUtf8, format!("not UTF-8: {error}")))
}

/// What is wrong with a line, safe to be shown.
fn shown(error: &serde_json::Error) -> String {
    escaped(&error.to_string()).chars().take(REASON_BYTES_MAX / 4).collect()
}

/// Why a line that is no message is none. Its tag alone decides whether its type is unknown.
fn code_of(text: &str) -> Code {
    match tag(text) {
        Ok(tag) if !KNOWN_TYPES.contains(&tag.as_str()) => Code::UnknownType,
        _ => Code::Malformed,
    }
}

/// Its type, whatever else stands in it.
fn tag(text: &str) -> serde_json::Result<String> {
    #[derive(Deserialize)]
    struct Tagged {
        r#type: String,
    }
    serde_json::from_str(text).map(|Tagged { r#type }| r#type)
}

fn check_limits(request: &Request) -> Result<(), ParseError> {
    match request {
        Request::Submit(submission) => check_submission(submission),
        Request::Status { commits } => {
            at_most("commits of a status", *commits as usize, STATUS_COMMITS_MAX)
        }
        Request::Register { labels, .. } => at_most("labels", labels.len(), LABELS_MAX),
        Request::Output { data, .. } => at_most("bytes of output", data.0.len(), OUTPUT_BYTES_MAX),
        Request::Report { report, .. } => check_report(report),
        _ => Ok(()),
    }
}

fn check_submission(submission: &Submission) -> Result<(), ParseError> {
    let committed_ms = submission.about.as_ref().map_or(0, |about| about.committed_ms);
    at_most("skipped commits", submission.skipped.len(), SKIPPED_MAX)?;
    at_most("labels", submission.labels.len(), LABELS_MAX)?;
    countable([submission.skipped_unnamed, committed_ms.unsigned_abs()])
}

fn check_report(report: &Report) -> Result<(), ParseError> {
    let reason = report.reason.as_deref().unwrap_or_default();
    let cases = || report.units.iter().flat_map(|unit| &unit.cases);
    at_most("units", report.units.len(), UNITS_MAX)?;
    at_most("cases", cases().count(), CASES_MAX)?;
    at_most("bytes of reason", reason.len(), REASON_BYTES_MAX)?;
    if reason.chars().any(char::is_control) {
        return Err(ParseError::new(Code::Malformed, "a reason is one line"));
    }
    if report.verdict == Verdict::Cancelled {
        return Err(ParseError::new(Code::Malformed, "a runner does not cancel"));
    }
    if report.verdict == Verdict::Passed && report.counts.failed > 0 {
        return Err(ParseError::new(Code::Malformed, "what has failures has not passed"));
    }
    let times = [Some(report.duration_ms), report.checked_out_ms, report.first_output_ms];
    countable(times.into_iter().flatten())?;
    countable(report.units.iter().map(|unit| unit.duration_ms))?;
    countable(cases().filter_map(|case| case.duration_ms))
}

fn at_most(what: &str, count: usize, max: usize) -> Result<(), ParseError> {
    let message = || format!("at most {max} {what}, not {count}");
    if count <= max { Ok(()) } else { Err(ParseError::new(Code::Malformed, message())) }
}

/// Numbers that are stored, added to, and read by others.
fn countable(numbers: impl IntoIterator<Item = u64>) -> Result<(), ParseError> {
    let message = || format!("no number may be over {NUMBER_MAX}");
    let fits = numbers.into_iter().all(|number| number <= NUMBER_MAX);
    if fits { Ok(()) } else { Err(ParseError::new(Code::Malformed, message())) }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
