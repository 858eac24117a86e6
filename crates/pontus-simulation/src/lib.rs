//! The simulation: the scheduler in a world where things go wrong, and checkers that watch it.
//!
//! One thread, a virtual clock, and a seed from which everything follows. `dispatcher` drives the scheduler as the real
//! one does, over a [`Store`] that remembers, with `sessions` that keep output and a `clock` that jumps; `runner`s, `observer`s
//! and `user`s follow `PROTOCOL.md` over a `network` that breaks; `faults` says what goes wrong, `check`, `records`, `shown`,
//! `roster` and `questions` what must hold all the same, `bug` what they must find, and `seen` what must have happened somewhere.
//!
//! Of the protocol there is all that somebody decides upon. What is only read from the database (`find`, `show`, `units`,
//! `log`), the greeting, and the bytes of a line are left to others' tests.
//!
//! A failure names its seed, and the command that tells its whole story. With the [`Model`] of a store that is
//!
//! ```text
//! PONTUS_SEED=123 cargo test -p pontus-simulation the_named_seed -- --nocapture
//! ```
//!
//! To see what the seeds met, and how many of them each planted bug needs, add `-- --nocapture` to their tests.

mod asker;
mod bug;
mod check;
mod clock;
mod closed;
mod disk;
mod dispatcher;
mod faults;
mod ledger;
mod network;
mod observer;
mod pending;
mod questions;
mod records;
mod roster;
mod runner;
mod seen;
mod sessions;
mod shown;
mod stage;
mod store;
mod story;
mod trace;
mod user;
mod words;
mod world;

pub use bug::Bug;
pub use check::Broken;
pub use ledger::RunId;
pub use seen::Seen;
pub use store::{Model, Store};
pub use story::Player;
pub use trace::Trace;
pub use world::{Outcome, run};
