//! The simulation: the scheduler in a world where things go wrong, and checkers that watch it.
//!
//! One thread, a virtual clock, and a seed from which everything follows. `dispatcher` drives the scheduler as the real
//! one does, against a `disk` that remembers; `runner`s, `observer`s and `user`s follow `PROTOCOL.md` over a `network` that
//! breaks; `faults` says what goes wrong, `check`, `records`, `roster` and `questions` what must hold all the same, `bug` what
//! they must find.
//!
//! A failure names its seed. To see that run again, whole:
//!
//!     PONTUS_SEED=123 cargo test -p pontus-simulation one_seed -- --nocapture
//!
//! To see what the seeds met, and how many of them each planted bug needs, add `-- --nocapture` to their tests.

mod bug;
mod check;
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
mod stage;
mod trace;
mod user;
mod world;

pub use bug::Bug;
pub use check::Broken;
pub use seen::Seen;
pub use trace::Trace;
pub use world::{Outcome, run};
