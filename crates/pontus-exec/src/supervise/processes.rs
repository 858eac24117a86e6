//! The table of processes as `/proc` shows it: who descends from whom, and signals that cannot hit a stranger.
//!
//! An id is only as good as the process is alive: once reaped, it may be somebody else's. Our own children are reaped
//! by nobody but us. For all others a pidfd is taken first, then it is checked that it is one of us, then it is used.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, kill_process, pidfd_open, pidfd_send_signal,
};

/// How often a tree is looked through for processes that are not stopped yet, before it is dealt with as it is. Each
/// look leaves only those that were born during it.
pub const STOP_PASSES_MAX: usize = 16;

/// How long a look at a dying process lasts before the next round.
const ROUND_WAIT: Duration = Duration::from_millis(100);

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: Pid,
    /// Whose child it is; none for the first process, and for a child of another world.
    parent: Option<Pid>,
    session: Option<Pid>,
    is_dead: bool,
    /// When it began, in the kernel's ticks: together with the id it is nobody else's.
    began: u64,
}

impl Process {
    /// The process of this id at this moment.
    fn read(pid: Pid) -> Option<Process> {
        let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        Process::parse(pid, &stat)
    }

    /// A name may hold anything, spaces and brackets too, so all else is counted from the last bracket.
    fn parse(pid: Pid, stat: &[u8]) -> Option<Process> {
        let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
        let rest = std::str::from_utf8(&stat[after_name..]).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let id = |index: usize| fields.get(index).and_then(|field| id(field));
        Some(Process {
            pid,
            parent: id(1),
            session: id(3),
            is_dead: matches!(*fields.first()?, "Z" | "X" | "x"),
            began: fields.get(19)?.parse().ok()?,
        })
    }
}

/// An id in text. A process that is just being reaped has -1 where others have theirs.
fn id(text: &str) -> Option<Pid> {
    text.parse().ok().filter(|raw| *raw > 0).and_then(Pid::from_raw)
}

/// All processes that we can see.
fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pid = |entry: fs::DirEntry| id(entry.file_name().to_str()?);
    entries.flatten().filter_map(pid).filter_map(Process::read).collect()
}

/// A process, and whose child it was when we saw it.
#[derive(Debug, Clone, Copy)]
pub struct Relative {
    /// Who.
    pub pid: Pid,
    parent: Pid,
}

/// All that descend from this process. As it is a child-subreaper, they cannot cease to; as it has one thread and
/// reaps nobody meanwhile, the ids of its own children are theirs.
#[derive(Debug)]
pub struct Family {
    me: Pid,
    /// Whether the kernel lists the children of each thread (it may have been built without).
    has_lists: bool,
}

impl Family {
    /// Our own.
    pub fn new() -> Family {
        let me = getpid();
        let raw = me.as_raw_nonzero();
        let has_lists = Path::new(&format!("/proc/{raw}/task/{raw}/children")).exists();
        Family { me, has_lists }
    }

    /// Visits all descendants, each before its children are looked up: one that is stopped in the visit has no more of
    /// them afterwards.
    fn visit(&self, visit: &mut dyn FnMut(Relative)) {
        let table = if self.has_lists { HashMap::new() } else { by_parent() };
        let children = |pid: Pid| match self.has_lists {
            true => listed_children(pid),
            false => table.get(&pid).cloned().unwrap_or_default(),
        };
        let mut visited = HashSet::new();
        let mut left = vec![self.me];
        while let Some(parent) = left.pop() {
            for pid in children(parent) {
                if visited.insert(pid) {
                    visit(Relative { pid, parent });
                    left.push(pid);
                }
            }
        }
    }

    /// All descendants at this moment, parents first.
    pub fn members(&self) -> Vec<Relative> {
        let mut members = Vec::new();
        self.visit(&mut |relative| members.push(relative));
        members
    }

    /// STOP to all descendants that are not in `stopped` yet. False when there was none: then nobody is left who could
    /// fork.
    pub fn stop(&self, stopped: &mut HashSet<Pid>) -> bool {
        let before = stopped.len();
        self.visit(&mut |relative| {
            if stopped.insert(relative.pid) {
                self.signal(relative, Signal::STOP);
            }
        });
        stopped.len() > before
    }

    /// TERM to all descendants that have been stopped, and CONT, so that they hear it.
    pub fn ask(&self) {
        let members = self.members();
        members.iter().for_each(|relative| self.signal(*relative, Signal::TERM));
        // Children first: so they still have the parent that they were seen with.
        members.iter().rev().for_each(|relative| self.signal(*relative, Signal::CONT));
    }

    /// KILL to all descendants.
    pub fn kill(&self) {
        self.members().iter().rev().for_each(|relative| self.signal(*relative, Signal::KILL));
    }

    /// Errors say that it has gone meanwhile, or that it is not ours to signal; whoever waits for its end finds out.
    fn signal(&self, relative: Relative, signal: Signal) {
        let Relative { pid, parent } = relative;
        if parent == self.me {
            let _ = kill_process(pid, signal);
            return;
        }
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        let now = Process::read(pid).and_then(|process| process.parent);
        if now == Some(parent) || now == Some(self.me) {
            let _ = pidfd_send_signal(pidfd, signal);
        }
    }
}

fn listed_children(pid: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()));
    let lists =
        threads.into_iter().flatten().flatten().map(|thread| thread.path().join("children"));
    let ids = |list: String| -> Vec<Pid> { list.split_ascii_whitespace().filter_map(id).collect() };
    lists.filter_map(|list| fs::read_to_string(list).ok()).flat_map(ids).collect()
}

fn by_parent() -> HashMap<Pid, Vec<Pid>> {
    let mut table: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for process in all() {
        if let Some(parent) = process.parent {
            table.entry(parent).or_default().push(process.pid);
        }
    }
    table
}

/// Kills all that is in the session of a supervisor that has died, and what descends from those: the best that can
/// be done without it. The supervisor itself has not been reaped, so that the session's id is its own.
pub fn kill_session(session: Pid, wait: Duration) {
    let until = Instant::now() + wait;
    let mut stopped = HashSet::new();
    for _ in 0..STOP_PASSES_MAX {
        let members = session_members(session, &all());
        let more: Vec<_> = members.iter().filter(|p| stopped.insert((p.pid, p.began))).collect();
        more.iter().for_each(|process| drop(signal_other(process, Signal::STOP)));
        if more.is_empty() {
            break;
        }
    }
    while Instant::now() < until {
        let members = session_members(session, &all()).into_iter().rev();
        let killed: Vec<_> = members.filter_map(|p| signal_other(&p, Signal::KILL)).collect();
        let Some(last) = killed.last() else { return };
        let wait = Timespec::try_from(ROUND_WAIT).ok();
        // Whatever comes of it, the next round looks again.
        let _ = poll(&mut [PollFd::new(last, PollFlags::IN)], wait.as_ref());
    }
}

fn session_members(session: Pid, all: &[Process]) -> Vec<Process> {
    let mut ids: HashSet<Pid> = HashSet::from([session]);
    loop {
        let before = ids.len();
        let is_in = |process: &&Process, ids: &HashSet<Pid>| {
            process.session == Some(session) || process.parent.is_some_and(|id| ids.contains(&id))
        };
        let more: Vec<Pid> = all.iter().filter(|p| is_in(p, &ids)).map(|p| p.pid).collect();
        ids.extend(more);
        if ids.len() == before {
            break;
        }
    }
    ids.remove(&session);
    all.iter().filter(|process| !process.is_dead && ids.contains(&process.pid)).copied().collect()
}

/// Signals a process that is not our child, if it is still the same; what is returned becomes readable at its end.
fn signal_other(process: &Process, signal: Signal) -> Option<OwnedFd> {
    let pidfd = pidfd_open(process.pid, PidfdFlags::empty()).ok()?;
    let is_same = Process::read(process.pid).is_some_and(|now| now.began == process.began);
    (is_same && pidfd_send_signal(&pidfd, signal).is_ok()).then_some(pidfd)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn pid(raw: i32) -> Pid {
        Pid::from_raw(raw).unwrap()
    }

    #[test]
    fn a_name_may_hold_anything() {
        let line = b"7 (a) S 1 \xff) R 3 4 5 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0\n";
        let process = Process::parse(pid(7), line).unwrap();
        assert_eq!(process.parent, Some(pid(3)));
        assert_eq!((process.session, process.is_dead, process.began), (Some(pid(5)), false, 99));
        assert_eq!(Process::parse(pid(7), b"7 (cut) R 3"), None);
        let line = b"7 (gone) X 0 -1 -1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0\n";
        let process = Process::parse(pid(7), line).unwrap();
        assert_eq!((process.parent, process.session), (None, None));
        assert_eq!(Process::read(getpid()).unwrap().pid, getpid());
    }

    #[test]
    fn lists_and_table_show_the_same_family() {
        let script = "sleep 1000 & echo; read _; kill $!";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut told).unwrap();
        let family = |has_lists| {
            let members = Family { me: getpid(), has_lists }.members();
            let shell = Pid::from_child(&child);
            members.into_iter().filter(|r| r.pid == shell || r.parent == shell).count()
        };
        assert_eq!(family(false), 2);
        if Family::new().has_lists {
            assert_eq!(family(true), 2);
        }
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_session_is_its_members_and_their_descendants_without_its_leader() {
        let process = |id, parent, session, is_dead| Process {
            pid: pid(id),
            parent: Pid::from_raw(parent),
            session: Pid::from_raw(session),
            is_dead,
            began: 0,
        };
        let all = [
            process(14, 13, 14, false),
            process(13, 12, 13, false),
            process(12, 1, 10, false),
            process(11, 1, 10, true),
            process(10, 1, 10, true),
            process(9, 1, 9, false),
        ];
        let ids: Vec<_> = session_members(pid(10), &all).iter().map(|p| p.pid).collect();
        assert_eq!(ids, [pid(14), pid(13), pid(12)]);
    }
}
