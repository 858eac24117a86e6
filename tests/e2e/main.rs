//! From `git commit` to the result file, through the three real programs.
#![allow(clippy::unwrap_used)]

mod absence;
mod examples;
mod leaving;
mod strangers;
mod usage;
mod verdicts;
