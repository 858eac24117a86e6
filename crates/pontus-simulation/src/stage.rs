//! The stage: what everybody in the world shares. Time, chance, what is to happen, the network, and who watches.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use fastrand::Rng;
use pontus_scheduler::{Config, Policy, SessionId, Time};

use crate::clock::GRAIN_MS_MAX;
use crate::faults::{Fault, Faults};
use crate::ledger::Ledger;
use crate::network::{Connections, Reply, Request};
use crate::seen::{Case, Seen, Sometimes};
use crate::trace::{Trace, Who};
use crate::{observer, runner, user};

/// How many commits there are at most.
const COMMITS_MAX: u64 = 30;

/// Something that is to happen.
#[derive(Debug, Clone)]
pub enum Happening {
    /// The dispatcher looks at what has arrived, and at its clock.
    Look,
    /// The dispatcher is started again.
    Restart,
    /// A request reaches the dispatcher.
    Asked(SessionId, Request),
    /// A reply reaches its client.
    Answered(SessionId, Reply),
    /// The dispatcher notices that a connection has ended.
    ServerNotices(SessionId),
    /// A client does.
    ClientNotices(SessionId),
    /// A runner does something of its own accord, in one of its lives.
    Runner { number: usize, life: u32, act: runner::Act },
    /// An observer does.
    Observer { number: usize, act: observer::Act },
    /// A user does.
    User { number: usize, act: user::Act },
    /// The faults that come of themselves are drawn.
    Mischief,
    /// Nothing goes wrong any more.
    Heal,
}

/// See the module.
#[derive(Debug)]
pub struct Stage {
    pub now: Time,
    pub rng: Rng,
    pub config: Config,
    /// How coarse the dispatcher's clock is.
    pub grain_ms: u64,
    pub faults: Faults,
    pub connections: Connections,
    pub dispatcher_is_up: bool,
    /// How many commits there are, found or not.
    pub commits_len: u64,
    pub ledger: Ledger,
    pub seen: Seen,
    pub trace: Trace,
    /// By time, and of one time by the order in which it was planned.
    agenda: BTreeMap<(Time, u64), Happening>,
    planned: u64,
}

impl Stage {
    pub fn new(now: Time, seed: u64, trace: Trace) -> Stage {
        let mut rng = Rng::with_seed(seed);
        let config = Config {
            lease_ms: rng.u64(3_000..=8_000),
            reconnect_grace_ms: rng.u64(500..=2_500),
            undecided_max: if rng.u32(0..4) == 0 { rng.usize(1..=4) } else { 1_000 },
            attempts_max: rng.u32(1..=3),
            attempt_ms_max: rng.u64(12_000..=40_000),
            poll_ms: rng.u64(1_000..=5_000),
            policy: if rng.bool() { Policy::All } else { Policy::Newest },
        };
        let grain_ms = if rng.bool() { 1 } else { rng.u64(1..=GRAIN_MS_MAX) };
        let faults = Faults::draw(&mut rng);
        let commits_len = rng.u64(5..=COMMITS_MAX);
        Stage {
            now,
            rng,
            config,
            grain_ms,
            faults,
            connections: Connections::default(),
            dispatcher_is_up: true,
            commits_len,
            ledger: Ledger::default(),
            seen: Seen::default(),
            trace,
            agenda: BTreeMap::new(),
            planned: 0,
        }
    }

    pub fn plan(&mut self, at: Time, happening: Happening) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), happening);
    }

    pub fn plan_in(&mut self, ms: u64, happening: Happening) {
        self.plan(self.now.after(ms), happening);
    }

    /// What happens next; time goes on to it.
    pub fn next_happening(&mut self) -> Option<Happening> {
        let ((at, _), happening) = self.agenda.pop_first()?;
        self.now = at;
        Some(happening)
    }

    pub fn ms(&mut self, range: RangeInclusive<u64>) -> u64 {
        self.rng.u64(range)
    }

    /// Whether a fault happens on this occasion.
    pub fn strikes(&mut self, fault: Fault) -> bool {
        let strikes = self.faults.strikes(&mut self.rng, fault);
        if strikes {
            self.suffers(fault);
        }
        strikes
    }

    /// A fault happens.
    pub fn suffers(&mut self, fault: Fault) {
        self.seen.count(Sometimes::Fault(fault));
        self.note(Who::World, || format!("fault: {}", fault.words()));
    }

    /// A case is met.
    pub fn meets(&mut self, case: Case) {
        self.seen.count(Sometimes::Case(case));
    }

    pub fn note(&mut self, who: Who, text: impl FnOnce() -> String) {
        self.trace.note(self.now, who, None, text);
    }

    /// A client does something on its connection.
    pub fn note_of(&mut self, session: SessionId, text: impl FnOnce() -> String) {
        let who = self.connections.dialled_by(session).map_or(Who::Network, Who::Client);
        self.trace.note(self.now, who, Some(session), text);
    }

    /// The dispatcher does something on a connection.
    pub fn note_at(&mut self, session: SessionId, text: impl FnOnce() -> String) {
        self.trace.note(self.now, Who::Dispatcher, Some(session), text);
    }
}
