//! Faults: what may go wrong, users who meddle included, and how likely it is in one run. Each run draws its own mixture, so that some runs have
//! much of one fault and none of another.

use fastrand::Rng;

/// The longest pauses, in milliseconds. The bound of `world::deadline` is made of them.
pub const LATE_MS_MAX: u64 = 6_000;
pub const NOTICE_MS_MAX: u64 = 6_000;
pub const STALL_MS_MAX: u64 = 15_000;
pub const RESTART_MS_MAX: u64 = 8_000;
pub const REVIVE_MS_MAX: u64 = 6_000;

/// How often the world draws the faults that come of themselves, in milliseconds.
pub const MISCHIEF_MS: u64 = 300;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A connection breaks; either side notices later.
    ConnectionBreaks,
    /// What a connection carries towards the dispatcher is held up.
    LinkFreezes,
    /// A message takes seconds.
    MessageLate,
    /// A request is lost, with its connection.
    RequestLost,
    /// An answer is lost, with its connection.
    AnswerLost,
    /// The dispatcher cannot write an answer, and learns so.
    WriteFails,
    /// A runner's process is killed.
    RunnerDies,
    /// A runner's process stops and goes on.
    RunnerStalls,
    /// A runner is told to leave before its test has ended.
    RunnerLeaves,
    /// A test takes longer than an attempt may.
    TestHangs,
    /// The dispatcher dies with nothing in its hands.
    DispatcherDies,
    /// The dispatcher dies between two effects.
    DispatcherDiesAmidEffects,
    /// The dispatcher stops and goes on.
    DispatcherStalls,
    /// The dispatcher's disk takes nothing of a batch.
    DiskRefuses,
    /// A user has nothing handed out for a while.
    UserPauses,
    /// A user wants a runner to leave.
    UserDrains,
    /// A user wants no verdict of a commit any more.
    UserCancels,
    /// A user wants another verdict.
    UserRetries,
    /// An observer hands in what was accepted already.
    Resubmitted,
    /// A question is asked again, because nobody knows whether it was heard. A consequence of others.
    Repeated,
    /// A finished report is delivered by a later life of its runner. A consequence of others.
    ReportOutlivesRunner,
}

impl Fault {
    pub const ALL: [Fault; 21] = [
        Fault::ConnectionBreaks,
        Fault::LinkFreezes,
        Fault::MessageLate,
        Fault::RequestLost,
        Fault::AnswerLost,
        Fault::WriteFails,
        Fault::RunnerDies,
        Fault::RunnerStalls,
        Fault::RunnerLeaves,
        Fault::TestHangs,
        Fault::DispatcherDies,
        Fault::DispatcherDiesAmidEffects,
        Fault::DispatcherStalls,
        Fault::DiskRefuses,
        Fault::UserPauses,
        Fault::UserDrains,
        Fault::UserCancels,
        Fault::UserRetries,
        Fault::Resubmitted,
        Fault::Repeated,
        Fault::ReportOutlivesRunner,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Fault::ConnectionBreaks => "fault: a connection breaks",
            Fault::LinkFreezes => "fault: a link freezes",
            Fault::MessageLate => "fault: a message is late",
            Fault::RequestLost => "fault: a request is lost",
            Fault::AnswerLost => "fault: an answer is lost",
            Fault::WriteFails => "fault: a write of Assigned fails",
            Fault::RunnerDies => "fault: a runner dies",
            Fault::RunnerStalls => "fault: a runner stalls",
            Fault::RunnerLeaves => "fault: a runner leaves",
            Fault::TestHangs => "fault: a test hangs",
            Fault::DispatcherDies => "fault: the dispatcher dies",
            Fault::DispatcherDiesAmidEffects => "fault: the dispatcher dies between two effects",
            Fault::DispatcherStalls => "fault: the dispatcher stalls",
            Fault::DiskRefuses => "fault: the disk refuses a batch",
            Fault::UserPauses => "fault: a user pauses",
            Fault::UserDrains => "fault: a user drains",
            Fault::UserCancels => "fault: a user cancels",
            Fault::UserRetries => "fault: a user retries",
            Fault::Resubmitted => "fault: a commit is submitted again",
            Fault::Repeated => "fault: a question is repeated",
            Fault::ReportOutlivesRunner => "fault: a report outlives its runner",
        }
    }

    /// The highest likelihood, in thousandths of the occasions there are. Consequences are never drawn.
    fn permille_max(self) -> u16 {
        match self {
            Fault::ConnectionBreaks | Fault::RunnerDies => 100,
            Fault::LinkFreezes | Fault::RunnerStalls | Fault::MessageLate => 60,
            Fault::RequestLost | Fault::AnswerLost => 60,
            Fault::WriteFails | Fault::RunnerLeaves | Fault::Resubmitted => 200,
            Fault::TestHangs => 60,
            Fault::DispatcherDies | Fault::DispatcherDiesAmidEffects => 20,
            Fault::DispatcherStalls | Fault::DiskRefuses => 20,
            Fault::UserPauses | Fault::UserDrains => 60,
            Fault::UserCancels => 100,
            Fault::UserRetries => 300,
            Fault::Repeated | Fault::ReportOutlivesRunner => 0,
        }
    }
}

/// How likely each fault is, in thousandths.
#[derive(Debug)]
pub struct Faults([u16; Fault::ALL.len()]);

impl Faults {
    pub fn draw(rng: &mut Rng) -> Faults {
        Faults(Fault::ALL.map(|fault| {
            let likely = rng.bool() || rng.bool();
            if likely { rng.u16(0..=fault.permille_max()) } else { 0 }
        }))
    }

    pub fn none() -> Faults {
        Faults([0; Fault::ALL.len()])
    }

    pub fn strikes(&self, rng: &mut Rng, fault: Fault) -> bool {
        let permille = self.0[fault as usize];
        permille > 0 && rng.u16(0..1000) < permille
    }
}
