//! The dispatcher: hears what is submitted and reported, decides who tests what, and remembers it.
//!
//! [`engine`] is the one thread that owns the scheduler and the database; everything else brings it events or carries
//! out what it says. [`client`] is the other side: its subcommands ask a dispatcher that serves.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod board;
mod client;
mod clock;
mod config;
mod descriptors;
mod engine;
mod exit;
mod folder;
mod glance;
mod header;
mod identity;
mod listener;
mod look;
mod mailbox;
mod manager;
mod output;
mod publisher;
mod repair;
mod results;
mod retention;
mod serve;
mod session;
mod shared;
mod store;
mod strangers;
mod tide;
mod translate;
mod trust;
mod voice;

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;
use pontus_cli::{arguments, generate, log};

use crate::args::{Args, ServeArgs};
use crate::exit::Ended;

fn main() -> ExitCode {
    let args = arguments::<Args>();
    exit::on_bugs();
    exit::code(match (args.generate, args.command) {
        (Some(document), _) => generate(document, Args::command()).map(|()| Ended::Done),
        (None, Some(command)) => client::run(command),
        (None, None) => serve(args.serve),
    })
}

fn serve(args: ServeArgs) -> Result<Ended> {
    log::start("info,rusqlite_migration=warn");
    #[cfg(feature = "planted")]
    std::env::var("PONTUS_PLANTED").iter().for_each(|name| pontus_scheduler::planted::plant(name));
    serve::serve(args.try_into()?)?;
    Ok(Ended::Done)
}
