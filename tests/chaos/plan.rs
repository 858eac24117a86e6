//! The plan of one act: what is done to whom and when, drawn from a seed. It does nothing itself.

use std::time::Duration;

use fastrand::Rng;

use crate::proxy::{Break, Way, Weather};

/// How many runner processes there are.
pub const RUNNERS: usize = 3;

/// A process of the cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The dispatcher.
    Dispatcher,
    /// The observer.
    Observer,
    /// One of the runners.
    Runner(usize),
}

/// A link: of the observer, of each runner, of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line(pub usize);

/// How many links there are.
pub const LINES: usize = RUNNERS + 2;

/// Something that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// So many commits are pushed at once.
    Commit(usize),
    /// `kill -9`.
    Kill(Actor),
    /// It is started again.
    Start(Actor),
    /// SIGSTOP.
    Freeze(Actor),
    /// SIGCONT.
    Thaw(Actor),
    /// The connections of a link end.
    Break(Line, Break),
    /// A link has this weather for so long.
    Set(Line, Weather, Duration),
    /// What is wrong with a link is over.
    Heal(Line),
    /// The dispatcher's disk has no room any more.
    Fill,
    /// It has again.
    Empty,
}

impl Deed {
    /// What it is called among the figures; nothing where it only ends what another has begun.
    pub fn name(&self) -> Option<String> {
        let name = match self {
            Deed::Kill(actor) => format!("kill_{}", actor.name()),
            Deed::Freeze(actor) => format!("freeze_{}", actor.name()),
            Deed::Break(_, how) => format!("{how:?}").to_lowercase(),
            Deed::Set(_, weather, _) => weather.name().to_owned(),
            Deed::Fill => "full_disk".to_owned(),
            _ => return None,
        };
        Some(name)
    }
}

impl Actor {
    fn name(self) -> &'static str {
        match self {
            Actor::Dispatcher => "dispatcher",
            Actor::Observer => "observer",
            Actor::Runner(_) => "runner",
        }
    }
}

/// Something that is done so long after the act's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Duration,
    /// What.
    pub deed: Deed,
}

/// What kinds of faults a plan has, each in so many parts, and how thick they come.
#[derive(Debug, Clone)]
pub struct Taste {
    /// The faults.
    pub faults: Vec<(Fault, usize)>,
    /// From one fault to the next, at most.
    pub pause_ms_max: u64,
    /// How long a process is down or frozen, and a link out of order, at most.
    pub trouble_ms_max: u64,
    /// How many commits are pushed at once, at most.
    pub push_max: usize,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// `kill -9` and a new start.
    KillDispatcher,
    /// The same.
    KillObserver,
    /// The same.
    KillRunner,
    /// SIGSTOP and SIGCONT.
    FreezeDispatcher,
    /// The same.
    FreezeObserver,
    /// The same.
    FreezeRunner,
    /// Connections end in order.
    Cut,
    /// Connections are reset.
    Reset,
    /// Nobody gets through.
    Down,
    /// Nothing moves.
    Stall,
    /// All is late.
    Delay,
    /// All comes in small pieces.
    Slice,
    /// What is said in one direction never arrives.
    BlackHole,
    /// The disk is full.
    FullDisk,
}

impl Taste {
    /// Everything.
    pub fn all() -> Taste {
        use Fault::*;
        let faults = vec![
            (KillDispatcher, 8),
            (KillObserver, 6),
            (KillRunner, 10),
            (FreezeDispatcher, 5),
            (FreezeObserver, 2),
            (FreezeRunner, 8),
            (Cut, 10),
            (Reset, 10),
            (Down, 5),
            (Stall, 8),
            (Delay, 8),
            (Slice, 8),
            (BlackHole, 8),
            (FullDisk, 5),
        ];
        Taste { faults, pause_ms_max: 220, trouble_ms_max: 2500, push_max: 3 }
    }
}

/// Who is in trouble, and until when. Nobody gets into trouble twice at the same time.
#[derive(Debug, Default)]
struct Troubles(Vec<(Subject, Duration)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Actor(Actor),
    Line(Line),
    Disk,
}

/// Draws the plan of an act in which so many commits are made. All that it breaks it mends.
pub fn draw(rng: &mut Rng, taste: &Taste, commits: usize) -> Vec<Step> {
    let kinds: Vec<_> =
        taste.faults.iter().flat_map(|(fault, parts)| vec![*fault; *parts]).collect();
    let (mut steps, mut at, mut left) = (Vec::new(), Duration::ZERO, commits);
    let mut troubles = Troubles::default();
    while left > 0 {
        let push = rng.usize(1..=taste.push_max).min(left);
        left -= push;
        steps.push(Step { at, deed: Deed::Commit(push) });
        for _ in 0..rng.usize(2..=6) {
            at += Duration::from_millis(rng.u64(0..=taste.pause_ms_max));
            let fault = rng.choice(&kinds).copied().unwrap();
            let length = Duration::from_millis(rng.u64(50..=taste.trouble_ms_max));
            steps.extend(troubles.begin(rng, fault, at, length));
        }
    }
    steps.sort_by_key(|step| step.at);
    steps
}

impl Troubles {
    /// The steps of a fault; none where its subject is in trouble already.
    fn begin(&mut self, rng: &mut Rng, fault: Fault, at: Duration, length: Duration) -> Vec<Step> {
        let runner = Actor::Runner(rng.usize(..RUNNERS));
        let line = Line(rng.usize(..LINES));
        let way = if rng.bool() { Way::There } else { Way::Back };
        let slow = Weather::Slow(Duration::from_millis(rng.u64(5..150)));
        let sliced = Weather::Sliced(rng.usize(1..8));
        let set = |weather| (Subject::Line(line), Deed::Set(line, weather, length), None);
        let kill = |actor| (Subject::Actor(actor), Deed::Kill(actor), Some(Deed::Start(actor)));
        let freeze = |actor| (Subject::Actor(actor), Deed::Freeze(actor), Some(Deed::Thaw(actor)));
        let end = |how| (Subject::Line(line), Deed::Break(line, how), None);
        let (subject, begins, ends) = match fault {
            Fault::KillDispatcher => kill(Actor::Dispatcher),
            Fault::KillObserver => kill(Actor::Observer),
            Fault::KillRunner => kill(runner),
            Fault::FreezeDispatcher => freeze(Actor::Dispatcher),
            Fault::FreezeObserver => freeze(Actor::Observer),
            Fault::FreezeRunner => freeze(runner),
            Fault::Cut => end(Break::Cut),
            Fault::Reset => end(Break::Reset),
            Fault::Down => set(Weather::Down),
            Fault::Stall => set(Weather::Frozen),
            Fault::Delay => set(slow),
            Fault::Slice => set(sliced),
            Fault::BlackHole => {
                let (subject, begins, _) = set(Weather::Hole(way));
                (subject, begins, Some(Deed::Heal(line)))
            }
            Fault::FullDisk => (Subject::Disk, Deed::Fill, Some(Deed::Empty)),
        };
        if self.0.iter().any(|(who, until)| *who == subject && *until >= at) {
            return Vec::new();
        }
        self.0.push((subject, at + length));
        let step = |at, deed| Step { at, deed };
        [step(at, begins)].into_iter().chain(ends.map(|deed| step(at + length, deed))).collect()
    }
}

#[test]
fn a_seed_is_a_plan_and_what_breaks_is_mended() {
    let draw = |seed| draw(&mut Rng::with_seed(seed), &Taste::all(), 40);
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    for seed in 0..200 {
        let count =
            |wanted: fn(&Deed) -> bool| draw(seed).iter().filter(|step| wanted(&step.deed)).count();
        let pairs = [
            (
                count(|deed| matches!(deed, Deed::Kill(_))),
                count(|deed| matches!(deed, Deed::Start(_))),
            ),
            (
                count(|deed| matches!(deed, Deed::Freeze(_))),
                count(|deed| matches!(deed, Deed::Thaw(_))),
            ),
            (count(|deed| *deed == Deed::Fill), count(|deed| *deed == Deed::Empty)),
        ];
        assert!(pairs.iter().all(|(begun, ended)| begun == ended), "{pairs:?} of seed {seed}");
    }
}
