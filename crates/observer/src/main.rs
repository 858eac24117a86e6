//! The observer: watches a clone's origin, and hands each new commit in.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod config;
mod exit;
mod mood;
mod plan;
mod upstream;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let filter = env_logger::Env::default().default_filter_or("info");
    env_logger::Builder::from_env(filter).init();
    exit::code(config::Config::try_from(args).and_then(watch::watch))
}
