//! Faults: what may go wrong, users who meddle included, and how likely it is in one run. Each run draws its own mixture, so
//! that some runs have much of one fault and none of another.

use fastrand::Rng;

use crate::closed::closed;

/// The longest pauses, in milliseconds. The bound of `world::deadline` is made of them.
pub const LATE_MS_MAX: u64 = 6_000;
pub const NOTICE_MS_MAX: u64 = 6_000;
pub const STALL_MS_MAX: u64 = 15_000;
pub const RESTART_MS_MAX: u64 = 8_000;
pub const REVIVE_MS_MAX: u64 = 6_000;

/// How often the world draws the faults that come of themselves, in milliseconds.
pub const MISCHIEF_MS: u64 = 300;

closed! {
    /// One thing that goes wrong.
    Fault {
        ConnectionBreaks = "a connection breaks",
        LinkFreezes = "what a connection carries towards the dispatcher is held up",
        MessageLate = "a message takes seconds",
        RequestLost = "a request is lost, with its connection",
        RequestRepeated = "a request comes twice, and the answer to the first is lost",
        AnswerLost = "an answer is lost, with its connection",
        WriteFails = "an assignment cannot be written, and the dispatcher learns so",
        RunnerDies = "a runner is killed",
        RunnerStalls = "a runner stops and goes on",
        RunnerLeaves = "a runner is told to leave before its test has ended",
        RunnerBeatsLate = "a runner that has dialled again goes on without a beat",
        OldNews = "a runner says something of an attempt that it has dropped",
        TestHangs = "a test takes longer than an attempt may",
        DispatcherDies = "the dispatcher is killed with nothing in its hands",
        DispatcherDiesAmidEffects = "the dispatcher is killed between two effects",
        DispatcherStalls = "the dispatcher stops and goes on",
        ClockJumps = "the dispatcher's clock jumps forward",
        PowerFails = "the power fails in the midst of a commit",
        DiskRefuses = "the disk takes nothing of a batch",
        DiskIsUnsure = "the disk takes a batch, and says that it has not",
        OutputRemoved = "somebody removes the output of an attempt that runs",
        UserPauses = "a user has nothing handed out for a while",
        UserDrains = "a user wants a runner to leave",
        UserCancels = "a user wants no verdict of a commit any more",
        UserRetries = "a user wants another verdict",
        Resubmitted = "an observer hands in what was accepted already",
        Repeated = "a question is asked again, because nobody knows whether it was heard",
        ReportOutlivesRunner = "a later life of a runner delivers what an earlier one has finished",
    }
}

impl Fault {
    /// The highest likelihood, in thousandths of the occasions there are. What is a consequence of others is never drawn.
    fn permille_max(self) -> u16 {
        match self {
            Fault::ConnectionBreaks | Fault::RunnerDies => 100,
            Fault::LinkFreezes | Fault::RunnerStalls | Fault::MessageLate => 60,
            Fault::RequestLost | Fault::AnswerLost | Fault::RequestRepeated => 60,
            Fault::WriteFails
            | Fault::RunnerLeaves
            | Fault::RunnerBeatsLate
            | Fault::Resubmitted => 200,
            Fault::TestHangs | Fault::OldNews => 60,
            Fault::DispatcherDies | Fault::DispatcherDiesAmidEffects => 20,
            Fault::DispatcherStalls | Fault::DiskRefuses | Fault::DiskIsUnsure => 20,
            Fault::ClockJumps | Fault::PowerFails => 20,
            Fault::OutputRemoved => 60,
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
        let mut faults = Faults::none();
        for (permille, fault) in faults.0.iter_mut().zip(Fault::ALL) {
            let likely = rng.bool() || rng.bool();
            *permille = if likely { rng.u16(0..=fault.permille_max()) } else { 0 };
        }
        faults
    }

    pub fn none() -> Faults {
        Faults([0; Fault::ALL.len()])
    }

    pub fn strikes(&self, rng: &mut Rng, fault: Fault) -> bool {
        let permille = self.0[fault as usize];
        permille > 0 && rng.u16(0..1000) < permille
    }
}
