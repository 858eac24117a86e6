//! Messages: what was understood is printed so that it is understood the same, and what was not has a code and a sentence
//! that fit into an answer.

use std::fmt::Debug;

use pontus_proto::limits::{LINE_BYTES_MAX, REASON_BYTES_MAX};
use pontus_proto::{Code, ParseError, Reply, decode_reply, decode_request, encode};
use serde_json::Value;

/// Reads each line of `data` as a request and as a reply. The marks of PROTOCOL.md's examples may stand before it.
pub fn run(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n').filter(|line| line.len() < LINE_BYTES_MAX) {
        let line = line.strip_prefix(b"> ").or(line.strip_prefix(b"< ")).unwrap_or(line);
        match decode_request(line) {
            Ok(request) => prints_back(line, &request, decode_request),
            Err(error) => can_be_answered(error),
        }
        if let Ok(reply) = decode_reply(line) {
            prints_back(line, &reply, decode_reply);
        }
    }
}

fn prints_back<M: PartialEq + Debug + serde::Serialize>(
    line: &[u8],
    message: &M,
    decode: fn(&[u8]) -> Result<M, ParseError>,
) {
    let Ok(printed) = encode(message) else {
        // Printing escapes what a lenient line did not have to, but it does not blow up.
        assert!(line.len() > LINE_BYTES_MAX / 8, "{message:?} has become too long");
        return;
    };
    let (end, body) = printed.split_last().expect("a line has its newline");
    assert_eq!(*end, b'\n');
    assert!(!body.contains(&b'\n'), "{message:?} is more than a line");
    assert_eq!(decode(body).as_ref(), Ok(message));
    assert!(serde_json::from_slice::<Value>(body).is_ok_and(|value| value.is_object()));
}

fn can_be_answered(error: ParseError) {
    assert!(matches!(error.code, Code::Malformed | Code::UnknownType | Code::NotUtf8));
    assert!(error.message.len() <= REASON_BYTES_MAX && !error.message.is_empty(), "{error:?}");
    assert!(!error.message.chars().any(char::is_control), "{error:?}");
    let answer = encode(&Reply::Error { code: error.code, message: error.message });
    assert!(answer.is_ok_and(|line| line.len() < LINE_BYTES_MAX));
}
