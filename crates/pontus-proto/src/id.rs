//! Ids and names that check themselves on the way in, so that whoever holds one need not check it again:
//! a [`CommitId`] is always safe as a file name, a name never breaks a line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::{
    CASE_BYTES_MAX, NAME_BYTES_MAX, PREFIX_DIGITS_MIN, SUBJECT_BYTES_MAX, UNIT_BYTES_MAX,
};
use crate::text::escaped;

/// Text that is not the id or name it should be. Its message says which rule was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(String);

impl InvalidId {
    pub(crate) fn new(rule: &str) -> InvalidId {
        InvalidId(rule.to_owned())
    }
}

/// Bytes of the longest id, a SHA-256.
const ID_BYTES_MAX: usize = 32;

/// The digits in which ids are written.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A git object id: SHA-1 (40 hex digits) or SHA-256 (64), lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId {
    bytes_len: u8,
    bytes: [u8; ID_BYTES_MAX],
}

impl FromStr for CommitId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || {
            let shown: String = escaped(text).chars().take(80).collect();
            InvalidId(format!("a commit is 40 or 64 lower-case hex digits, not \"{shown}\""))
        };
        if !matches!(text.len(), 40 | 64) {
            return Err(invalid());
        }
        let mut id = CommitId { bytes_len: (text.len() / 2) as u8, bytes: [0; ID_BYTES_MAX] };
        for (byte, pair) in id.bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = hex_byte(pair).ok_or_else(invalid)?;
        }
        Ok(id)
    }
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    Some(digit(pair[0])? << 4 | digit(pair[1])?)
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It is written many times for each commit, so digit by digit would cost more than the rest of a line.
        let mut digits = [0; 2 * ID_BYTES_MAX];
        let bytes = &self.bytes[..usize::from(self.bytes_len)];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
            *pair = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
        }
        let text = str::from_utf8(&digits[..2 * bytes.len()]).map_err(|_| fmt::Error)?;
        f.write_str(text)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for CommitId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> String {
        id.to_string()
    }
}

/// The first digits of a commit's id, at least [`PREFIX_DIGITS_MIN`] of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitPrefix(Box<str>);

impl CommitPrefix {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommitPrefix {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        if (PREFIX_DIGITS_MIN..=64).contains(&text.len()) && text.bytes().all(is_hex) {
            return Ok(CommitPrefix(text.into()));
        }
        let shown: String = escaped(text).chars().take(80).collect();
        let rule = format!("a commit is named by at least {PREFIX_DIGITS_MIN} of its hex digits");
        Err(InvalidId(format!("{rule}, not \"{shown}\"")))
    }
}

impl TryFrom<String> for CommitPrefix {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<CommitPrefix> for String {
    fn from(prefix: CommitPrefix) -> String {
        prefix.0.into()
    }
}

impl fmt::Display for CommitPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The id of what a commit holds. It keeps to the rules of a commit's id, and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TreeId(CommitId);

impl FromStr for TreeId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(TreeId)
    }
}

impl fmt::Display for TreeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The number of a try of a commit, from 1. It is the fencing token: the dispatcher never gives it out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempt(pub u32);

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Makes a checked name: not empty, no longer than its limit, no control characters.
macro_rules! name {
    ($name:ident, $what:literal, $bytes_max:expr, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check_name($what, text, $bytes_max)?;
                Ok($name(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

fn check_name(what: &str, text: &str, bytes_max: usize) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId(format!("a {what} is not empty")));
    }
    if text.len() > bytes_max {
        return Err(InvalidId(format!(
            "a {what} has at most {bytes_max} bytes, not {}",
            text.len()
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidId(format!(
            "a {what} has no control characters: \"{}\"",
            escaped(text)
        )));
    }
    Ok(())
}

name!(
    ProjectName,
    "project",
    NAME_BYTES_MAX,
    "The name that a repository's observers and runners share."
);
name!(BranchName, "branch", NAME_BYTES_MAX, "A branch without its `refs/heads/`.");
name!(HostName, "runner's name", NAME_BYTES_MAX, "What a runner process calls itself: `oak`.");
name!(
    RunnerName,
    "runner",
    NAME_BYTES_MAX + 11,
    "One runner as the dispatcher numbers it: `oak/1`."
);
name!(
    Label,
    "label",
    NAME_BYTES_MAX,
    "What a runner has and a commit may ask for: `gpu`, `os=linux`."
);
name!(Author, "author", NAME_BYTES_MAX, "Who wrote a commit: `Ada <ada@example.org>`.");
name!(Subject, "subject", SUBJECT_BYTES_MAX, "The first line of a commit's message.");
name!(CaseName, "case", CASE_BYTES_MAX, "One test inside a unit, as its tool names it.");
name!(UnitName, "unit", UNIT_BYTES_MAX, "A unit's path in the repository: `tests/test_pass.py`.");

/// 32 lower-case hex digits that a runner draws when it starts, so that it is known again after its connection
/// broke, and two runners of one name are told apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId(Box<str>);

impl InstanceId {
    /// The instance made of 16 random bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        InstanceId(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstanceId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(is_hex) {
            return Err(InvalidId("an instance is 32 lower-case hex digits".to_owned()));
        }
        Ok(InstanceId(text.into()))
    }
}

impl TryFrom<String> for InstanceId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> String {
        id.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_prints_as_it_was_read() {
        for text in ["0123456789abcdef0123456789abcdef01234567".to_owned(), "ab".repeat(32)] {
            assert_eq!(text.parse::<CommitId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_commit_is_refused() {
        let upper = "A".repeat(40);
        let short = "a".repeat(39);
        let wide = "é".repeat(20);
        for text in ["", "HEAD", "--upload-pack=x", "../../etc/passwd", &upper, &short, &wide] {
            assert!(text.parse::<CommitId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_is_four_digits_or_more() {
        for text in ["0123", "abcdef", &"a".repeat(64)] {
            assert_eq!(text.parse::<CommitPrefix>().unwrap().as_str(), text);
        }
        for text in ["", "012", "ABCD", "HEAD", "0123%", &"a".repeat(65)] {
            assert!(text.parse::<CommitPrefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_do_not_mix() {
        let short: CommitId = "0".repeat(40).parse().unwrap();
        let long: CommitId = "0".repeat(64).parse().unwrap();
        assert_ne!(short, long);
    }

    #[test]
    fn names_keep_to_one_line() {
        assert!("main".parse::<BranchName>().is_ok());
        assert!("größe 1".parse::<BranchName>().is_ok());
        for text in ["", "a\nb", "a\u{1b}[31m", "\u{9b}"] {
            assert!(text.parse::<BranchName>().is_err(), "{text:?}");
        }
        assert!("x".repeat(NAME_BYTES_MAX).parse::<ProjectName>().is_ok());
        assert!("x".repeat(NAME_BYTES_MAX + 1).parse::<ProjectName>().is_err());
    }

    #[test]
    fn an_instance_is_thirty_two_digits() {
        let id = InstanceId::from_bytes([0xa5; 16]);
        assert_eq!(id.as_str(), "a5".repeat(16));
        assert_eq!(id.as_str().parse::<InstanceId>().unwrap(), id);
        assert!("a5".parse::<InstanceId>().is_err());
    }
}
