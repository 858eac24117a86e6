//! Many peers of one dispatcher, driven by one thread with as little work as it can do: what is measured is the other side.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

use pontus_proto::CommitId;
use pontus_tests::{Process, Yard, made_up};
use rustix::event::{Timespec, epoll};

/// Whose commits they all are.
pub const PROJECT: &str = "test_repo";

/// Lines that are looked for at once.
const EVENTS_MAX: usize = 256;

/// A yard that stays until all is measured: once many files have been removed, some file systems take ten times as long for each new
/// one (ext4 without a journal does, for five minutes). `examples/bench.sh` removes all of them.
pub fn yard() -> Yard {
    let mut yard = Yard::new();
    yard.leave_behind();
    yard
}

/// A dispatcher that wants nobody to prove anything: who is let in is not what is measured.
pub fn dispatcher(yard: &Yard, args: &[&str]) -> Process {
    let mut command = yard.command("dispatcher");
    // A line for each commit would be measured as well, and the pipe that it goes into.
    command.env("RUST_LOG", "warn");
    yard.dispatcher_by(command, &[&["--no-auth"], args].concat())
}

/// One connection.
pub struct Peer {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Peer {
    /// Greeted as `role`.
    pub fn greeted(yard: &Yard, role: &str) -> Peer {
        let mut peer = Peer::dialled(yard);
        peer.say(&hello(role));
        let welcome = peer.hear();
        assert!(welcome.contains("welcome"), "{welcome}");
        peer
    }

    /// A runner of its own, registered.
    pub fn runner(yard: &Yard, number: usize) -> Peer {
        let mut peer = Peer::greeted(yard, "runner");
        peer.say(&register(number));
        let registered = peer.hear();
        assert!(registered.contains("registered"), "{registered}");
        peer
    }

    fn dialled(yard: &Yard) -> Peer {
        let stream = TcpStream::connect(yard.server()).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream, bytes: Vec::new() }
    }

    pub fn say(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).unwrap();
    }

    /// The next line; an empty one where the connection has ended.
    pub fn hear(&mut self) -> String {
        let mut piece = [0; 4 * 1024];
        while !self.bytes.ends_with(b"\n") {
            // A peer that was shown out while it wrote is reset.
            let count = self.stream.read(&mut piece).unwrap_or(0);
            if count == 0 {
                return String::new();
            }
            self.bytes.extend_from_slice(&piece[..count]);
        }
        String::from_utf8(std::mem::take(&mut self.bytes)).unwrap()
    }

    pub fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.hear()
    }

    /// Gives the dispatcher time to get to what was said. Whether it answers before that is over.
    pub fn hears_within(&self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let heard = self.stream.peek(&mut [0]).is_ok();
        self.stream.set_read_timeout(None).unwrap();
        heard
    }
}

/// Many of them.
pub struct Crew {
    epoll: OwnedFd,
    peers: Vec<Peer>,
}

impl Crew {
    pub fn of(peers: Vec<Peer>) -> Crew {
        let crew = Crew { epoll: epoll::create(epoll::CreateFlags::CLOEXEC).unwrap(), peers };
        (0..crew.peers.len()).for_each(|index| crew.follow(index));
        crew
    }

    fn follow(&self, index: usize) {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.epoll, &self.peers[index].stream, data, epoll::EventFlags::IN).unwrap();
    }

    /// One more.
    pub fn add(&mut self, peer: Peer) {
        self.peers.push(peer);
        self.follow(self.peers.len() - 1);
    }

    /// One that dials, in the place of one whose connection has ended, and says hello.
    pub fn dial(&mut self, yard: &Yard, index: usize, role: &str) {
        let mut peer = Peer::dialled(yard);
        peer.say(&hello(role));
        if index == self.peers.len() {
            self.add(peer);
        } else {
            // What is closed is followed no longer.
            self.peers[index] = peer;
            self.follow(index);
        }
    }

    pub fn say(&mut self, index: usize, line: &str) {
        self.peers[index].say(line);
    }

    /// The lines that have arrived by now, or do so soon, with who said them. An empty line is a connection's end.
    pub fn hear(&mut self, patience: Duration) -> Vec<(usize, String)> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let patience = Timespec::try_from(patience).unwrap();
        let buffer = rustix::buffer::spare_capacity(&mut events);
        epoll::wait(&self.epoll, buffer, Some(&patience)).unwrap();
        let indices = events.iter().map(|event| usize::try_from(event.data.u64()).unwrap());
        indices.map(|index| (index, self.peers[index].hear())).collect()
    }
}

fn hello(role: &str) -> String {
    format!("{{\"type\":\"hello\",\"protocol\":1,\"role\":\"{role}\",\"name\":\"elm\"}}\n")
}

/// As one that no other number has.
pub fn register(number: usize) -> String {
    format!("{{\"type\":\"register\",\"instance\":\"{number:032x}\",\"project\":\"{PROJECT}\"}}\n")
}

/// A commit that nobody has made. Its id has no place among those of others that could be foreseen, as ids are.
pub fn any_commit(number: u32) -> CommitId {
    // Knuth's multiplier: the odd number next to 2^32 divided by the golden ratio.
    made_up(number.wrapping_mul(2_654_435_761))
}

/// Such a commit is handed in.
pub fn submit(number: u32) -> String {
    let commit = any_commit(number);
    format!("{{\"type\":\"submit\",\"commit\":\"{commit}\",\"project\":\"{PROJECT}\"}}\n")
}

/// A runner asks for work.
pub const READY: &str = "{\"type\":\"ready\"}\n";

/// All tests of the commit that this line assigns have passed.
pub fn report(assigned: &str) -> String {
    let commit = commit_of(assigned);
    let (_, attempt) = assigned.split_once("\"attempt\":").unwrap();
    let attempt = attempt.split([',', '}']).next().unwrap();
    format!(
        "{{\"type\":\"report\",\"commit\":\"{commit}\",\"attempt\":{attempt},\"report\":{{\"verdict\":\"passed\",\
         \"counts\":{{\"passed\":1,\"failed\":0,\"skipped\":0}},\"duration_ms\":1,\"output_bytes\":0,\"units\":[]}}}}\n"
    )
}

/// The commit that a line names.
pub fn commit_of(line: &str) -> &str {
    let (_, rest) = line.split_once("\"commit\":\"").unwrap();
    rest.split('"').next().unwrap()
}
