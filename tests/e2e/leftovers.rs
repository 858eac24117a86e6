//! Nothing that a unit starts outlives it, wherever it goes, and however the runner ends.

use std::time::{Duration, Instant};

use pontus_tests::{Checkpoint, Yard, last_line};

/// Guarantee 8, as issue and contract put it.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// Ways to get away from a unit: each line of bash starts `away.txt`, which arrives at a checkpoint and stays there.
const ESCAPES: [(&str, &str); 6] = [
    ("its own session", "setsid bash tests/away.txt &"),
    ("a double fork", "(bash tests/away.txt & disown) &"),
    ("closed descriptors", "setsid bash tests/away.txt <&- >&- 2>&- &"),
    ("TERM ignored", "(trap '' TERM HUP INT; setsid bash tests/away.txt) &"),
    ("another's name", "(exec -a init setsid bash tests/away.txt) &"),
    ("the pipe kept open", "bash tests/away.txt &"),
];

/// Commits a unit that sends somebody away and stays itself, each with a checkpoint of their own.
fn commit(yard: &Yard, escape: &str) -> (Checkpoint, Checkpoint) {
    let (home, away) = (Checkpoint::new(), Checkpoint::new());
    let unit = format!("#!/bin/bash\n{escape}\n{}", home.stay());
    yard.commit(&[("tests/unit", &unit), ("tests/away.txt", &away.stay())]);
    (home, away)
}

#[test]
fn nobody_gets_away_from_a_unit() {
    for (name, escape) in ESCAPES {
        let yard = Yard::new();
        let _dispatcher = yard.dispatcher(&[]);
        let (home, away) = commit(&yard, escape);
        let _runner = yard.runner(&[]);
        yard.hand_in(&[]);
        let (escaped, _) = away.arrival();
        let (unit, _) = home.arrival();
        unit.leave_with(0);
        let left = Instant::now();
        escaped.wait_until_gone();
        assert!(left.elapsed() < GONE_WITHIN, "{name}: {:?}", left.elapsed());
    }
}

#[test]
fn nobody_outlives_a_runner_that_is_killed() {
    for (name, escape) in ESCAPES {
        let yard = Yard::new();
        let _dispatcher = yard.dispatcher(&[]);
        let (home, away) = commit(&yard, escape);
        let mut runner = yard.runner(&[]);
        yard.hand_in(&[]);
        let (escaped, _) = away.arrival();
        let (unit, _) = home.arrival();
        runner.kill();
        let killed = Instant::now();
        escaped.wait_until_gone();
        unit.wait_until_gone();
        assert!(killed.elapsed() < GONE_WITHIN, "{name}: {:?}", killed.elapsed());
    }
}

#[test]
fn a_child_that_keeps_the_pipe_delays_nobody() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let commit = yard.commit(&[("tests/a.sh", "setsid sleep 1000 &\nsleep 1000 &\necho done\n")]);
    let _runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("\ndone\n=== tests/a.sh: passed in 0."), "{result}");
}

#[test]
fn signals_are_as_in_a_fresh_terminal() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let look =
        "#!/bin/sh\ngrep -E '^Sig(Blk|Ign)' /proc/self/status\nls /proc/self/fd | tr '\\n' ' '\n";
    let commit = yard.commit(&[("tests/look", look)]);
    // As `nohup … &` of a shell does it.
    let mut command = yard.command_of("bash");
    let line = format!(
        "trap '' HUP INT QUIT PIPE; exec 7</dev/null; exec {} --dispatcher-server {} {}",
        pontus_tests::program("runner").display(),
        yard.server(),
        yard.runners().display()
    );
    let _runner = pontus_tests::Process::start("runner", command.args(["-c", &line]));
    yard.hand_in(&[]);
    let result = yard.result(&dispatcher, &commit);
    let masks = |name: &str| -> u64 {
        let line = result.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
    };
    // The first 31 are signals; what libraries do with the real-time ones above is their own affair.
    let signals = (1 << 31) - 1;
    assert_eq!((masks("SigBlk") & signals, masks("SigIgn") & signals), (0, 0), "{result}");
    // Standard input, output and error, and the folder that ls itself has opened.
    assert!(result.contains("\n0 1 2 3 \n=== tests/look: passed"), "{result}");
}

#[test]
fn a_timeout_ends_everybody_after_the_grace() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let away = Checkpoint::new();
    let script = format!("#!/bin/bash\ntrap '' TERM\nsetsid bash -c '{}' &\nwait\n", away.stay());
    let commit = yard.commit(&[("tests/a", &script)]);
    // Long enough for a busy machine to start two shells in.
    let _runner = yard.runner(&["--unit-timeout", "3s"]);
    yard.hand_in(&[]);
    away.arrival().0.wait_until_gone();
    let result = yard.result(&dispatcher, &commit);
    let said = "verdict: timed_out: tests/a took longer than 3s";
    assert!(last_line(&result).starts_with(said), "{result}");
}
