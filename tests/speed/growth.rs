//! What a long queue costs those at its head, and those who look at it.

use std::time::{Duration, Instant};

use pontus_tests::{Goal, Process, Spread, Yard};

use crate::crew::{Crew, Peer, READY, dispatcher, report, submit, yard};
use crate::table::Row;

const QUEUED: [u32; 3] = [10, 1_000, 100_000];

const HAND_OUTS: usize = 300;
const LOOKS: usize = 20;

/// Two threads that wake each other take 0.08 ms or 0.12, by where the system has put them, for as long as they are there. Of many
/// pairs some are of each kind, whatever is queued.
const LOOKERS: usize = 50;

const STATUS: &str = "{\"type\":\"status\",\"commits\":10}\n";
const CONNECTIONS: u32 = 64;
const PATIENCE: Duration = Duration::from_secs(1);

/// Flat, within what one machine differs from itself.
const FLAT: f64 = 1.3;

pub fn measure() -> Vec<Row> {
    let mut queues = QUEUED.map(Queue::of);
    // In turns, so that all of them find the machine alike.
    (0..HAND_OUTS).for_each(|_| queues.iter_mut().for_each(Queue::hand_out));
    (0..LOOKS).for_each(|_| queues.iter_mut().for_each(Queue::look));
    let measured = queues.map(|queue| {
        let [handed_out, looked] =
            [queue.handed_out, queue.looked].map(|took| Spread::of_times(took).median());
        (queue.length, handed_out, looked)
    });
    let (_, hand_out, look) = measured[0];
    let rows = measured.into_iter().flat_map(|(length, handed_out, looked)| {
        let row = |what: &str, measured, limit| Row {
            what: format!("{what} with {length} queued"),
            measured,
            unit: "ms",
            limit,
            limited_by: "with 10",
            goal: Goal::Under(FLAT),
        };
        [row("hand-out", handed_out, hand_out), row("status", looked, look)]
    });
    rows.collect()
}

/// A dispatcher with so many commits queued, and what it took to be served by it.
struct Queue {
    length: u32,
    next: u32,
    observer: Peer,
    runner: Peer,
    lookers: Vec<Peer>,
    handed_out: Vec<Duration>,
    looked: Vec<Duration>,
    _dispatcher: Process,
    _yard: Yard,
}

impl Queue {
    fn of(length: u32) -> Queue {
        let yard = yard();
        let dispatcher = dispatcher(&yard, &[]);
        fill(&yard, 0..length);
        Queue {
            length,
            next: length,
            observer: Peer::greeted(&yard, "observer"),
            runner: Peer::runner(&yard, 1),
            lookers: (0..LOOKERS).map(|_| Peer::greeted(&yard, "client")).collect(),
            handed_out: Vec::new(),
            looked: Vec::new(),
            _dispatcher: dispatcher,
            _yard: yard,
        }
    }

    /// From a runner's word that it is ready to its commit. Then another commit is handed in for it.
    fn hand_out(&mut self) {
        let begun = Instant::now();
        let assigned = self.runner.ask(READY);
        self.handed_out.push(begun.elapsed());
        assert!(self.runner.ask(&report(&assigned)).contains("recorded"));
        assert!(self.observer.ask(&submit(self.next)).contains("accepted"));
        self.next += 1;
    }

    /// The mean, since half of them may be of one kind.
    fn look(&mut self) {
        let begun = Instant::now();
        for looker in &mut self.lookers {
            let said = looker.ask(STATUS);
            assert!(said.contains("\"status\""), "{said}");
        }
        self.looked.push(begun.elapsed() / LOOKERS as u32);
    }
}

/// Hands commits in over many connections at once.
fn fill(yard: &Yard, numbers: std::ops::Range<u32>) {
    let peers = (0..CONNECTIONS).map(|_| Peer::greeted(yard, "observer")).collect();
    let (mut crew, mut accepted, all) = (Crew::of(peers), 0, numbers.len());
    let mut numbers = numbers;
    for (peer, number) in (0..CONNECTIONS as usize).zip(numbers.by_ref().take(CONNECTIONS as usize))
    {
        crew.say(peer, &submit(number));
    }
    while accepted < all {
        for (peer, line) in crew.hear(PATIENCE) {
            assert!(line.contains("accepted"), "{line}");
            accepted += 1;
            numbers.next().into_iter().for_each(|number| crew.say(peer, &submit(number)));
        }
    }
}
