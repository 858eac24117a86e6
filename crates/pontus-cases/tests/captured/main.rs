//! What real tools printed is read as these tools summed it up. `capture.sh` makes the captures again.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use pontus_cases::{CaseOutcome, Format, Found, Reader};

mod counts;
mod names;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captured")
}

fn format(name: &str) -> Format {
    match name.split('-').next().unwrap() {
        "unittest" => Format::Unittest,
        "pytest" => Format::Pytest,
        "libtest" => Format::Libtest,
        "tap" => Format::Tap,
        other => panic!("{other}"),
    }
}

/// All captures, with their bytes.
fn captures() -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    texts.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}

fn read_in(name: &str, bytes: &[u8], mut piece: impl FnMut() -> usize) -> Found {
    let mut reader = Reader::new(format(name));
    let mut rest = bytes;
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(piece().min(rest.len()));
        reader.push(head);
        rest = tail;
    }
    reader.finish()
}

fn read(name: &str) -> Found {
    let bytes = fs::read(folder().join(format!("{name}.txt"))).unwrap();
    read_in(name, &bytes, || usize::MAX)
}

fn cases(found: &Found) -> Vec<(&str, CaseOutcome)> {
    found.cases.iter().map(|case| (case.name.as_str(), case.outcome)).collect()
}
