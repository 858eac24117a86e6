//! What holds for each source file.

use std::fs;
use std::path::{Path, PathBuf};

use pontus_tests::{git, project_root};

/// A function may have so many lines, its signature included.
const FUNCTION_LINES_MAX: usize = 70;

/// The middle one of all functions may have so many.
const FUNCTION_LINES_MEDIAN: usize = 12;

/// A file may have so many lines, unless it is named below with the one noun that it is.
const FILE_LINES_MAX: usize = 400;

/// Files over the limit, each with its one noun.
const LONG_FILES: [(&str, &str); 1] = [("crates/pontus-exec/src/child.rs", "the child")];

/// All Rust sources that git knows or would take, relative to the root, with their text.
pub fn sources() -> Vec<(PathBuf, String)> {
    let listed = git(
        project_root(),
        &["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.rs"],
    );
    let sources: Vec<_> = listed
        .lines()
        .filter_map(|path| Some((path.into(), fs::read_to_string(project_root().join(path)).ok()?)))
        .collect();
    assert!(sources.len() > 50, "where have the sources gone? {}", sources.len());
    sources
}

#[test]
fn each_file_opens_by_saying_what_it_is() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} does not say what it is", path.display());
    }
}

#[test]
fn files_are_short_or_have_a_noun() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        let named = LONG_FILES.iter().find(|(long, _)| Path::new(long) == path);
        let fits = lines <= FILE_LINES_MAX;
        assert!(fits || named.is_some(), "{} has {lines} lines", path.display());
        assert!(!fits || named.is_none(), "{} is short now", path.display());
    }
}

#[test]
fn functions_are_short() {
    let mut lengths = Vec::new();
    for (path, text) in sources() {
        for (name, lines) in functions(&text) {
            let at = path.display();
            assert!(lines <= FUNCTION_LINES_MAX, "{name} in {at} has {lines} lines");
            lengths.push(lines);
        }
    }
    lengths.sort_unstable();
    assert!(lengths.len() > 300, "only {} functions were found", lengths.len());
    let median = lengths[lengths.len() / 2];
    assert!(median <= FUNCTION_LINES_MEDIAN, "the median function has {median} lines");
}

/// The functions of a file as rustfmt lays them out, with their lines: from `fn` to the brace at its margin.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let margin = line.len() - line.trim_start().len();
        let closing = format!("{}}}", " ".repeat(margin));
        let is_end =
            |line: &&str| **line == closing || line.ends_with('}') && *line == lines[start];
        let ends = lines[start..].iter().position(is_end);
        if let Some(length) = ends {
            found.push((name, length + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "fn")?;
    let is_signature = words[..at]
        .iter()
        .all(|word| matches!(*word, "pub" | "pub(crate)" | "pub(super)" | "const" | "async"));
    let name = words.get(at + 1)?.split(['(', '<']).next()?;
    is_signature.then(|| name.to_owned())
}

#[test]
fn nothing_is_left_for_later_and_daemons_do_not_print() {
    // Written apart, so that this file does not find itself.
    let forbidden = ["todo", "unimplemented", "dbg", "println"].map(|name| format!("{name}!("));
    for (path, text) in sources() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let bad = forbidden.iter().find(|word| {
                // eprintln is for the one line of an error, and for tests.
                line.contains(*word) && !line.contains(&format!("e{word}"))
            });
            assert!(bad.is_none(), "{}: {line}", path.display());
        }
    }
}

#[test]
fn tests_do_not_sleep() {
    // Written apart, so that this file does not find itself.
    let sleep = ["thread::", "sleep("].concat();
    for (path, text) in sources() {
        // accept() at the descriptor limit has nothing to wait for.
        let allowed = path.ends_with("dispatcher/src/listener.rs");
        assert!(allowed || !text.contains(&sleep), "{} sleeps", path.display());
    }
}

#[test]
fn the_finder_of_functions_finds_them() {
    let text = "fn one() {}\n\nimpl X {\n    pub fn two(\n        &self,\n    ) {\n        a();\n    }\n}\n";
    assert_eq!(functions(text), [("one".to_owned(), 1), ("two".to_owned(), 5)]);
}
