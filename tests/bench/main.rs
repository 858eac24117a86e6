//! What it costs, each figure against a limit.
#![allow(clippy::unwrap_used)]

mod checkout;
mod figures;
mod history;
