//! What the programs of Pontus do alike on a command line: exit codes and the one line of an error, the log, where the
//! dispatcher is, completions and the manual.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod exit;
mod generate;
pub mod log;
mod server;
mod token;

pub use generate::{Document, generate};
pub use server::{Door, Server, Trust};
pub use token::{Mark, TokenFile};
