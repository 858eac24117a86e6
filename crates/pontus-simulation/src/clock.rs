//! The dispatcher's clock. It never goes back, but goes forward in jumps: by a grain at a time, and now and then far ahead.

use pontus_scheduler::Time;

/// The coarsest grain, in milliseconds. It is within what the scheduler forgives as a busy machine's lateness.
pub const GRAIN_MS_MAX: u64 = 400;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// How far it is ahead of the world's time, in milliseconds.
    ahead_ms: u64,
    grain_ms: u64,
}

impl Clock {
    pub fn new(grain_ms: u64) -> Clock {
        Clock { ahead_ms: 0, grain_ms }
    }

    /// What it says at a time of the world.
    pub fn at(self, world: Time) -> Time {
        let ms = world.0 + self.ahead_ms;
        Time(ms - ms % self.grain_ms)
    }

    /// The first time of the world at which it says `at` or more.
    pub fn when(self, at: Time) -> Time {
        Time((at.0.div_ceil(self.grain_ms) * self.grain_ms).saturating_sub(self.ahead_ms))
    }

    pub fn jump(&mut self, ms: u64) {
        self.ahead_ms += ms;
    }
}
