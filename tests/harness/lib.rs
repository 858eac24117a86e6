//! What the end-to-end tests stand on: the real programs, real git and real sockets, in a temporary folder each.
//!
//! Nothing in here sleeps. A test waits for a line of a log, for a process's end, or for a test script to arrive at a
//! [`Checkpoint`], each with a deadline; and when a test fails, every process's log is printed.
#![allow(clippy::unwrap_used)] // A harness that cannot go on has nothing better to do than to stop the test.

mod checkpoint;
mod disk;
mod figures;
mod git;
mod past;
mod process;
mod programs;
mod speaker;
mod yard;

pub use checkpoint::{Checkpoint, Visitor};
pub use disk::{Failing, SmallDisk, can_trace, end_of};
pub use figures::{Goal, Spread};
pub use git::git;
pub use past::remember;
pub use process::{Follower, Process};
pub use programs::{planted_dispatcher, program, project_root};
pub use speaker::{Speaker, made_up, passed, submission, submission_of};
pub use yard::{Yard, last_line};

/// How long anything may take that a test waits for. The machines are shared and small; a healthy run is far below it.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// A number that the user has set in the environment: a seed, or how much is to be done.
pub fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}
