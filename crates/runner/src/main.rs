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
mod leave;
mod link;
mod regular;
mod removal;
mod repository;
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

use anyhow::Result;
use clap::CommandFactory;
use pontus_cli::{arguments, exit, generate, log};

use crate::args::Args;

fn main() -> ExitCode {
    // First of all: a supervisor is this program once more, and has neither options nor a log.
    if let Some(code) = pontus_exec::supervise_if_asked() {
        return code;
    }
    let args = arguments::<Args>();
    exit::on_bugs(|_| false);
    exit::code(
        "runner",
        match args.generate {
            Some(document) => generate(document, Args::command()),
            None => run(args),
        },
    )
}

fn run(args: Args) -> Result<()> {
    log::start("info");
    serve::serve(args.try_into()?)
}
