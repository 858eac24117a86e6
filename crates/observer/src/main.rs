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
mod history;
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

use anyhow::Result;
use clap::CommandFactory;
use pontus_cli::{arguments, exit, generate, log};

use crate::args::Args;

fn main() -> ExitCode {
    let args = arguments::<Args>();
    exit::on_bugs(|_| false);
    exit::code(
        "observer",
        match args.generate {
            Some(document) => generate(document, Args::command()),
            None => run(args),
        },
    )
}

fn run(args: Args) -> Result<()> {
    log::start("info");
    watch::watch(args.try_into()?)
}
