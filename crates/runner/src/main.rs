//! The runner: waits for commits, checks each out, runs what is in its `tests/`, and reports.
//!
//! A [`slot`] is one runner in the dispatcher's eyes: its thread speaks with the dispatcher, while another ([`attempt`])
//! tests. They share a [`spool`] on disk, so neither waits for the other, and what is finished survives both.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod attempt;
mod bell;
mod cases;
mod checkout;
mod clone;
mod command;
mod config;
mod course;
mod delivery;
mod exit;
mod leave;
mod link;
mod regular;
mod serve;
mod setup;
mod slot;
mod spool;
mod suite;
mod summary;
mod term;
mod unit;
mod work;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // First of all: a supervisor is this program once more, and has neither options nor a log.
    if let Some(code) = pontus_exec::supervise_if_asked() {
        return code;
    }
    let args = args::Args::parse();
    let filter = env_logger::Env::default().default_filter_or("info");
    env_logger::Builder::from_env(filter).init();
    exit::on_bugs();
    exit::code(config::Config::try_from(args).and_then(serve::serve))
}
