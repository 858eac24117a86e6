//! What is started for a unit: its program and arguments, its interpreter, and the format that it prints in.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use pontus_cases::Format;

use crate::regular;
use crate::suite::{Kind, Unit};

/// How much of a file its `#!` line may be. The kernel reads no more.
const SHEBANG_BYTES_MAX: u64 = 256;

/// The program and its arguments, to be started in the root of the checkout at `tree`.
pub fn command(unit: &Unit, tree: &Path) -> (OsString, Vec<OsString>) {
    let path = unit.path.as_os_str();
    match unit.kind {
        Kind::Executable if is_bare_script(&tree.join(path)) => words(&with(&["sh"], path)),
        Kind::Executable => words(&[tree.join(path).as_os_str()]),
        Kind::Script => by_first_line(tree, path, "sh"),
        Kind::Tap => by_first_line(tree, path, "perl"),
        Kind::UnittestModule => words(&with(&["python3", "-m", "unittest", "-v"], path)),
        Kind::UnittestFile => unittest_file(&unit.path),
        Kind::Pytest => words(&with(&["python3", "-m", "pytest", "-v"], path)),
        Kind::CargoTest => words(&with(&["cargo", "test", "--test"], &cargo_target(&unit.path))),
        Kind::Bats => words(&with(&["bats", "--tap"], path)),
        Kind::NodeTest => words(&with(&["node", "--test", "--test-reporter=tap"], path)),
        // Without a count, Go takes a verdict that it has from before.
        Kind::GoTest => {
            words(&with(&["go", "test", "-count=1"], Path::new(".").join(path).as_os_str()))
        }
    }
}

/// The format in which a kind of unit names its cases.
pub fn format(kind: Kind) -> Option<Format> {
    match kind {
        Kind::UnittestModule | Kind::UnittestFile => Some(Format::Unittest),
        Kind::Pytest => Some(Format::Pytest),
        Kind::CargoTest => Some(Format::Libtest),
        Kind::Bats | Kind::Tap | Kind::NodeTest => Some(Format::Tap),
        Kind::Executable | Kind::Script | Kind::GoTest => None,
    }
}

/// The interpreter that `env` will not find, where that can be told beforehand: `env` itself would say so with an exit status
/// that looks like the test's own.
pub fn missing_interpreter(unit: &Unit, tree: &Path, path: &OsStr) -> Option<OsString> {
    if !matches!(unit.kind, Kind::Executable | Kind::Script | Kind::Tap) {
        return None;
    }
    let words = shebang(&tree.join(&unit.path))?;
    let [env, name] = words.as_slice() else { return None };
    // `env -S`, `env NAME=VALUE` and paths are left to env.
    let shown = name.to_string_lossy();
    let is_plain = !shown.starts_with('-') && !shown.contains([' ', '\t', '=', '/']);
    let is_there = || std::env::split_paths(path).any(|folder| folder.join(name).exists());
    (Path::new(env).ends_with("env") && is_plain && !is_there()).then(|| name.clone())
}

fn words(words: &[&OsStr]) -> (OsString, Vec<OsString>) {
    (words[0].to_owned(), words[1..].iter().map(|word| (*word).to_owned()).collect())
}

fn with<'a>(words: &[&'a str], last: &'a OsStr) -> Vec<&'a OsStr> {
    words.iter().copied().map(OsStr::new).chain([last]).collect()
}

/// By the interpreter of the file's `#!` line, else by `otherwise`.
fn by_first_line(tree: &Path, path: &OsStr, otherwise: &str) -> (OsString, Vec<OsString>) {
    let interpreter = shebang(&tree.join(path)).unwrap_or_else(|| vec![otherwise.into()]);
    let all: Vec<_> = interpreter.iter().map(OsString::as_os_str).chain([path]).collect();
    words(&all)
}

fn unittest_file(path: &Path) -> (OsString, Vec<OsString>) {
    let folder = path.parent().unwrap_or(Path::new("."));
    let pattern = glob_escaped(&path.file_name().unwrap_or_default().to_string_lossy());
    let discover = ["python3", "-m", "unittest", "discover", "-v", "-s"].map(OsStr::new);
    // In one word: a name may start with a dash.
    let pattern = OsString::from(format!("--pattern={pattern}"));
    words(&[&discover[..], &[folder.as_os_str(), &pattern]].concat())
}

/// A name as the pattern that matches it alone, for Python's fnmatch.
fn glob_escaped(name: &str) -> String {
    let escape = |c| if matches!(c, '*' | '?' | '[') { format!("[{c}]") } else { c.to_string() };
    name.chars().map(escape).collect()
}

/// `tests/NAME.rs` or `tests/NAME/main.rs` is NAME to cargo.
fn cargo_target(path: &Path) -> OsString {
    let is_folder = path.iter().count() == 3;
    let named = if is_folder { path.parent().unwrap_or(path) } else { path };
    named.file_stem().unwrap_or_default().to_owned()
}

/// Whether an executable is text without a `#!` line, which the kernel does not run and shells give to `sh`. They tell it by the
/// same mark: no NUL at its beginning.
fn is_bare_script(path: &Path) -> bool {
    let start = regular::read(path, SHEBANG_BYTES_MAX);
    start.is_some_and(|start| !start.starts_with(b"#!") && !start.contains(&0))
}

/// The words of a script's `#!` line: the interpreter, and at most one argument, as the kernel splits them.
fn shebang(path: &Path) -> Option<Vec<OsString>> {
    let start = regular::read(path, SHEBANG_BYTES_MAX)?;
    let line = start.split(|byte| *byte == b'\n').next()?;
    let words = line.strip_prefix(b"#!")?.trim_ascii();
    let mut words = words.splitn(2, |byte| matches!(byte, b' ' | b'\t'));
    let interpreter = words.next().filter(|word| !word.is_empty())?;
    let argument = words.next().map(<[u8]>::trim_ascii);
    let os_string = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    Some([Some(interpreter), argument].into_iter().flatten().map(os_string).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn unit(path: &str, kind: Kind) -> Unit {
        Unit { name: path.parse().unwrap(), path: path.into(), kind }
    }

    fn line(path: &str, kind: Kind, tree: &Path) -> String {
        let (program, args) = command(&unit(path, kind), tree);
        let all: Vec<_> = [program].into_iter().chain(args).collect();
        all.join(OsStr::new(" ")).to_string_lossy().into_owned()
    }

    #[test]
    fn each_kind_has_its_command() {
        let rows = [
            ("tests/check", Kind::Executable, "/tree/tests/check"),
            ("tests/test_a.py", Kind::UnittestModule, "python3 -m unittest -v tests/test_a.py"),
            (
                "tests/x/test_[a].py",
                Kind::UnittestFile,
                "python3 -m unittest discover -v -s tests/x --pattern=test_[[]a].py",
            ),
            ("tests/test_a.py", Kind::Pytest, "python3 -m pytest -v tests/test_a.py"),
            ("tests/a.rs", Kind::CargoTest, "cargo test --test a"),
            ("tests/a/main.rs", Kind::CargoTest, "cargo test --test a"),
            ("tests/main.rs", Kind::CargoTest, "cargo test --test main"),
            ("tests/a.bats", Kind::Bats, "bats --tap tests/a.bats"),
            ("tests/a.t", Kind::Tap, "perl tests/a.t"),
            ("tests/a.test.js", Kind::NodeTest, "node --test --test-reporter=tap tests/a.test.js"),
            ("tests/x", Kind::GoTest, "go test -count=1 ./tests/x"),
        ];
        for (path, kind, expected) in rows {
            assert_eq!(line(path, kind, Path::new("/tree")), expected);
        }
    }

    fn script(name: &str, text: &str) -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir(tree.path().join("tests")).unwrap();
        fs::write(tree.path().join("tests").join(name), text).unwrap();
        tree
    }

    #[test]
    fn a_script_is_run_by_its_first_line_else_by_sh() {
        let started = |text: &str| line("tests/a.sh", Kind::Script, script("a.sh", text).path());
        assert_eq!(started("echo hello\n"), "sh tests/a.sh");
        assert_eq!(started("#!/bin/bash\n"), "/bin/bash tests/a.sh");
        assert_eq!(started("#! /usr/bin/env  bash\n"), "/usr/bin/env bash tests/a.sh");
        assert_eq!(started("#!\n"), "sh tests/a.sh");
    }

    #[test]
    fn an_executable_without_a_first_line_is_run_by_sh() {
        let started = |text: &str| {
            let tree = script("a", text);
            let line = line("tests/a", Kind::Executable, tree.path());
            line.replace(tree.path().to_str().unwrap(), "TREE")
        };
        assert_eq!(started("exit 0\n"), "sh tests/a");
        assert_eq!(started("#!/bin/sh\nexit 0\n"), "TREE/tests/a");
        assert_eq!(started("\u{7f}ELF\0\0"), "TREE/tests/a");
    }

    #[test]
    fn an_interpreter_that_env_cannot_find_is_missed_beforehand() {
        let path = std::env::var_os("PATH").unwrap();
        let missing = |text: &str| {
            let tree = script("a", text);
            missing_interpreter(&unit("tests/a", Kind::Executable), tree.path(), &path)
        };
        assert_eq!(missing("#!/usr/bin/env sh\n"), None);
        assert_eq!(missing("#!/usr/bin/env -S no-such-thing\n"), None);
        assert_eq!(missing("#!/bin/sh\n"), None);
        assert_eq!(missing("#!/usr/bin/env no-such-thing\n"), Some("no-such-thing".into()));
    }
}
