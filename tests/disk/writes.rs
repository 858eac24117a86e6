//! What a dispatcher did to its disk: changes of files and folders, and what made them durable.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::record::Recording;
use crate::trace::Call;

/// A file or a folder, whatever it is called. The first is the folder in which everything lies.
pub type Node = usize;

/// The folder in which everything lies.
pub const ROOT: Node = 0;

/// How one node is changed.
#[derive(Debug)]
pub enum Change {
    /// A file has these bytes from there on.
    Write(u64, Vec<u8>),
    /// A file has so many bytes.
    Resize(u64),
    /// A folder has that under this name.
    Name(OsString, Node),
    /// A folder has nothing under this name.
    Unname(OsString),
}

/// A change, and from when to when in the trace it was made.
#[derive(Debug)]
pub struct Write {
    /// What is changed.
    pub node: Node,
    /// How.
    pub change: Change,
    /// It may be on the disk from here on.
    pub begun: usize,
    /// A sync that begins later is one of it, too.
    done: usize,
}

/// All that happened to a disk.
#[derive(Debug, Default)]
pub struct Writes {
    /// In the order in which they began.
    pub writes: Vec<Write>,
    /// What was synced, with the lines in which that began and was done.
    syncs: Vec<(Node, usize, usize)>,
    /// Which nodes are folders.
    pub folders: Vec<Node>,
}

impl Writes {
    /// What a recording tells of the disk.
    pub fn of(recording: &Recording) -> Writes {
        let mut tracker = Tracker::new(&recording.root);
        recording.processes.iter().flatten().filter(|call| call.succeeded()).for_each(|call| {
            tracker.take(call);
        });
        tracker.all
    }

    /// Whether a change is certainly on a disk whose power failed at this line of the trace.
    pub fn is_durable(&self, write: &Write, at: usize) -> bool {
        let covers = |&(node, begun, done): &(Node, usize, usize)| {
            node == write.node && begun >= write.done && done < at
        };
        self.syncs.iter().any(covers)
    }

    /// The lines after which a disk may be in another state than before.
    pub fn moments(&self) -> Vec<usize> {
        let begun = self.writes.iter().map(|write| write.begun + 1);
        let mut moments: Vec<_> =
            begun.chain(self.syncs.iter().map(|(_, _, done)| done + 1)).collect();
        moments.sort_unstable();
        moments.dedup();
        moments
    }
}

/// Knows what is called how, and where each file is read or written next.
struct Tracker<'a> {
    root: &'a Path,
    names: BTreeMap<(Node, OsString), Node>,
    nodes: usize,
    contents: BTreeMap<Node, Vec<u8>>,
    positions: BTreeMap<PathBuf, u64>,
    all: Writes,
}

impl<'a> Tracker<'a> {
    fn new(root: &'a Path) -> Tracker<'a> {
        let all = Writes { folders: vec![ROOT], ..Writes::default() };
        let (names, contents) = (BTreeMap::new(), BTreeMap::new());
        Tracker { root, names, nodes: 1, contents, positions: BTreeMap::new(), all }
    }

    fn take(&mut self, call: &Call) {
        match call.name.as_str() {
            "sendto" => {}
            "openat" => self.open(call),
            "mkdir" => drop(self.make(call, call.path(0), true)),
            "write" => self.append(call, call.path(0), call.bytes(1).to_vec()),
            "pwrite64" => self.write(call, call.path(0), call.number(3), call.bytes(1).to_vec()),
            "copy_file_range" => self.copy(call),
            "ftruncate" => {
                if let Some(node) = self.find(call.path(0)) {
                    self.change(call, node, Change::Resize(call.number(1)));
                }
            }
            "lseek" => {
                let at = call.result.unwrap() as u64;
                self.positions.insert(call.path(0).to_owned(), at);
            }
            "rename" => self.rename(call),
            "linkat" => self.link(call),
            "unlink" => self.unlink(call, call.path(0)),
            "fsync" | "fdatasync" => {
                let node = self.find(call.path(0));
                self.all.syncs.extend(node.map(|node| (node, call.begun, call.done)));
            }
            _ => {
                assert!(self.find(call.path(0)).is_none(), "unknown here: {call:?}");
            }
        }
    }

    fn open(&mut self, call: &Call) {
        let (path, flags) = (call.path(1), call.word(2));
        let node = self.find(path);
        self.positions.insert(path.to_owned(), 0);
        match node {
            None if flags.contains("O_CREAT") => drop(self.make(call, path, false)),
            Some(node) if flags.contains("O_TRUNC") => self.change(call, node, Change::Resize(0)),
            _ => {}
        }
    }

    fn make(&mut self, call: &Call, path: &Path, is_folder: bool) -> Option<Node> {
        let (folder, name) = self.place(path)?;
        let node = self.nodes;
        self.nodes += 1;
        if is_folder {
            self.all.folders.push(node);
        }
        self.change(call, folder, Change::Name(name, node));
        Some(node)
    }

    /// Writes where the file's descriptor is, and there is only one.
    fn append(&mut self, call: &Call, path: &Path, bytes: Vec<u8>) {
        let at = self.advance(path, bytes.len() as u64);
        self.write(call, path, at, bytes);
    }

    fn write(&mut self, call: &Call, path: &Path, at: u64, mut bytes: Vec<u8>) {
        let Some(node) = self.find(path) else { return };
        bytes.truncate(call.result.unwrap() as usize);
        self.change(call, node, Change::Write(at, bytes));
    }

    fn copy(&mut self, call: &Call) {
        let (from, to, bytes) = (call.path(0), call.path(2), call.result.unwrap() as u64);
        let at = self.advance(from, bytes) as usize;
        let Some(node) = self.find(from) else { return };
        let copied = self.contents[&node][at..at + bytes as usize].to_vec();
        self.append(call, to, copied);
    }

    fn advance(&mut self, path: &Path, bytes: u64) -> u64 {
        let position = self.positions.entry(path.to_owned()).or_default();
        *position += bytes;
        *position - bytes
    }

    fn rename(&mut self, call: &Call) {
        let (from, to) = (call.path(0), call.path(1));
        let (Some(node), Some((folder, name))) = (self.find(from), self.place(to)) else { return };
        if from != to {
            self.change(call, folder, Change::Name(name, node));
            self.unlink(call, from);
        }
    }

    fn link(&mut self, call: &Call) {
        let (from, to) = (call.path(1), call.path(3));
        // The token's file is none of ours.
        if let (Some(node), Some((folder, name))) = (self.find(from), self.place(to)) {
            self.change(call, folder, Change::Name(name, node));
        }
    }

    fn unlink(&mut self, call: &Call, path: &Path) {
        if let Some((folder, name)) = self.find(path).and_then(|_| self.place(path)) {
            self.change(call, folder, Change::Unname(name));
        }
    }

    fn change(&mut self, call: &Call, node: Node, change: Change) {
        match &change {
            Change::Name(name, named) => drop(self.names.insert((node, name.clone()), *named)),
            Change::Unname(name) => drop(self.names.remove(&(node, name.clone()))),
            _ => change_bytes(self.contents.entry(node).or_default(), &change),
        }
        self.all.writes.push(Write { node, change, begun: call.begun, done: call.done });
    }

    fn find(&self, path: &Path) -> Option<Node> {
        let path = path.strip_prefix(self.root).ok()?;
        path.iter().try_fold(ROOT, |folder, name| self.names.get(&(folder, name.into())).copied())
    }

    /// The folder of a path, and its name there; none where it is not one of those that matter. SQLite makes its index anew
    /// where there is none, and it is not written by calls.
    fn place(&self, path: &Path) -> Option<(Node, OsString)> {
        let below = path.strip_prefix(self.root).ok()?;
        let is_ours = below.starts_with("test_results") && !below.to_str()?.ends_with("-shm");
        let folder = self.find(path.parent()?)?;
        is_ours.then(|| (folder, path.file_name().unwrap().to_owned()))
    }
}

/// Changes what is in a file.
pub fn change_bytes(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, bytes) => {
            let (from, to) = (*at as usize, *at as usize + bytes.len());
            content.resize(content.len().max(to), 0);
            content[from..to].copy_from_slice(bytes);
        }
        Change::Resize(bytes) => content.resize(*bytes as usize, 0),
        Change::Name(..) | Change::Unname(_) => {}
    }
}
