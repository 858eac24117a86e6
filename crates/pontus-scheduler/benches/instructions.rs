//! How many instructions the dispatcher's own work takes, counted and not timed: the same on a busy machine as on an idle one. What is
//! counted is held against what is kept in `instructions.txt`, so that a change that makes it dearer is seen.
//!
//! Callgrind counts, in a run of this program with few repetitions and in one with many; their difference is the work's alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, ExitCode};

use pontus_proto::{Attempt, CommitId, InstanceId, Reply, decode_request, encode};
use pontus_scheduler::{Config, Event, Policy, Scheduler, SessionId, Submission, Time};

/// What is kept: a line each, the work's name and its instructions.
const KEPT: &str = include_str!("instructions.txt");

/// How many times the kept number there may be: another compiler or another C library makes less of a difference, a step that looks at
/// all that is queued, or a message that is copied once more, makes more.
const TIMES_MAX: f64 = 1.5;

const FEW: u32 = 100;
const MANY: u32 = 1_100;

/// Commits that are queued while steps are counted.
const QUEUED: u32 = 1_000;

/// A report as a middling suite sends it.
const UNITS: u32 = 20;
const CASES: u32 = 10;

/// Each work: a repetition's number in, something that no compiler can leave out.
type Work = fn(u32) -> usize;
const WORKS: [(&str, Work); 3] = [("cycle", cycles), ("line", lines), ("report", reports)];

/// With a work's name and a number it repeats that; with anything else, as cargo says it, it counts all of them.
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [name, repetitions] = &arguments[..]
        && let Some((_, work)) = WORKS.iter().find(|(known, _)| known == name)
    {
        let done = work(repetitions.parse().expect("a number of repetitions"));
        assert!(done > 0, "something was done");
        return ExitCode::SUCCESS;
    }
    let kept: BTreeMap<&str, u64> = KEPT.lines().map(kept).collect();
    let mut dearer = false;
    for (name, _) in WORKS {
        let counted = (count(name, MANY) - count(name, FEW)) / u64::from(MANY - FEW);
        let kept = kept.get(name).copied().unwrap_or(0);
        let is_dearer = counted as f64 > kept as f64 * TIMES_MAX;
        let word = if is_dearer { "dearer" } else { "ok" };
        writeln!(std::io::stdout(), "{name}: {counted} instructions, {kept} are kept: {word}").ok();
        dearer |= is_dearer;
    }
    if dearer { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn kept(line: &str) -> (&str, u64) {
    let (name, number) = line.split_once(' ').expect("a name and a number");
    (name, number.parse().expect("a number"))
}

/// The instructions of so many repetitions, and of a program's start.
fn count(name: &str, repetitions: u32) -> u64 {
    let this = std::env::current_exe().expect("a program knows where it lies");
    let mut callgrind = Command::new("valgrind");
    callgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(this);
    let output = callgrind.arg(name).arg(repetitions.to_string()).output();
    let output = output.expect("valgrind can be run (Debian: apt-get install valgrind)");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let line = said.lines().find_map(|line| line.split_once("Collected :"));
    line.expect("callgrind tells its count").1.trim().parse().expect("a number")
}

/// Commits are handed in, handed out and reported, behind a queue of others.
fn cycles(repetitions: u32) -> usize {
    let config = Config {
        lease_ms: 10_000,
        reconnect_grace_ms: 2_000,
        undecided_max: usize::MAX,
        attempts_max: 3,
        attempt_ms_max: 60_000,
        poll_ms: 5_000,
        policy: Policy::All,
    };
    let [session, observer] = [SessionId(1), SessionId(2)];
    let mut scheduler = Scheduler::restore(config, [], false, Time(0));
    let mut step = |event| scheduler.step(Time(1), event).len();
    step(Event::Registered {
        session,
        name: "oak".parse().expect("a name"),
        instance: InstanceId::from_bytes([1; 16]),
        project: "ash".parse().expect("a name"),
        labels: Vec::new(),
    });
    let submitted = |number| Event::Submitted { session: observer, submission: submission(number) };
    assert!((0..QUEUED).map(|number| step(submitted(number))).sum::<usize>() > 0);
    let cycle = |number| {
        let (commit, attempt) = (commit(number), Attempt(1));
        step(submitted(QUEUED + number))
            + step(Event::Ready { session })
            + step(Event::Beat { session, commit, attempt })
            + step(Event::Reported { session, commit, attempt })
    };
    (0..repetitions).map(cycle).sum()
}

/// Commits that are handed in arrive as lines, and their answers leave as such.
fn lines(repetitions: u32) -> usize {
    let mut buffer = pontus_proto::LineBuffer::default();
    let line = |number| {
        let commit = commit(number);
        let line = format!(
            "{{\"type\":\"submit\",\"commit\":\"{commit}\",\"project\":\"ash\",\"branch\":\"main\",\"about\":{{\"tree\":\"{commit}\",\
             \"subject\":\"Count from one\",\"author\":\"Ada <ada@example.org>\",\"committed_ms\":1795356843000}}}}\n"
        );
        buffer.push(line.as_bytes());
        let line = buffer.take_line(1024).expect("it fits").expect("it is whole");
        decode_request(&line).expect("it is a request");
        encode(&Reply::Accepted { commit, new: true }).expect("it fits").len()
    };
    (0..repetitions).map(line).sum()
}

/// A runner's report is read, and written as its runner does.
fn reports(repetitions: u32) -> usize {
    let line = report();
    let read =
        |_| encode(&decode_request(line.as_bytes()).expect("a request")).expect("fits").len();
    (0..repetitions).map(read).sum()
}

fn report() -> String {
    let counts = "\"counts\":{\"passed\":10,\"failed\":0,\"skipped\":0}";
    let case = |number| {
        format!("{{\"name\":\"test_{number} (test_it.It.test_{number})\",\"outcome\":\"passed\"}}")
    };
    let cases = (0..CASES).map(case).collect::<Vec<_>>().join(",");
    let unit = |number| {
        format!(
            "{{\"unit\":\"tests/test_{number}.py\",\"outcome\":\"passed\",\"exit\":0,\"duration_ms\":112,{counts},\"cases\":[{cases}]}}"
        )
    };
    let units = (0..UNITS).map(unit).collect::<Vec<_>>().join(",");
    let report = format!(
        "{{\"verdict\":\"passed\",{counts},\"duration_ms\":3412,\"output_bytes\":6,\"units\":[{units}]}}"
    );
    let commit = commit(1);
    format!("{{\"type\":\"report\",\"commit\":\"{commit}\",\"attempt\":1,\"report\":{report}}}")
}

fn submission(number: u32) -> Submission {
    Submission {
        commit: commit(number),
        project: "ash".parse().expect("a name"),
        branch: Some("main".parse().expect("a name")),
        labels: Vec::new(),
    }
}

fn commit(number: u32) -> CommitId {
    format!("{number:040x}").parse().expect("a commit")
}
