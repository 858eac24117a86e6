//! The benchmark: what Pontus takes, each figure against a physical limit taken in the same run on the same disk.
#![allow(clippy::unwrap_used)] // A measurement that cannot go on has nothing better to do than to stop.

mod accept;
mod by_hand;
mod crew;
mod crowd;
mod flood;
mod growth;
mod handout;
mod idle;
mod limits;
mod overhead;
mod start;
mod table;
mod turnaround;

use std::time::Instant;

use table::{Row, Table};

/// What measures an item.
type Measure = fn() -> Vec<Row>;

/// Each item with its number.
const ITEMS: [(&str, Measure); 9] = [
    ("1 accept", accept::measure),
    ("2 hand-out", handout::measure),
    ("3 turn-around", turnaround::measure),
    ("4 overhead", overhead::measure),
    ("5 crowd", crowd::measure),
    ("6 flood of output", flood::measure),
    ("7 idle", idle::measure),
    ("8 start", start::measure),
    ("9 growth", growth::measure),
];

/// Arguments that begin with a digit choose items, another one is the file for the JSON. What cargo adds is left alone.
fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let (numbers, files): (Vec<_>, Vec<_>) =
        arguments.iter().partition(|argument| argument.starts_with(|c: char| c.is_ascii_digit()));
    let mut table = Table::new();
    for (item, measure) in ITEMS {
        if numbers.is_empty() || numbers.iter().any(|number| item.starts_with(number.as_str())) {
            let begun = Instant::now();
            table.add(item, measure());
            eprintln!("{item}: measured in {:.0} s", begun.elapsed().as_secs_f64());
        }
    }
    table.show();
    for file in files {
        std::fs::write(file, table.json()).unwrap();
    }
}
