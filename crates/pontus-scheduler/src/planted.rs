//! Bugs that can be planted, to see that each is found by the rig that is there for it.
//!
//! Only with the feature `planted`, which no release has. Without it there is none, and the compiler removes the questions.
//! Each is one line where it does its harm, which names it; this is the list.

/// What may be wrong with a dispatcher, and how it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// `no-fence`: a late word of an attempt that was lost is taken as if it were the newest's.
    NoFence,
    /// `acknowledge-first`: answers leave before what they say is on the disk.
    AcknowledgeFirst,
    /// `forget-running`: what was running is not known any more after a restart.
    ForgetRunning,
    /// `in-place-results`: a result is written where it will be read, and not beside.
    InPlaceResults,
    /// `no-deduplication`: a commit that has its verdict is tested again when it is submitted again.
    NoDeduplication,
    /// `no-restart-grace`: after a restart all leases are over.
    NoRestartGrace,
    /// `assign-to-closed`: the end of a connection is overheard, so work goes to whoever waited there.
    AssignToClosed,
}

/// Whether the bug is planted.
#[cfg(not(feature = "planted"))]
pub const fn has(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
pub use self::with_feature::{has, plant};

#[cfg(feature = "planted")]
mod with_feature {
    use std::sync::OnceLock;

    use super::Bug;
    use crate::config::{SessionId, Time};
    use crate::event::{Answer, Effect, Submission};
    use crate::restore::{Stored, StoredState};
    use crate::scheduler::Scheduler;

    static PLANTED: OnceLock<Bug> = OnceLock::new();

    /// Plants the bug of that name, for as long as the process lives.
    ///
    /// # Panics
    /// Where none is called so, or one is planted already.
    pub fn plant(name: &str) {
        let bug = match name {
            "no-fence" => Bug::NoFence,
            "acknowledge-first" => Bug::AcknowledgeFirst,
            "forget-running" => Bug::ForgetRunning,
            "in-place-results" => Bug::InPlaceResults,
            "no-deduplication" => Bug::NoDeduplication,
            "no-restart-grace" => Bug::NoRestartGrace,
            "assign-to-closed" => Bug::AssignToClosed,
            _ => panic!("no bug is called {name}"),
        };
        assert_eq!(PLANTED.set(bug), Ok(()), "one bug at a time");
    }

    /// Whether the bug is planted.
    pub fn has(bug: Bug) -> bool {
        PLANTED.get() == Some(&bug)
    }

    impl Scheduler {
        /// Has a commit tested again that has its verdict, as a user's retry does, and calls it new.
        pub(crate) fn submitted_again(
            &mut self,
            now: Time,
            from: SessionId,
            submission: Submission,
            out: &mut Vec<Effect>,
        ) {
            let Submission { commit, project, branch, labels } = submission;
            let state = StoredState::Done { reported: None };
            let (place, attempts, lost, is_retried) = (0, 0, 0, true);
            let stored = Stored {
                commit,
                project,
                branch,
                labels,
                place,
                attempts,
                lost,
                is_retried,
                state,
            };
            self.retried(now, from, commit, Some(stored), out);
            for effect in out {
                if let Effect::Say(_, answer @ Answer::Done) = effect {
                    *answer = Answer::Accepted { commit, new: true };
                }
            }
        }
    }
}
