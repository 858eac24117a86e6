//! Whatever comes is read without a panic, in bounded memory, and the same in any pieces.
#![allow(clippy::unwrap_used)]

use pontus_cases::{CASES_MAX, Format, Found, LINE_BYTES_MAX, NAME_BYTES_MAX, Reader};

const FORMATS: [Format; 4] = [Format::Unittest, Format::Pytest, Format::Libtest, Format::Tap];

/// Pieces of what the tools print, put together at random.
const WORDS: [&[u8]; 64] = [
    b"\n",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b" ",
    b"    ",
    b"  ",
    b"\xff",
    b"\xc3",
    "é".as_bytes(),
    b"\x1b[31m",
    b"\x1b]0;",
    b"\x1b",
    b"\0",
    b"test_x (m.C.test_x)",
    b"  test_x (m.C.test_x) (i=1)",
    b" ... ",
    b"ok",
    b"FAIL",
    b"ERROR",
    b"skipped 'why'",
    b"expected failure",
    b"Ran 3 tests in 0.1s",
    b"FAILED (failures=1)",
    b"OK",
    b"FAIL: ",
    b"======================================================================",
    b"a.py::test_x",
    b"a.py::test_x[",
    b"]",
    b" PASSED",
    b" FAILED",
    b" SKIPPED (why)",
    b"[ 50%]",
    b"[gw0] [ 50%] PASSED a.py::b",
    b"== FAILURES ==",
    b"= short test summary info =",
    b" - ",
    b"=== 2 passed, 1 failed in 0.12s ===",
    b"FAILED a.py::b - c",
    b"SUBFAILED(i=1) a.py::c",
    b"running 2 tests",
    b"test a::b ... ",
    b"failures:",
    b"test result: ok. 1 passed; 1 failed; 0 ignored",
    b"     Running x",
    b"not ",
    b"ok 1 - a",
    b"ok 99999999999999999999",
    b"1..3",
    b"1..0",
    b"# SKIP",
    b" # TODO",
    b"\\#",
    b"---",
    b"...",
    b"duration_ms: 1e999",
    b"type: 'suite'",
    b"Bail out!",
    b"# Subtest: a",
    b"4294967295 passed",
    b"=",
    b"TAP version 14\n",
];

fn read(format: Format, bytes: &[u8], mut piece: impl FnMut() -> usize) -> Found {
    let mut reader = Reader::new(format);
    let mut rest = bytes;
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(piece().min(rest.len()));
        reader.push(head);
        rest = tail;
    }
    reader.finish()
}

fn assert_bounded(found: &Found) {
    assert!(found.cases.len() <= CASES_MAX);
    for case in &found.cases {
        assert!(case.name.len() <= NAME_BYTES_MAX, "{case:?}");
        assert!(!case.name.chars().any(char::is_control), "{case:?}");
    }
    assert!(found.complaint.as_ref().is_none_or(|what| what.len() <= NAME_BYTES_MAX));
}

#[test]
fn random_documents() {
    for seed in 0..3_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let words = random.usize(1..200);
        let bytes: Vec<u8> =
            (0..words).flat_map(|_| WORDS[random.usize(..WORDS.len())]).copied().collect();
        for format in FORMATS {
            let whole = read(format, &bytes, || usize::MAX);
            assert_bounded(&whole);
            let pieces = read(format, &bytes, || random.usize(1..9));
            assert_eq!(pieces, whole, "seed {seed}, {format:?}");
        }
    }
}

#[test]
fn an_endless_line() {
    for format in FORMATS {
        for byte in *b" x=.[#\xff-" {
            let mut reader = Reader::new(format);
            let piece = vec![byte; 64 * 1024];
            (0..64).for_each(|_| reader.push(&piece));
            let found = reader.finish();
            assert_eq!(found.cases, [], "{format:?}");
        }
    }
}

#[test]
fn names_end_and_counts_go_on() {
    let many = CASES_MAX + 7;
    let lines = |line: &dyn Fn(usize) -> String| -> String { (0..many).map(line).collect() };
    let texts = [
        (Format::Unittest, lines(&|n| format!("test_{n} (m.C.test_{n}) ... ok\n"))),
        (Format::Pytest, lines(&|n| format!("a.py::test_{n} PASSED [ 1%]\n"))),
        (Format::Libtest, lines(&|n| format!("test a::t{n} ... ok\n"))),
        (Format::Tap, lines(&|n| format!("ok {} - t\n", n + 1))),
        (Format::Tap, lines(&|n| format!("    ok - a\nok {} - t\n", n + 1))),
    ];
    for (format, text) in texts {
        let found = read(format, text.as_bytes(), || 4_096);
        assert_eq!((found.cases.len(), found.passed as usize), (CASES_MAX, many), "{format:?}");
    }
}

/// One line after another that is as hard to read as a line can be: time goes with the bytes, not with their square.
#[test]
fn hard_lines() {
    let fill = |start: &str, piece: &str| {
        format!("{start}{}\n", piece.repeat(LINE_BYTES_MAX / piece.len()))
    };
    let lines = [
        fill("a.py::b[", "] PASSED "),
        fill("a.py::b[", "] "),
        fill("a.py::b", " <- "),
        fill("t (m.C) ... ", "t (m.C) ... "),
        fill("t (m.C)", " ... skipped '"),
        fill("test a ... ", " ... "),
        fill("ok 1 - ", "# "),
        fill("ok 1 - ", "\\"),
        fill("=== 1 passed", " in "),
        fill("", "1 passed, "),
        fill("FAILED a.py::b[", "] - "),
    ];
    for format in FORMATS {
        let mut reader = Reader::new(format);
        for line in &lines {
            (0..100).for_each(|_| reader.push(line.as_bytes()));
        }
        assert_bounded(&reader.finish());
    }
}
