//! Sessions as PROTOCOL.md has them, and what becomes of them in unsteady hands.

use fastrand::Rng;
use pontus_proto::limits::LINE_BYTES_MAX;

const DOCUMENT: &str = include_str!("../../crates/pontus-proto/PROTOCOL.md");

/// Bytes that have broken others.
const WORDS: [&[u8]; 12] = [
    b"\n",
    b"\0",
    b"\xff\xfe",
    b"\"",
    b"\\",
    b"}",
    b"[[[[[[[[[[[[[[[[",
    b"-1",
    b"18446744073709551616",
    b"GET / HTTP/1.1\r\n\r\n",
    b"{\"type\":\"ready\"}\n",
    b"{\"type\":\"dance\"}\n",
];

/// What each kind of peer says in the document's examples, without the greeting.
pub fn lines() -> Vec<Vec<u8>> {
    let said = DOCUMENT.lines().filter_map(|line| line.strip_prefix("> "));
    let lines: Vec<_> = said.filter(|line| !is_greeting(line)).map(whole).collect();
    assert!(lines.len() > 15, "the document has no examples");
    lines
}

fn is_greeting(line: &str) -> bool {
    line.contains(r#""type":"hello""#) || line.contains(r#""type":"prove""#)
}

fn whole(line: &str) -> Vec<u8> {
    format!("{line}\n").into_bytes()
}

/// A hello of some role.
pub fn hello(random: &mut Rng, nonce: Option<&str>) -> Vec<u8> {
    let role = ["observer", "runner", "client"][random.usize(..3)];
    let nonce = nonce.map(|nonce| format!(r#","nonce":"{nonce}""#)).unwrap_or_default();
    whole(&format!(r#"{{"type":"hello","protocol":1,"role":"{role}","name":"elm"{nonce}}}"#))
}

/// Some of `lines`, in any order, more or less as they were.
pub fn session(lines: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.usize(..12) {
        let mut line = lines[random.usize(..lines.len())].clone();
        if random.bool() {
            spoil(&mut line, random);
        }
        bytes.extend(line);
    }
    if random.u8(..50) == 0 {
        bytes.resize(LINE_BYTES_MAX + bytes.len(), b'x');
    }
    bytes
}

/// Cuts, repeats, puts something in, flips a bit, or changes a digit, so that another commit is meant.
pub fn spoil(line: &mut Vec<u8>, random: &mut Rng) {
    let at = random.usize(..line.len());
    match random.u8(..6) {
        0 => line.truncate(at),
        1 => line.extend(line.clone()),
        2 => drop(line.splice(at..at, WORDS[random.usize(..WORDS.len())].iter().copied())),
        3 => line[at] ^= 1 << random.u8(..8),
        4 => drop(line.drain(..at)),
        _ => {
            let digits: Vec<_> = (0..line.len()).filter(|at| line[*at].is_ascii_digit()).collect();
            if !digits.is_empty() {
                line[digits[random.usize(..digits.len())]] = random.u8(b'0'..=b'9');
            }
        }
    }
}
