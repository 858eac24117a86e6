//! What a long history costs: the start, and a look.

use std::time::{Duration, Instant};

use pontus_tests::{Speaker, Yard, remember};

/// The history of the contract's promise.
const VERDICTS: u32 = 100_000;

/// How long a start may take with it, in time of the processor: the machine is not ours alone.
const START_MAX: Duration = Duration::from_secs(2);

/// How long the answer to `status` may take.
const STATUS_MAX: Duration = Duration::from_millis(50);

/// How often each is measured; the best of each counts.
const ROUNDS: usize = 3;

#[test]
fn a_long_history_costs_little() {
    let yard = Yard::new();
    remember(&yard, VERDICTS);
    let mut start = Duration::MAX;
    let mut status = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let mut dispatcher = yard.dispatcher(&[]);
        eprintln!("start with {VERDICTS} verdicts: {:?} by the clock", begun.elapsed());
        start = start.min(dispatcher.processor_time());
        let mut client = Speaker::client(&yard);
        for _ in 0..10 {
            let asked = Instant::now();
            assert_eq!(client.status(500).commits.len(), 500);
            status = status.min(asked.elapsed());
        }
        dispatcher.stop();
    }
    eprintln!("start {start:?} of the processor; status of 500 commits {status:?}");
    assert!(start < START_MAX, "{start:?}");
    assert!(status < STATUS_MAX, "{status:?}");
}
