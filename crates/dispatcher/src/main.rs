//! The dispatcher: hears what is submitted and reported, decides who tests what, and remembers it.
//!
//! [`engine`] is the one thread that owns the scheduler and the database; everything else brings it events or carries
//! out what it says.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod board;
mod clock;
mod config;
mod engine;
mod exit;
mod folder;
mod listener;
mod look;
mod output;
mod publisher;
mod repair;
mod results;
mod retention;
mod serve;
mod session;
mod store;
mod tide;
mod translate;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let filter = env_logger::Env::default().default_filter_or("info,rusqlite_migration=warn");
    env_logger::Builder::from_env(filter).init();
    exit::on_bugs();
    exit::code(config::Config::try_from(args).and_then(serve::serve))
}
