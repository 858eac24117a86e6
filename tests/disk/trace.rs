//! What strace says of a process: its calls, in the order in which they began.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// One argument of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// Something in quotes.
    Bytes(Vec<u8>),
    /// A descriptor, by what it is open on.
    Open(PathBuf),
    /// Flags, numbers and the rest, as they stand there.
    Word(String),
}

/// One system call.
#[derive(Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// The thread that called.
    pub thread: u32,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// What it returned; none where it did not.
    pub result: Option<i64>,
    /// The line of the trace in which it began.
    pub begun: usize,
    /// The line in which it was done; after all others where it never was.
    pub done: usize,
}

impl Call {
    /// The bytes in quotes at this place.
    pub fn bytes(&self, at: usize) -> &[u8] {
        match self.arguments.get(at) {
            Some(Argument::Bytes(bytes)) => bytes,
            other => panic!("{other:?} is no string, in {}", self.name),
        }
    }

    /// The path at this place: of a descriptor, or as a string.
    pub fn path(&self, at: usize) -> &Path {
        match self.arguments.get(at) {
            Some(Argument::Open(path)) => path,
            Some(Argument::Bytes(bytes)) => Path::new(OsStr::from_bytes(bytes)),
            other => panic!("{other:?} is no path, in {}", self.name),
        }
    }

    /// All paths among the arguments, and all that could be one.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.arguments.iter().filter_map(|argument| match argument {
            Argument::Open(path) => Some(path.as_path()),
            Argument::Bytes(bytes) => Some(Path::new(OsStr::from_bytes(bytes))),
            Argument::Word(_) => None,
        })
    }

    /// The word at this place.
    pub fn word(&self, at: usize) -> &str {
        match self.arguments.get(at) {
            Some(Argument::Word(word)) => word,
            other => panic!("{other:?} is no word, in {}", self.name),
        }
    }

    /// The number at this place.
    pub fn number(&self, at: usize) -> u64 {
        self.word(at).parse().unwrap()
    }

    /// Whether it did what it should.
    pub fn succeeded(&self) -> bool {
        self.result.is_some_and(|result| result >= 0)
    }
}

/// Reads a trace that was written with `-f -y -xx`. The lines are counted from `first` on.
pub fn calls(trace: &str, first: usize) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: BTreeMap<u32, (usize, &str)> = BTreeMap::new();
    for (at, line) in (first..).zip(trace.lines()) {
        let Some((thread, said)) = line.split_once(' ') else { continue };
        let (thread, said) = (thread.parse().unwrap(), said.trim_start());
        if said.starts_with("---") || said.starts_with("+++") {
            continue;
        }
        if let Some(begin) = said.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, (at, begin));
        } else if let Some((_, end)) = said.split_once(" resumed>") {
            let (begun, begin) = unfinished.remove(&thread).unwrap();
            calls.push(call(thread, &[begin, end].concat(), begun, at));
        } else {
            calls.push(call(thread, said, at, at));
        }
    }
    for (thread, (begun, begin)) in unfinished {
        calls.push(call(thread, &[begin, ") = ?"].concat(), begun, usize::MAX));
    }
    calls.sort_by_key(|call| call.begun);
    calls
}

fn call(thread: u32, said: &str, begun: usize, done: usize) -> Call {
    let (name, rest) = said.split_once('(').unwrap_or_else(|| panic!("no call: {said}"));
    let (arguments, result) = rest.rsplit_once(") = ").or(rest.rsplit_once(')')).unwrap();
    let result = result.split([' ', '<']).next().and_then(|word| word.parse().ok());
    let arguments = arguments.split(", ").map(|word| argument(word.trim())).collect();
    Call { name: name.to_owned(), thread, arguments, result, begun, done }
}

/// What is in quotes has no comma in it, for every byte of it is written as a number.
fn argument(word: &str) -> Argument {
    let quoted = word.strip_prefix('"').and_then(|word| word.split_once('"'));
    let open = word.split_once('<').and_then(|(_, path)| path.split_once('>'));
    match (quoted, open) {
        (Some((bytes, rest)), _) => {
            assert_eq!(rest, "", "a string was cut");
            Argument::Bytes(unescaped(bytes))
        }
        (None, Some((path, "(deleted)"))) => {
            let path = [unescaped(path), b" (deleted)".to_vec()].concat();
            Argument::Open(OsStr::from_bytes(&path).into())
        }
        (None, Some((path, _))) => Argument::Open(OsStr::from_bytes(&unescaped(path)).into()),
        (None, None) => Argument::Word(word.to_owned()),
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

#[test]
fn a_trace_is_read() {
    let text = "7 write(3<\\x2f\\x61>, \"\\x62\\x0a\", 2 <unfinished ...>\n\
                8 fsync(4<\\x2f\\x62>(deleted)) = 0\n\
                7 <... write resumed>) = 2\n\
                7 --- SIGTERM {si_signo=SIGTERM} ---\n\
                7 unlink(\"\\x2f\\x63\") = -1 ENOENT (No such file or directory)\n\
                8 fsync(4<\\x2f\\x64> <unfinished ...>\n\
                7 +++ killed by SIGKILL +++\n";
    let [write, fsync, unlink, last] = calls(text, 100).try_into().unwrap();
    assert_eq!((write.path(0), write.bytes(1), write.number(2)), (Path::new("/a"), &b"b\n"[..], 2));
    assert_eq!((write.begun, write.done, write.result), (100, 102, Some(2)));
    assert_eq!((fsync.thread, fsync.path(0)), (8, Path::new("/b (deleted)")));
    assert_eq!((unlink.path(0), unlink.succeeded()), (Path::new("/c"), false));
    assert_eq!((last.done, last.result), (usize::MAX, None));
}
