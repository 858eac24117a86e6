//! What a test prints: kept in order, bounded in memory, soon on the dispatcher's disk, and never in the test's way.

use std::time::{Duration, Instant};

use pontus_tests::{Checkpoint, Yard, last_line};
use rustix::process::Signal;

/// What issue and contract allow the runner, whatever is printed.
const MEMORY_MAX: u64 = 64 << 20;

#[test]
fn a_flood_costs_neither_memory_nor_the_test() {
    for (name, print) in [
        ("one endless line", "head -c 300000000 /dev/zero | tr '\\0' x\n"),
        ("very many lines", "yes 'a line of output' | head -n 5000000\n"),
    ] {
        let yard = Yard::new();
        let dispatcher = yard.dispatcher(&[]);
        let commit = yard.commit(&[("tests/flood.sh", print)]);
        let runner = yard.runner(&[]);
        yard.hand_in(&[]);
        let result = yard.result(&dispatcher, &commit);
        assert!(last_line(&result).starts_with("verdict: passed: "), "{name}");
        assert!(result.contains(" bytes of output are missing here\n"), "{name}");
        assert!(result.len() < 17 << 20, "{name}: {} bytes", result.len());
        for process in [&runner, &dispatcher] {
            assert!(process.memory_bytes() < MEMORY_MAX, "{name}: {}", process.memory_bytes());
        }
    }
}

#[test]
fn output_is_on_the_dispatchers_disk_within_a_second() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    let _runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let (visitor, _) = checkpoint.arrival();
    let printed = Instant::now();
    let output = yard.path().join("test_results/.pontus/output").join(format!("{commit}.1"));
    while !std::fs::read_to_string(&output).is_ok_and(|text| text.contains("attempt begins\n")) {
        assert!(printed.elapsed() < Duration::from_secs(1));
        std::thread::yield_now();
    }
    visitor.leave_with(0);
}

#[test]
fn a_dispatcher_that_hangs_is_not_in_a_tests_way() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let (first, last) = (Checkpoint::new(), Checkpoint::new());
    let script = format!(
        "#!/bin/bash\n({})\nyes 'a line of output' | head -n 3000000\n{}",
        first.stay(),
        last.stay()
    );
    let commit = yard.commit(&[("tests/a", &script)]);
    let _runner = yard.runner(&["--output-limit", "128MiB"]);
    yard.hand_in(&[]);
    let (visitor, _) = first.arrival();
    dispatcher.signal(Signal::STOP);
    visitor.leave_with(0);
    // All of it is printed while nobody takes it.
    let (visitor, _) = last.arrival();
    dispatcher.signal(Signal::CONT);
    visitor.leave_with(0);
    let result = yard.result(&dispatcher, &commit);
    assert!(last_line(&result).starts_with("verdict: passed: "), "{}", last_line(&result));
    let lines = result.lines().filter(|line| *line == "a line of output").count();
    assert_eq!(lines, 3_000_000);
}
