//! From `git commit` to the result file, through the three real programs.
#![allow(clippy::unwrap_used)]

mod absence;
mod leaving;
mod strangers;
mod usage;
mod verdicts;
