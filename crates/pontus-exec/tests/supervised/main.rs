//! Supervised runs of real processes that get away in every way we know.
//!
//! A supervisor is this program once more, so `main` is its own and not that of libtest: first it may be asked to
//! supervise, then it may be one of the helpers below, and otherwise it runs the tests.
#![allow(clippy::unwrap_used)]

mod again;
mod deaths;
mod ends;
mod escapes;
mod harness;
mod scene;
mod surroundings;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = pontus_exec::supervise_if_asked() {
        return code;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("helper") => scene::helper(&args[1..]),
        Some("measure") => ends::measure(),
        _ => {
            let all =
                [again::TESTS, escapes::TESTS, ends::TESTS, deaths::TESTS, surroundings::TESTS];
            harness::run(&all.concat(), &args)
        }
    }
}
