//! The hands of Pontus: child processes that cannot hang us, and git, each verb typed.
//!
//! [`run`] takes one [`Job`] to its end, whatever the child does about it; a [`Stop`] ends it early. [`run_supervised`]
//! (or [`run_under`], with a supervisor that is there already) does the same for a child that is not trusted to stay in its
//! group: nothing that it has started outlives it, nor us. [`Git`] is the one door to git: it knows what its verbs need and lets
//! nothing of the surroundings leak into them. [`write_over`] spares a file system a new file. None of them knows of sockets or of the protocol.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod child;
mod git;
mod stop;
mod supervise;
mod write_over;

pub use child::{Ended, How, Job, RunError, Stream, run, signal_name};
#[doc(hidden)] // For fuzzing alone; see there.
pub use git::printed;
pub use git::{Described, Git, GitError, Head, Mode, RefMove, Tracked, name_in_url};
pub use stop::Stop;
pub use supervise::{Spare, run_supervised, run_under, supervise_if_asked};
pub use write_over::write_over;
