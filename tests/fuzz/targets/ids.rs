//! Ids and names: what is taken prints as it was read, is taken as JSON too, and keeps its promise to whoever holds it.

use std::fmt::Display;
use std::str::FromStr;

use pontus_proto::limits::{
    CASE_BYTES_MAX, NAME_BYTES_MAX, PREFIX_DIGITS_MIN, SUBJECT_BYTES_MAX, UNIT_BYTES_MAX,
};
use pontus_proto::{
    Author, BranchName, CaseName, CommitId, CommitPrefix, HostName, InstanceId, Label, ProjectName,
    RunnerName, Subject, Token, TreeId, UnitName,
};
use serde::de::DeserializeOwned;

/// Reads each line of `data`, and all of it, as each id and name.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for text in text.split('\n').chain([&*text]) {
        digits(text);
        names(text);
        token(text);
    }
}

fn digits(text: &str) {
    let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    let is_hex = text.bytes().all(is_hex);
    let takes = |takes: bool, lengths: bool| assert_eq!(takes, is_hex && lengths, "{text:?}");
    takes(reads::<CommitId>(text), matches!(text.len(), 40 | 64));
    takes(reads::<TreeId>(text), matches!(text.len(), 40 | 64));
    takes(reads::<CommitPrefix>(text), (PREFIX_DIGITS_MIN..=64).contains(&text.len()));
    takes(reads_only::<InstanceId>(text, InstanceId::as_str), text.len() == 32);
}

fn names(text: &str) {
    let is_line = !text.is_empty() && !text.chars().any(char::is_control);
    let takes = |takes: bool, bytes_max: usize| {
        assert_eq!(takes, is_line && text.len() <= bytes_max, "{text:?}");
    };
    takes(reads::<ProjectName>(text), NAME_BYTES_MAX);
    takes(reads::<BranchName>(text), NAME_BYTES_MAX);
    takes(reads::<HostName>(text), NAME_BYTES_MAX);
    takes(reads::<RunnerName>(text), NAME_BYTES_MAX + 11);
    takes(reads::<Label>(text), NAME_BYTES_MAX);
    takes(reads::<Author>(text), NAME_BYTES_MAX);
    takes(reads::<Subject>(text), SUBJECT_BYTES_MAX);
    takes(reads::<UnitName>(text), UNIT_BYTES_MAX);
    takes(reads::<CaseName>(text), CASE_BYTES_MAX);
}

/// A token is never shown, not by a mistake either.
fn token(text: &str) {
    match text.parse::<Token>() {
        Ok(token) => {
            assert_eq!(token.to_line(), text);
            assert!(!format!("{token:?}").contains(text));
        }
        Err(error) => assert!(text.len() < 40 || !error.to_string().contains(text)),
    }
}

/// Whether `text` is an `I`.
fn reads<I: FromStr + DeserializeOwned + Display>(text: &str) -> bool {
    let read = text.parse::<I>().ok();
    assert!(read.as_ref().is_none_or(|id| id.to_string() == text), "{text:?}");
    assert_eq!(read.is_some(), from_json::<I>(text), "{text:?}");
    read.is_some()
}

/// The same of an id that is not printed.
fn reads_only<I: FromStr + DeserializeOwned>(text: &str, as_str: fn(&I) -> &str) -> bool {
    let read = text.parse::<I>().ok();
    assert!(read.as_ref().is_none_or(|id| as_str(id) == text), "{text:?}");
    assert_eq!(read.is_some(), from_json::<I>(text), "{text:?}");
    read.is_some()
}

fn from_json<I: DeserializeOwned>(text: &str) -> bool {
    serde_json::from_value::<I>(text.into()).is_ok()
}
