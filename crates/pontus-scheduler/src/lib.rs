//! The judgement of Pontus: who tests what, and when to give up.
//!
//! A [`Scheduler`] is a state machine that is told everything. [`Event`]s are all that can happen, [`Effect`]s all that
//! must be done, and time is an argument. There is no clock, log, file, socket, thread, randomness or hash order in
//! here, so that a simulation can replay any history from its seed.
//!
//! Effects come in order, and the order is the contract: *remember* (durable before anything that follows), *publish*,
//! *say*. Doing one of them twice is harmless, so a crash between any two heals at the next start.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
mod event;
pub mod planted;
mod queue;
mod restore;
mod scheduler;
mod timers;
mod view;
mod watch;

pub use config::{Config, Policy, SessionId, Time};
pub use event::{Answer, Effect, Event, Record, Submission, Why};
pub use restore::{Stored, StoredState};
pub use scheduler::Scheduler;
pub use view::{Overview, RunnerView, WaitsFor};
