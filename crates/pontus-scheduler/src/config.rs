//! What the scheduler is given before anything happens: its limits, and how it counts time and connections.

/// The lateness, in milliseconds, from which the scheduler takes it that it was itself stopped (SIGSTOP, a closed laptop,
/// a hanging disk). Below it, a busy machine is the likelier reason.
pub(crate) const ABSENCE_MS: u64 = 1_000;

/// What the user chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Silence after which a runner has lost its commit, in milliseconds.
    pub lease_ms: u64,
    /// The same, once its connection has ended.
    pub reconnect_grace_ms: u64,
    /// How many commits may be without a verdict. One more is refused.
    pub undecided_max: usize,
    /// After so many lost runners a commit is given up.
    pub attempts_max: u32,
    /// How long one attempt may be kept alive by beats, in milliseconds. The runner ends it long before; this is for one
    /// that does not.
    pub attempt_ms_max: u64,
    /// How long a runner that is ready, or a client that waits for a verdict, goes without an answer, in milliseconds.
    pub poll_ms: u64,
    /// Which of a branch's commits are tested.
    pub policy: Policy,
}

/// Which of a branch's commits are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Every one that is handed in.
    All,
    /// A queued commit gives way to a newer one of its branch, unless a user asked for it by a retry.
    Newest,
}

/// Monotonic time in milliseconds from any origin. Never the time of day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u64);

impl Time {
    /// The time so many milliseconds later.
    pub fn after(self, ms: u64) -> Time {
        Time(self.0.saturating_add(ms))
    }
}

/// One connection, numbered by the dispatcher. Never used twice while the dispatcher runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u64);
