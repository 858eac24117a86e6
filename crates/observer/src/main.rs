//! The observer: watches the origin of each of its clones, and hands each new commit in.
//!
//! A thread for each clone: [`watch`] starts and ends them, [`look`] is what one of them does at each look.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod about;
mod args;
mod bell;
mod branches;
mod config;
mod desk;
mod exit;
mod look;
mod memory;
mod mood;
mod own_refs;
mod pace;
mod pattern;
mod plan;
mod upstream;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let filter = env_logger::Env::default().default_filter_or("info");
    env_logger::Builder::from_env(filter).init();
    exit::on_bugs();
    exit::code(config::Config::try_from(args).and_then(watch::watch))
}
