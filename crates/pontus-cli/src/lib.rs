//! What the programs of Pontus do alike on a command line: arguments, exit codes and the one line of an error, the log, where the
//! dispatcher is, completions and the manual.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arguments;
pub mod exit;
mod generate;
pub mod log;
mod server;
mod token;

pub use arguments::arguments;
pub use generate::{Document, generate};
pub use server::{Door, Server, Trust};
pub use token::{Mark, TokenFile};
