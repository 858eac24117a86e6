//! Many who come to the port, or one who says much: an honest submission is answered within a second all the while, little memory
//! is needed, and when they leave nothing of them is left.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pontus_proto::limits::STRANGERS_MAX;
use pontus_proto::{Caller, Client, Request, Role};
use pontus_tests::{PATIENCE, Process, Yard, program, submission};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::peer::Peer;

/// How long an honest submission may take, from dialling to `accepted`.
const SUBMISSION: Duration = Duration::from_secs(1);

/// How many times as long as at a dispatcher that nobody besieges, before the attack and during it, it may take beyond that: then
/// somebody else has this machine, too. A crowd waits before an honest peer and is taken in first; and where the machine lets it
/// wait so long that no more may, TCP itself asks again only after a second.
const SUBMISSION_TIMES: u32 = 20;

/// One siege at a time: each makes the machine busy.
static FIELD: Mutex<()> = Mutex::new(());

/// How much more memory the dispatcher may have needed at its worst.
const MEMORY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How soon all must be as before.
const RECOVERY: Duration = Duration::from_secs(5);

/// How many the idle ones are.
const CROWD: usize = 5_000;

/// A user whom no machine has, for a limit that counts what a user has; each process that tests has its own.
fn nobody() -> u32 {
    1_600_000_000 + std::process::id()
}

/// Dials, greets and submits; commits are told apart by their numbers.
fn submit(server: &str, caller: &Caller, number: u32) -> Duration {
    let started = Instant::now();
    let mut client = Client::connect(server, caller).unwrap();
    client.ask(&Request::Submit(submission(number, "honest"))).unwrap();
    started.elapsed()
}

/// Waits until it has no more threads and descriptors than before.
fn wait_for_calm(dispatcher: &Process, threads: usize, descriptors: usize) {
    let deadline = Instant::now() + RECOVERY;
    loop {
        let now = (dispatcher.threads(), dispatcher.descriptors());
        if now.0 <= threads && now.1 <= descriptors {
            return;
        }
        assert!(Instant::now() < deadline, "{now:?} are left, not {threads} and {descriptors}");
        thread::yield_now();
    }
}

/// Holds that the dispatcher serves honest peers while `attack` goes on and is left unharmed. Whatever the attack returns is
/// held until the last honest submission has been answered.
fn withstands<T>(yard: &Yard, dispatcher: &Process, attack: impl FnOnce(&str) -> T) {
    let _field = FIELD.lock().unwrap_or_else(PoisonError::into_inner);
    let server = yard.server();
    let caller = Caller { role: Role::Observer, name: None, tokens: Ok(vec![yard.token()]) };
    // Whatever is made once is made now.
    let quiet = (0..20).map(|_| submit(&server, &caller, 0)).max().unwrap();
    thread::scope(|scope| {
        (0..8).for_each(|number| {
            drop(scope.spawn({
                let (server, caller) = (&server, &caller);
                move || submit(server, caller, number)
            }))
        });
    });
    // SQLite keeps the descriptor of one who has looked into the database, for the next.
    yard.connect(Role::Client).ask(&Request::Status { commits: 1 }).unwrap();
    let peace = Yard::new();
    let _peaceful = peace.dispatcher(&[]);
    let unharmed = Caller { tokens: Ok(vec![peace.token()]), ..caller.clone() };
    let (memory_bytes, ended) = (dispatcher.memory_bytes(), AtomicBool::new(false));
    let (threads, descriptors) = calm(dispatcher);
    let (slowest, quiet) = thread::scope(|scope| {
        let honest = scope.spawn(|| {
            let (mut slowest, mut quiet) = (Duration::ZERO, quiet);
            for number in 10.. {
                let is_last = ended.load(Ordering::SeqCst);
                slowest = slowest.max(submit(&server, &caller, number));
                quiet = quiet.max(submit(&peace.server(), &unharmed, number));
                if is_last {
                    break;
                }
            }
            (slowest, quiet)
        });
        let end = End(&ended);
        let held = attack(&server);
        drop(end);
        let times = honest.join().unwrap();
        drop(held);
        times
    });
    wait_for_calm(dispatcher, threads, descriptors);
    let grown_bytes = dispatcher.memory_bytes() - memory_bytes;
    eprintln!(
        "slowest {slowest:?}, elsewhere {quiet:?}, grown by {} KiB, {threads} threads",
        grown_bytes / 1024
    );
    assert!(slowest < SUBMISSION + quiet * SUBMISSION_TIMES, "a submission took {slowest:?}");
    assert!(grown_bytes < MEMORY_BYTES_MAX, "it took {grown_bytes} bytes more");
    assert!(!dispatcher.log().iter().any(|line| line.contains("panicked")));
}

/// Tells the honest peer that the attack has ended, also where that failed.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Threads and descriptors once the sessions before have ended.
fn calm(dispatcher: &Process) -> (usize, usize) {
    let deadline = Instant::now() + PATIENCE;
    let is_session = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = std::fs::read_to_string(entry.unwrap().path().join("comm")).unwrap_or_default();
        name.starts_with("session-")
    };
    let tasks = format!("/proc/{}/task", dispatcher.id());
    while std::fs::read_dir(&tasks).unwrap().any(is_session) {
        assert!(Instant::now() < deadline, "a session never ended");
        thread::yield_now();
    }
    (dispatcher.threads(), dispatcher.descriptors())
}

/// Dials so often, and holds as many of the connections as we may have open, says nothing.
fn crowd(server: &str, count: usize) -> VecDeque<TcpStream> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    // Other tests need some, too.
    let held_max = maximum.map_or(count, |maximum| (maximum / 2) as usize);
    let mut held = VecDeque::new();
    for _ in 0..count {
        held.push_back(TcpStream::connect(server).unwrap());
        if held.len() > held_max {
            held.pop_front();
        }
    }
    held
}

#[test]
fn five_thousand_who_say_nothing() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    withstands(&yard, &dispatcher, |server| {
        let crowd = crowd(server, CROWD);
        // A thread for each of those who may be there, for those who have left but whose threads have not had their turn to end, and
        // for honest peers and the dispatcher itself.
        let threads = dispatcher.threads();
        assert!(threads < 2 * STRANGERS_MAX, "there are {threads} threads");
        crowd
    });
}

/// Those who are there have all begun to greet, so that whoever comes is the only one who has not.
#[test]
fn five_thousand_after_some_who_said_hello() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    withstands(&yard, &dispatcher, |server| {
        let greeting = || {
            let mut peer = Peer::new(server);
            peer.challenged(Role::Observer);
            peer
        };
        let greeting: Vec<_> = (0..STRANGERS_MAX).map(|_| greeting()).collect();
        (greeting, crowd(server, CROWD))
    });
}

#[test]
fn some_who_say_a_byte_now_and_then() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    withstands(&yard, &dispatcher, |server| {
        let mut slow: Vec<_> = crowd(server, 100).into();
        let started = Instant::now();
        for stream in &slow {
            stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        }
        // Until the last has been shown out. An answer may have come before the end.
        while !slow.is_empty() {
            slow.retain_mut(|stream| {
                let said = stream.write_all(b"x");
                let heard = stream.read(&mut [0; 256]);
                let waits = |error: &std::io::Error| {
                    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
                };
                said.is_ok() && heard.map_or_else(|error| waits(&error), |count| count > 0)
            });
        }
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    });
}

#[test]
fn a_line_without_an_end() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let token = yard.token();
    withstands(&yard, &dispatcher, |server| {
        for peer in [Peer::new(server), Peer::greeted(server, Role::Client, &token)] {
            let piece = vec![b'x'; 1024 * 1024];
            let said = (0..1024).take_while(|_| peer.stream().write_all(&piece).is_ok()).count();
            assert!(said < 100, "{said} MiB were listened to");
        }
    });
}

#[test]
fn many_lines_at_once() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let token = yard.token();
    withstands(&yard, &dispatcher, |server| {
        let peer = Peer::greeted(server, Role::Client, &token);
        let mut stream = peer.stream().try_clone().unwrap();
        let reading = thread::spawn(move || {
            let mut heard = [0; 16 * 1024];
            let mut lines = 0;
            while lines < 1_500 {
                let count = stream.read(&mut heard).unwrap();
                assert!(count > 0, "it hung up after {lines} lines");
                lines += heard[..count].iter().filter(|byte| **byte == b'\n').count();
            }
        });
        let padding = "x".repeat(200_000);
        let long = format!("{{\"type\":\"status\",\"commits\":1,\"padding\":\"{padding}\"}}\n");
        let short = "{\"type\":\"status\",\"commits\":1}\n";
        for line in [&long[..], short, short].iter().cycle().take(1_500) {
            peer.stream().write_all(line.as_bytes()).unwrap();
        }
        reading.join().unwrap();
    });
}

#[test]
fn one_who_asks_and_never_reads() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let token = yard.token();
    withstands(&yard, &dispatcher, |server| {
        let peer = Peer::greeted(server, Role::Client, &token);
        peer.stream().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let line = "{\"type\":\"status\",\"commits\":500}\n".repeat(10_000);
        // Until nobody takes it any more.
        while peer.stream().write_all(line.as_bytes()).is_ok() {}
        peer
    });
}

#[test]
fn more_than_there_are_descriptors() {
    let yard = Yard::new();
    let mut command = yard.command_of("sh");
    command.args(["-c", "ulimit -n 288 && exec \"$@\"", "sh"]).arg(program("dispatcher"));
    let dispatcher = serving(&yard, &mut command);
    dispatcher.wait_for("288 descriptors (ulimit -n) are enough for 16 connections, not for 4096");
    withstands(&yard, &dispatcher, |server| crowd(server, 1_000));
}

#[test]
fn more_than_there_are_threads() {
    let yard = Yard::new();
    let us = std::fs::metadata(yard.path()).unwrap().uid();
    let mut probe = Command::new("test");
    probe.arg("-x").arg(program("dispatcher"));
    if us != 0 || !probe.uid(nobody()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root can be somebody else, whose threads are counted for him");
        return;
    }
    chown(yard.path(), Some(nobody()), None).unwrap();
    let mut command = yard.command_of("prlimit");
    command.uid(nobody()).arg("--nproc=40").arg(program("dispatcher"));
    let dispatcher = serving(&yard, &mut command);
    withstands(&yard, &dispatcher, |server| crowd(server, 1_000));
    dispatcher.wait_for("cannot serve a connection: ");
}

/// Starts a dispatcher that is the end of `command`, on the yard's port.
fn serving(yard: &Yard, command: &mut Command) -> Process {
    let port = yard.server().rsplit(':').next().unwrap().to_owned();
    let dispatcher =
        Process::start("dispatcher", command.args(["--host", "127.0.0.1", "--port", &port]));
    dispatcher.wait_for("listening on ");
    dispatcher
}
