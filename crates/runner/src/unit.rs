//! One unit, run to its end.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::time::Duration;

use pontus_exec::{Ended, How, Job, RunError, Stop, Stream, signal_name};
use pontus_proto::{Outcome, UnitReport, seconds};

use crate::spool::Writer;
use crate::suite::{Kind, Unit};

/// From TERM to KILL, for whatever a unit has started.
const GRACE: Duration = Duration::from_secs(5);

/// The exit status by which a unit says that it does not apply here. (As automake and many others have it.)
const SKIPPED: i32 = 77;

/// How much of a file its `#!` line may be. The kernel reads no more.
const SHEBANG_BYTES_MAX: u64 = 256;

/// How a unit ended, and what is to be said about it beyond its outcome.
#[derive(Debug)]
pub struct UnitEnd {
    /// For the dispatcher.
    pub report: UnitReport,
    /// Why, where the outcome does not say it.
    pub why: Option<String>,
}

/// Runs `unit` in the checkout at `tree`, with its output in the spool between two lines of our own.
pub fn run(
    unit: &Unit,
    tree: &Path,
    env: &[(OsString, OsString)],
    timeout: Duration,
    stop: &Stop,
    writer: &mut Writer,
) -> UnitEnd {
    writer.write_line(&format!("=== {}", unit.name));
    let job = job(unit, tree, env, timeout);
    let ended = check_interpreter(unit, tree, env).map_or_else(
        || {
            let mut sink = |_: Stream, data: &[u8]| writer.write(data);
            pontus_exec::run(&job, stop, &mut sink).map_err(|error| why_not(unit, &error))
        },
        Err,
    );
    let end = judge(unit, ended, timeout);
    writer.write_line(&closing_line(&end));
    end
}

fn job(unit: &Unit, tree: &Path, env: &[(OsString, OsString)], timeout: Duration) -> Job {
    let (program, args) = command(unit, tree);
    let unit_name = (OsString::from("PONTUS_UNIT"), OsString::from(unit.name.as_str()));
    let env = env.iter().cloned().chain([unit_name]).collect();
    Job { program, args, dir: tree.to_owned(), env, timeout, grace: GRACE, merge: true }
}

/// What is started for a unit, from the checkout's root.
fn command(unit: &Unit, tree: &Path) -> (OsString, Vec<OsString>) {
    let path = unit.path.as_os_str();
    let unittest = |rest: &[&OsStr]| {
        let args = ["-m", "unittest"].map(OsStr::new).into_iter().chain(rest.iter().copied());
        (OsString::from("python3"), args.map(OsStr::to_owned).collect())
    };
    match unit.kind {
        Kind::Executable => (tree.join(path).into_os_string(), Vec::new()),
        Kind::Script => {
            let mut words = shebang(&tree.join(path)).unwrap_or_else(|| vec!["sh".into()]);
            words.push(path.to_owned());
            (words.remove(0), words)
        }
        Kind::UnittestModule => unittest(&["-v".as_ref(), path]),
        Kind::UnittestFile => {
            let folder = unit.path.parent().unwrap_or(Path::new("."));
            let name = unit.path.file_name().unwrap_or_default().to_string_lossy();
            let pattern = OsString::from(glob_escaped(&name));
            let discover = ["discover", "-v", "-s"].map(OsStr::new);
            unittest(&[&discover[..], &[folder.as_os_str(), "-p".as_ref(), &pattern]].concat())
        }
    }
}

/// A name as the pattern that matches it alone, for Python's fnmatch.
fn glob_escaped(name: &str) -> String {
    let escape = |c| if matches!(c, '*' | '?' | '[') { format!("[{c}]") } else { c.to_string() };
    name.chars().map(escape).collect()
}

/// The words of a script's `#!` line: the interpreter, and at most one argument, as the kernel splits them.
fn shebang(path: &Path) -> Option<Vec<OsString>> {
    let mut line = Vec::new();
    let file = File::open(path).ok()?.take(SHEBANG_BYTES_MAX);
    BufReader::new(file).read_until(b'\n', &mut line).ok()?;
    let words = line.strip_prefix(b"#!")?.trim_ascii();
    let mut words = words.splitn(2, |byte| matches!(byte, b' ' | b'\t'));
    let interpreter = words.next().filter(|word| !word.is_empty())?;
    let argument = words.next().map(<[u8]>::trim_ascii);
    Some([Some(interpreter), argument].into_iter().flatten().map(os_string).collect())
}

fn os_string(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

/// `env` would say itself that it found no interpreter, with an exit status that looks like the test's own.
fn check_interpreter(unit: &Unit, tree: &Path, env: &[(OsString, OsString)]) -> Option<String> {
    if !matches!(unit.kind, Kind::Executable | Kind::Script) {
        return None;
    }
    let words = shebang(&tree.join(&unit.path))?;
    let name = match words.as_slice() {
        [env, name] if Path::new(env).ends_with("env") => name,
        _ => return None,
    };
    // `env -S`, `env NAME=VALUE` and paths are left to env.
    let shown = name.to_string_lossy();
    let is_plain = !shown.starts_with('-') && !shown.contains([' ', '\t', '=', '/']);
    let path = env.iter().find(|(key, _)| key == "PATH").map(|(_, value)| value)?;
    let is_there = std::env::split_paths(path).any(|folder| folder.join(name).exists());
    let missing = || format!("{}: its interpreter {} is missing", unit.name, name.display());
    (is_plain && !is_there).then(missing)
}

fn why_not(unit: &Unit, error: &RunError) -> String {
    match error {
        RunError::ProgramMissing { program } => {
            format!("{}: {} is missing", unit.name, program.display())
        }
        RunError::InterpreterMissing { interpreter, .. } => {
            format!("{}: its interpreter {interpreter} is missing", unit.name)
        }
        other => format!("{}: {other}", unit.name),
    }
}

/// What an end means: exit status 0 is passed, 77 skipped, anything else the test's no.
fn judge(unit: &Unit, ended: Result<Ended, String>, timeout: Duration) -> UnitEnd {
    let (how, lasted) = match ended {
        Ok(Ended { how, lasted }) => (how, lasted),
        Err(why) => return UnitEnd::new(unit, Outcome::Error, None, Duration::ZERO, Some(why)),
    };
    let (outcome, exit, why) = match how {
        How::Exited(0) => (Outcome::Passed, Some(0), None),
        How::Exited(SKIPPED) => (Outcome::Skipped, Some(SKIPPED), None),
        How::Exited(status) => {
            (Outcome::Failed, Some(status), Some(format!("exit status {status}")))
        }
        How::Signalled(signal) => {
            (Outcome::Failed, None, Some(format!("ended by {}", signal_name(signal))))
        }
        How::TimedOut => {
            let why = format!("{} took longer than {timeout:?}", unit.name);
            (Outcome::TimedOut, None, Some(why))
        }
        How::Stopped => (Outcome::Error, None, Some("stopped".to_owned())),
    };
    UnitEnd::new(unit, outcome, exit, lasted, why)
}

impl UnitEnd {
    fn new(
        unit: &Unit,
        outcome: Outcome,
        exit: Option<i32>,
        lasted: Duration,
        why: Option<String>,
    ) -> UnitEnd {
        let duration_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
        UnitEnd { report: UnitReport { unit: unit.name.clone(), outcome, exit, duration_ms }, why }
    }
}

fn closing_line(end: &UnitEnd) -> String {
    let UnitReport { unit, outcome, duration_ms, .. } = &end.report;
    let took = seconds(Duration::from_millis(*duration_ms));
    match (outcome, &end.why) {
        (Outcome::Failed, Some(why)) => format!("=== {unit}: failed in {took}: {why}"),
        (Outcome::Error, Some(why)) => format!("=== {unit}: error: {why}"),
        _ => format!("=== {unit}: {} in {took}", outcome.word()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn unit(path: &str, kind: Kind) -> Unit {
        Unit { name: path.parse().unwrap(), path: path.into(), kind }
    }

    fn words(unit: &Unit, tree: &Path) -> String {
        let (program, args) = command(unit, tree);
        let all: Vec<_> = [program].into_iter().chain(args).collect();
        all.join(OsStr::new(" ")).to_string_lossy().into_owned()
    }

    #[test]
    fn each_kind_has_its_command() {
        let tree = Path::new("/tree");
        let line = |path, kind| words(&unit(path, kind), tree);
        assert_eq!(line("tests/check", Kind::Executable), "/tree/tests/check");
        assert_eq!(
            line("tests/test_a.py", Kind::UnittestModule),
            "python3 -m unittest -v tests/test_a.py"
        );
        assert_eq!(
            line("tests/x/test_[a].py", Kind::UnittestFile),
            "python3 -m unittest discover -v -s tests/x -p test_[[]a].py"
        );
    }

    #[test]
    fn a_script_is_run_by_its_first_line_else_by_sh() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir(tree.path().join("tests")).unwrap();
        let line = |text: &str| {
            fs::write(tree.path().join("tests/a.sh"), text).unwrap();
            words(&unit("tests/a.sh", Kind::Script), tree.path())
        };
        assert_eq!(line("echo hello\n"), "sh tests/a.sh");
        assert_eq!(line("#!/bin/bash\n"), "/bin/bash tests/a.sh");
        assert_eq!(line("#! /usr/bin/env  bash\n"), "/usr/bin/env bash tests/a.sh");
        assert_eq!(line("#!\n"), "sh tests/a.sh");
    }

    #[test]
    fn an_interpreter_that_env_cannot_find_is_missed_beforehand() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir(tree.path().join("tests")).unwrap();
        let env = [("PATH".into(), std::env::var_os("PATH").unwrap())];
        let missing = |text: &str| {
            fs::write(tree.path().join("tests/a"), text).unwrap();
            check_interpreter(&unit("tests/a", Kind::Executable), tree.path(), &env)
        };
        assert_eq!(missing("#!/usr/bin/env sh\n"), None);
        assert_eq!(missing("#!/bin/sh\n"), None);
        let said = missing("#!/usr/bin/env no-such-thing\n").unwrap();
        assert_eq!(said, "tests/a: its interpreter no-such-thing is missing");
    }

    #[test]
    fn an_exit_status_is_an_outcome() {
        let outcome = |how| {
            let ended = Ended { how, lasted: Duration::from_millis(112) };
            let end =
                judge(&unit("tests/a", Kind::Executable), Ok(ended), Duration::from_secs(600));
            closing_line(&end)
        };
        assert_eq!(outcome(How::Exited(0)), "=== tests/a: passed in 0.112s");
        assert_eq!(outcome(How::Exited(77)), "=== tests/a: skipped in 0.112s");
        assert_eq!(outcome(How::Exited(3)), "=== tests/a: failed in 0.112s: exit status 3");
        assert_eq!(outcome(How::Signalled(9)), "=== tests/a: failed in 0.112s: ended by SIGKILL");
        assert_eq!(outcome(How::TimedOut), "=== tests/a: timed_out in 0.112s");
    }
}
