//! Rules of the house that a machine can hold.
#![allow(clippy::unwrap_used)]

mod documents;
mod rooms;
mod sources;
