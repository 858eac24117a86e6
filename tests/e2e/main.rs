//! From `git commit` to the result file, through the three real programs.
#![allow(clippy::unwrap_used)]

mod absence;
mod at_once;
mod away;
mod blame;
mod branches;
mod clients;
mod clients_changes;
mod clients_reports;
mod clients_waiting;
mod examples;
mod history;
mod hostile;
mod leaving;
mod leftovers;
mod meddling;
mod next;
mod output;
mod peer;
mod published;
mod queue;
mod retention;
mod runners;
mod service;
mod siege;
mod storage;
mod trust;
mod usage;
mod verdicts;
