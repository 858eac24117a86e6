//! The story as it goes where nothing happens: what is said, and all that the dispatcher asks of its disk meanwhile.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use pontus_proto::{Code, Reply, decode_reply};
use pontus_tests::{Process, Yard, can_trace};
use rustix::process::{Pid, Signal, kill_process};

use crate::story::{Exchange, Interlude, Pause, Teller};
use crate::trace::{Call, calls};

/// All calls that change a disk, and those that tell a peer something.
const CALLS: &str = "openat,creat,lseek,write,pwrite64,writev,pwritev,pwritev2,copy_file_range,sendfile,splice,sendto,sendmsg,fsync,\
                     fdatasync,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,symlink,ftruncate,\
                     truncate,fallocate,mkdir,mkdirat";

/// So many calls later nothing is as it was when the database was made anew.
const LINES_AFTER: usize = 40;

/// A dispatcher's options: nobody loses a commit because this machine is slow, and every path is told from the root.
pub fn options(yard: &Yard) -> [String; 6] {
    let results = yard.path().join("test_results").to_str().unwrap().to_owned();
    let [lease, grace] = ["--lease", "--reconnect-grace"].map(str::to_owned);
    let long = || "10m".to_owned();
    [lease, long(), grace, long(), "--results-dir".to_owned(), results]
}

/// What happened.
#[derive(Debug)]
pub struct Recording {
    /// Below this folder everything lay.
    pub root: PathBuf,
    /// What happened in the midst of it.
    pub interlude: Interlude,
    /// What was said and answered.
    pub heard: Vec<Exchange>,
    /// For each answer, the line of the trace in which it went out.
    pub said: Vec<usize>,
    /// What each process called, from one start to the next.
    pub processes: Vec<Vec<Call>>,
}

impl Recording {
    /// The lines in which it matters: all of them, or those in which the database is made anew, and some after.
    pub fn lines(&self) -> Range<usize> {
        if self.interlude == Interlude::Restart {
            return 0..usize::MAX;
        }
        let is_new = |call: &&Call| call.paths().any(|path| path.ends_with("pontus.db.new"));
        let made = || self.processes.iter().flatten().filter(is_new).map(|call| call.begun);
        made().min().expect("it was made anew")..made().max().unwrap_or_default() + LINES_AFTER
    }
}

/// Tells the whole story to the dispatcher that `command` makes, under strace. None, with a message, where nothing can be
/// traced here.
pub fn record(
    yard: &Yard,
    interlude: Interlude,
    command: impl Fn() -> Command,
) -> Option<Recording> {
    if !can_trace() {
        return None;
    }
    let mut teller = Teller::new(yard, interlude);
    let mut processes: Vec<Vec<Call>> = Vec::new();
    loop {
        let first = processes.iter().flatten().map(|call| call.begun + 1).max().unwrap_or(0);
        let log = yard.path().join("strace.log");
        let mut process = start(yard, &log, &command());
        let pause = teller.tell();
        stop(yard, &mut process);
        processes.push(calls(&fs::read_to_string(&log).unwrap(), first));
        match pause {
            Pause::Over => break,
            Pause::Restart => teller.hang_up(),
            other => panic!("{other:?}, where nothing happened"),
        }
    }
    let said = answers(&processes, &teller.heard);
    let (root, heard) = (yard.path().to_owned(), teller.heard);
    Some(Recording { root, interlude, heard, said, processes })
}

fn start(yard: &Yard, log: &Path, program: &Command) -> Process {
    let mut command = yard.command_of("strace");
    command.args([
        "-f",
        "-qq",
        "-y",
        "-a0",
        "-xx",
        "-s",
        "4000000",
        "-e",
        &format!("trace={CALLS}"),
        "-o",
    ]);
    command.arg(log).arg(program.get_program());
    let set = program.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.envs(set);
    let process = yard.try_dispatcher_by(command, &options(yard).each_ref().map(String::as_str));
    process.wait_for("listening on ");
    process
}

/// Ends the dispatcher, and with it strace, in order: the trace is whole then.
fn stop(yard: &Yard, strace: &mut Process) {
    let holder = fs::read_to_string(yard.path().join("test_results/.pontus/lock")).unwrap();
    let pid = Pid::from_raw(holder.trim().parse().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert!(strace.wait().success());
}

/// Where in the trace each of the exchanges was answered. There was never more than one question, so their orders are the same.
fn answers(processes: &[Vec<Call>], heard: &[Exchange]) -> Vec<usize> {
    let sent = processes.iter().flatten().filter(|call| call.name == "sendto");
    let lines = sent.filter_map(|call| Some((call.begun, decode_reply(call.bytes(1)).ok()?)));
    let is_none_of_ours = |reply: &Reply| {
        use Reply::{Challenge, Error, Welcome};
        matches!(reply, Challenge { .. } | Welcome { .. } | Error { code: Code::StorageFull, .. })
    };
    let (said, replies): (Vec<_>, Vec<_>) =
        lines.filter(|(_, reply)| !is_none_of_ours(reply)).unzip();
    assert!(replies.iter().eq(heard.iter().map(|(_, reply)| reply)), "{replies:?}");
    said
}
