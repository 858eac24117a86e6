//! What libtest would do for us: runs the tests that were asked for, a few at a time, and says how they went.

use std::io::Write;
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

use crate::scene::LONG;

/// A name and what it stands for.
pub type Test = (&'static str, fn());

/// How many run at once. Most of them wait most of the time.
const WORKERS: usize = 4;

/// A list of functions as tests, each under its own name.
macro_rules! tests {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn())),*] };
}
pub(crate) use tests;

/// Runs those of `tests` in whose name one of `args` occurs, all where none is given; `--list` lists them.
pub fn run(tests: &[Test], args: &[String]) -> ExitCode {
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let is_wanted = |(name, _): &&Test| {
        words.is_empty() || words.iter().any(|word| name.contains(word.as_str()))
    };
    let wanted: Vec<Test> = tests.iter().filter(is_wanted).copied().collect();
    if args.iter().any(|arg| arg == "--list") {
        wanted.iter().for_each(|(name, _)| say(&format!("{name}: test")));
        return ExitCode::SUCCESS;
    }
    let failed = run_all(&wanted);
    say(&format!("{} passed, {} failed: {failed:?}", wanted.len() - failed.len(), failed.len()));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

fn run_all(wanted: &[Test]) -> Vec<&'static str> {
    let (tell, hear) = mpsc::channel();
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..WORKERS {
        let (wanted, tell, next) = (wanted.to_vec(), tell.clone(), Arc::clone(&next));
        thread::spawn(move || work(&wanted, &next, &tell));
    }
    let mut failed: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    for _ in wanted {
        // Whoever has not come by then has hung, and is among the failed.
        let Ok((name, is_ok)) = hear.recv_timeout(LONG) else { break };
        say(&format!("test {name} ... {}", if is_ok { "ok" } else { "FAILED" }));
        failed.retain(|other| *other != name || !is_ok);
    }
    failed
}

fn work(wanted: &[Test], next: &AtomicUsize, tell: &Sender<(&'static str, bool)>) {
    while let Some((name, test)) = wanted.get(next.fetch_add(1, Ordering::SeqCst)) {
        let is_ok = panic::catch_unwind(test).is_ok();
        let _ = tell.send((name, is_ok));
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
