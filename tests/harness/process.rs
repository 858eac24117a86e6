//! A program that was started, its log, and its end.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::PATIENCE;

/// A running program. It is killed when it is dropped; while a test fails, its log is printed then.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: Arc<Log>,
}

/// The lines that a program has written to standard output and standard error, as they came.
#[derive(Debug, Default)]
struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    /// Streams that have ended.
    ended: usize,
}

impl Process {
    /// Starts `command`, with nothing on its standard input.
    pub fn start(name: &str, command: &mut Command) -> Process {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let log = Arc::new(Log::default());
        Log::follow(&log, child.stdout.take().unwrap());
        Log::follow(&log, child.stderr.take().unwrap());
        Process { name: name.to_owned(), child, log }
    }

    /// Waits until a line of the log contains `text`, at the latest until the patience is over. Returns the line.
    pub fn wait_for(&self, text: &str) -> String {
        Follower { process: self, next: 0 }.wait_for(text)
    }

    /// Waits for lines that come from now on.
    pub fn follow(&self) -> Follower<'_> {
        Follower { process: self, next: self.log.state().lines.len() }
    }

    /// Whether a line of the log contains `text` before the program ends.
    pub fn says_before_its_end(&self, text: &str) -> bool {
        self.log.find(&mut 0, |line| line.contains(text)).is_some()
    }

    /// Waits until `count` lines of the log contain `text`.
    pub fn wait_for_many(&self, text: &str, count: usize) {
        let mut found = 0;
        let is_last = |line: &str| {
            found += usize::from(line.contains(text));
            found >= count
        };
        let last = if count > 0 { self.log.find(&mut 0, is_last) } else { Some(String::new()) };
        assert!(last.is_some(), "{} said \"{text}\" {found} times, not {count}", self.name);
    }

    /// How many lines contain `text` until now.
    pub fn count(&self, text: &str) -> usize {
        self.log.state().lines.iter().filter(|line| line.contains(text)).count()
    }

    /// Waits until an observer that tells of it has begun a look and ended it.
    pub fn wait_for_look(&self) {
        // The first of these may have begun before.
        self.wait_for_many("looked", self.count("looked") + 2);
    }

    /// All lines until now.
    pub fn log(&self) -> Vec<String> {
        self.log.state().lines.clone()
    }

    /// Ends it as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The most memory that it ever had, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// How long processors have worked for it, its system calls included.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // Its name may have any characters, but stands in brackets: what follows has fields.
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
        // Linux tells everybody hundredths, whatever it counts in itself.
        Duration::from_millis(ticks * 10)
    }

    /// The same of the threads that it has now, as exactly as the system knows it.
    pub fn processor_time_of_threads(&self) -> Duration {
        let threads = std::fs::read_dir(self.proc("task")).unwrap().flatten();
        let spent = threads.filter_map(|thread| {
            // One that has just ended is nowhere.
            let stat = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(spent.sum())
    }

    /// How much memory it has now, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How many threads it has now.
    pub fn threads(&self) -> usize {
        self.count_in("task")
    }

    /// How many descriptors it has open now.
    pub fn descriptors(&self) -> usize {
        self.count_in("fd")
    }

    fn count_in(&self, folder: &str) -> usize {
        std::fs::read_dir(format!("/proc/{}/{folder}", self.child.id())).unwrap().count()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Ends it in order.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        assert!(self.wait().success());
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let state = self.log.wait_until(|state| state.ended == 2);
        let ended = state.ended == 2;
        drop(state);
        assert!(ended, "{} did not end", self.name);
        self.child.wait().unwrap()
    }

    /// How it ended, if it has ended.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// The folder of `/proc` in which the system tells of `what` it has: `fd`, `task`.
    pub fn proc(&self, what: &str) -> PathBuf {
        format!("/proc/{}/{what}", self.child.id()).into()
    }
}

/// Reads a log line by line, each of them once.
#[derive(Debug)]
pub struct Follower<'a> {
    process: &'a Process,
    next: usize,
}

impl Follower<'_> {
    /// Waits until one of the next lines contains `text`, at the latest until the patience is over. Returns the line.
    pub fn wait_for(&mut self, text: &str) -> String {
        let found = self.process.log.find(&mut self.next, |line| line.contains(text));
        found.unwrap_or_else(|| panic!("{} never said \"{text}\"", self.process.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if thread::panicking() {
            eprintln!("--- log of {}\n{}\n---", self.name, self.log().join("\n"));
        }
    }
}

impl Log {
    fn follow(log: &Arc<Log>, stream: impl Read + Send + 'static) {
        let log = Arc::clone(log);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                log.state().lines.push(String::from_utf8_lossy(&line).into_owned());
                log.changed.notify_all();
            }
            log.state().ended += 1;
            log.changed.notify_all();
        });
    }

    /// The next line that is it, once it is there; none where the program ends without, or the patience is over.
    fn find(&self, next: &mut usize, mut is_it: impl FnMut(&str) -> bool) -> Option<String> {
        let mut found = None;
        let state = self.wait_until(|state| {
            while found.is_none() && *next < state.lines.len() {
                found = Some(*next).filter(|at| is_it(&state.lines[*at]));
                *next += 1;
            }
            found.is_some() || state.ended == 2
        });
        found.map(|at| state.lines[at].clone())
    }

    fn wait_until(&self, mut done: impl FnMut(&State) -> bool) -> MutexGuard<'_, State> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state();
        while !done(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
