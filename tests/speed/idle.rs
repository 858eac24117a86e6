//! Three processes that have nothing to do.

use std::time::{Duration, Instant};

use pontus_tests::{Goal, Process};

use crate::crew::yard;
use crate::limits::let_pass;
use crate::table::Row;

const TIME: Duration = Duration::from_secs(30);

/// Goals of their own, not multiples of anything: of a core, all three together, and of memory, each.
const CORE_PERCENT: f64 = 0.1;
const MIB: f64 = 8.0;

pub fn measure() -> Vec<Row> {
    let yard = yard();
    let dispatcher = yard.dispatcher(&[]);
    let runner = yard.runner(&[]);
    let mut command = yard.command("observer");
    command.args(["--dispatcher-server", &yard.server()]).arg(yard.observers());
    let observer = Process::start("observer", &mut command);
    runner.wait_for("is connected to");
    let all = [("dispatcher", &dispatcher), ("runner", &runner), ("observer", &observer)];
    // The observer's first look, and what the others do at their start.
    let_pass(TIME / 30);
    let spent = |all: &[(&str, &Process)]| -> Duration {
        all.iter().map(|(_, process)| process.processor_time_of_threads()).sum()
    };
    let (begun, before) = (Instant::now(), spent(&all));
    let_pass(TIME);
    let spent = spent(&all) - before;
    let row = |what: String, measured, unit, limit| Row {
        what,
        measured,
        unit,
        limit,
        limited_by: "the goal",
        goal: Goal::Under(1.0),
    };
    let percent = 100.0 * spent.as_secs_f64() / begun.elapsed().as_secs_f64();
    let memory = all.iter().map(|(name, process)| {
        row(format!("{name}, memory"), process.resident_bytes() as f64 / 1048576.0, "MiB", MIB)
    });
    let together = row("all three, without git".to_owned(), percent, "% of a core", CORE_PERCENT);
    [together].into_iter().chain(memory).collect()
}
