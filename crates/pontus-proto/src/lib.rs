//! The language of Pontus: what its programs say to each other, and nothing of why.
//!
//! [`Request`] and [`Reply`] are the messages, one JSON object a line; `PROTOCOL.md` beside this crate is the
//! document that they follow, and its examples are tests. [`Connection`] carries lines with limits and deadlines,
//! [`Client`] is the side that speaks first.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod client;
mod connection;
mod id;
pub mod limits;
mod line;
mod message;
mod text;
mod trust;

pub use client::{Caller, Client, ClientError, HangUp};
pub use connection::{Connection, ReadError};
pub use id::{
    Attempt, Author, BranchName, CaseName, CommitId, CommitPrefix, HostName, InstanceId, InvalidId,
    Label, ProjectName, RunnerName, Subject, TreeId, UnitName,
};
pub use line::{LineBuffer, LineTooLong};
pub use message::{
    About, AttemptLine, Bytes, CaseOutcome, CaseReport, Code, CommitLine, Counts, Decided, Fate,
    KNOWN_TYPES, Outcome, ParseError, Progress, Reply, Report, Request, Role, RunnerLine, Shown,
    State, Status, Submission, UnitReport, Verdict, WaitsFor, decode_greeting, decode_reply,
    decode_request, encode,
};
pub use text::{escaped, is_obeyed, parse_address, parse_duration, parse_size, seconds};
pub use trust::{Greeting, Nonce, Proof, Side, Token};
