//! What a hand without a plan makes of good input: it cuts, repeats, swaps and puts things in that have broken others.

use fastrand::Rng;

/// Things that have broken others.
const WORDS: [&[u8]; 20] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\xff",
    b"\xc3",
    b"\x1b[31m",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{\"a\":",
    b"[[[[[[[[",
    b"-1",
    b"0",
    b"4294967296",
    b"18446744073709551615",
    b"1e999",
    b"null",
    b"../",
    "é\u{9b}".as_bytes(),
];

/// One of `seeds` after some changes, at most `bytes_max` long.
pub fn mutated(seeds: &[Vec<u8>], random: &mut Rng, bytes_max: usize) -> Vec<u8> {
    let mut data = piece(&seeds[random.usize(..seeds.len())], random, bytes_max);
    for _ in 0..random.usize(1..6) {
        change(&mut data, seeds, random);
    }
    data.truncate(bytes_max);
    data
}

fn change(data: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Rng) {
    let at = random.usize(..=data.len());
    match random.u8(..9) {
        0 => data.truncate(at),
        1 => drop(data.drain(..at)),
        2 => insert(data, at, WORDS[random.usize(..WORDS.len())]),
        3 => insert(data, at, &[random.u8(..)]),
        4 => {
            let other = piece(&seeds[random.usize(..seeds.len())], random, 256);
            insert(data, at, &other);
        }
        5 if at < data.len() => data[at] ^= 1 << random.u8(..8),
        6 => drop(data.drain(at..(at + random.usize(..16)).min(data.len()))),
        _ => lines(data, random),
    }
}

/// Repeats, swaps or removes whole lines.
fn lines(data: &mut Vec<u8>, random: &mut Rng) {
    let mut lines: Vec<Vec<u8>> =
        data.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let [a, b] = [random.usize(..lines.len()), random.usize(..lines.len())];
    match random.u8(..3) {
        0 => lines.swap(a, b),
        1 => lines.insert(a, lines[b].clone()),
        _ => drop(lines.remove(a)),
    }
    *data = lines.concat();
}

/// A part of `seed`, or all of it.
fn piece(seed: &[u8], random: &mut Rng, bytes_max: usize) -> Vec<u8> {
    if seed.len() <= bytes_max && random.bool() {
        return seed.to_vec();
    }
    let start = random.usize(..=seed.len());
    let length = random.usize(..=bytes_max.min(seed.len() - start));
    seed[start..start + length].to_vec()
}

fn insert(data: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    drop(data.splice(at..at, bytes.iter().copied()));
}
