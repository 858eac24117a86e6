//! What is taken for a message, and what is not.

use super::*;
use crate::id::{Attempt, CommitId};
use crate::limits::NESTING_MAX;
use crate::message::{Bytes, Counts, Outcome, Report, Role, UnitReport};

fn code(line: &[u8]) -> Code {
    decode_request(line).unwrap_err().code
}

fn hello() -> Request {
    Request::Hello { protocol: 1, role: Role::Observer, name: None, nonce: None }
}

#[test]
fn unknown_fields_are_ignored() {
    let line = br#"{"later":[1,{}],"type":"hello","protocol":1,"role":"observer"}"#;
    assert_eq!(decode_request(line), Ok(hello()));
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
        checked_out_ms: Some(u64::MAX),
        first_output_ms: Some(u64::MAX),
        output_bytes: u64::MAX,
        units: vec![unit; UNITS_MAX],
    };
    assert!(encode(&Request::Report { commit, attempt, report }).is_ok());
    let data = Bytes(vec![0xff; OUTPUT_BYTES_MAX]);
    assert!(encode(&Request::Output { commit, attempt, offset: u64::MAX, data }).is_ok());
}

#[test]
fn numbers_have_a_bound_that_they_can_be_counted_on_from() {
    let commit = "0".repeat(40);
    let submit = |number: u64| {
        format!(
            r#"{{"type":"submit","commit":"{commit}","project":"p","skipped_unnamed":{number}}}"#
        )
    };
    assert!(decode_request(submit(NUMBER_MAX).as_bytes()).is_ok());
    assert_eq!(code(submit(NUMBER_MAX + 1).as_bytes()), Code::Malformed);
    let report = |verdict: &str, failed: u32, duration_ms: u64| {
        let counts = format!(r#"{{"passed":1,"failed":{failed},"skipped":0}}"#);
        let report = format!(
            r#"{{"verdict":"{verdict}","counts":{counts},"duration_ms":{duration_ms},"output_bytes":0,"units":[]}}"#
        );
        format!(r#"{{"type":"report","commit":"{commit}","attempt":1,"report":{report}}}"#)
    };
    assert!(decode_request(report("passed", 0, NUMBER_MAX).as_bytes()).is_ok());
    assert_eq!(code(report("passed", 0, NUMBER_MAX + 1).as_bytes()), Code::Malformed);
    assert!(decode_request(report("failed", 1, 0).as_bytes()).is_ok());
    assert_eq!(code(report("passed", 1, 0).as_bytes()), Code::Malformed);
}
