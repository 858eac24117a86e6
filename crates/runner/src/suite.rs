//! What is run, given what git tracks in `tests/`: a pure decision.

use std::path::{Path, PathBuf};

use pontus_exec::{Mode, Tracked};
use pontus_proto::UnitName;
use pontus_proto::limits::UNITS_MAX;

use crate::setup::Setup;

/// One process to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its path, as results show it.
    pub name: UnitName,
    /// Its path in the checkout.
    pub path: PathBuf,
    /// How it is started.
    pub kind: Kind,
}

/// How a unit is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As it is: the kernel reads its `#!` line.
    Executable,
    /// A script that is not executable: by its `#!` line, else `sh`.
    Script,
    /// Python's unittest, as a module below the root: it lies in a package.
    UnittestModule,
    /// Python's unittest, found in its folder, so that it can import its neighbours.
    UnittestFile,
    /// Python's pytest.
    Pytest,
    /// An integration test of a cargo package, by its target's name.
    CargoTest,
    /// Bats.
    Bats,
    /// A script that prints TAP: by its `#!` line, else perl.
    Tap,
    /// Node's own test runner.
    NodeTest,
    /// A folder of Go tests.
    GoTest,
}

/// The units of a commit, in the order of their names.
///
/// # Errors
/// One sentence for the verdict: there are none, or something about them cannot be told to anybody.
pub fn units(tracked: &[Tracked], setup: &Setup) -> Result<Vec<Unit>, String> {
    let is_suite =
        |file: &&Tracked| file.path == Path::new("tests/run") && file.mode == Mode::Executable;
    if let Some(suite) = tracked.iter().find(is_suite) {
        return Ok(vec![unit(&suite.path, Kind::Executable)?]);
    }
    let mut units = Vec::new();
    for file in tracked.iter().filter(|file| file.path.starts_with("tests")) {
        if let Some(kind) = kind(file, setup) {
            units.push(unit(unit_path(&file.path, kind), kind)?);
        }
    }
    units.sort_by(|a, b| a.name.cmp(&b.name));
    // Several files of one folder are one unit for Go.
    units.dedup();
    match units.len() {
        0 => Err("no tests".to_owned()),
        count if count > UNITS_MAX => {
            Err(format!("{count} files of tests are more than {UNITS_MAX}: give them a tests/run"))
        }
        _ => Ok(units),
    }
}

fn unit_path(file: &Path, kind: Kind) -> &Path {
    match kind {
        Kind::GoTest => file.parent().unwrap_or(file),
        _ => file,
    }
}

fn unit(path: &Path, kind: Kind) -> Result<Unit, String> {
    let name = path.to_str().ok_or_else(|| format!("not a name in UTF-8: {path:?}"))?;
    let name =
        name.parse::<UnitName>().map_err(|error| format!("not a name of a unit: {error}"))?;
    Ok(Unit { name, path: path.to_owned(), kind })
}

/// The first row of the contract's table that a file matches.
fn kind(file: &Tracked, setup: &Setup) -> Option<Kind> {
    let name = file.path.file_name()?.to_string_lossy();
    let folder = file.path.parent()?;
    let is_direct = folder == Path::new("tests");
    if file.mode == Mode::Submodule {
        return None;
    }
    if is_python_test(&name) {
        return Some(python_kind(folder, setup));
    }
    if setup.cargo_package && is_cargo_test(&file.path) {
        return Some(Kind::CargoTest);
    }
    if let Some(kind) =
        kind_by_ending(&name).filter(|kind| *kind != Kind::GoTest || setup.go_module)
    {
        return Some(kind);
    }
    match file.mode {
        Mode::Executable if is_direct => Some(Kind::Executable),
        Mode::File | Mode::Link if is_direct && name.ends_with(".sh") => Some(Kind::Script),
        _ => None,
    }
}

fn python_kind(folder: &Path, setup: &Setup) -> Kind {
    match (setup.pytest, setup.python_packages.contains(folder)) {
        (true, _) => Kind::Pytest,
        (false, true) => Kind::UnittestModule,
        (false, false) => Kind::UnittestFile,
    }
}

fn kind_by_ending(name: &str) -> Option<Kind> {
    let endings = [
        (".bats", Kind::Bats),
        (".t", Kind::Tap),
        (".test.js", Kind::NodeTest),
        (".test.mjs", Kind::NodeTest),
        (".test.cjs", Kind::NodeTest),
        ("_test.go", Kind::GoTest),
    ];
    endings.into_iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, kind)| kind)
}

fn is_python_test(name: &str) -> bool {
    name.strip_suffix(".py")
        .is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test"))
}

/// What cargo itself finds: `tests/NAME.rs` and `tests/NAME/main.rs`.
fn is_cargo_test(path: &Path) -> bool {
    let parts: Vec<_> = path.iter().collect();
    match parts.as_slice() {
        [_, file] => Path::new(file).extension().is_some_and(|ending| ending == "rs"),
        [_, _, file] => *file == "main.rs",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracked(line: &str) -> Tracked {
        let (mode, path) = line.split_once(' ').unwrap();
        let mode = match mode {
            "file" => Mode::File,
            "exec" => Mode::Executable,
            "link" => Mode::Link,
            _ => Mode::Submodule,
        };
        Tracked { mode, path: PathBuf::from(path) }
    }

    fn names_in(setup: &Setup, listing: &[&str]) -> Result<Vec<(String, Kind)>, String> {
        let listing: Vec<_> = listing.iter().map(|line| tracked(line)).collect();
        let units = units(&listing, setup)?;
        Ok(units.into_iter().map(|unit| (unit.name.to_string(), unit.kind)).collect())
    }

    fn names(listing: &[&str]) -> Result<Vec<(String, Kind)>, String> {
        names_in(&Setup::default(), listing)
    }

    /// Each line: what git tracks, and what it becomes in a repository that is set up for nothing, and for all.
    #[test]
    fn each_row_of_the_table() {
        use Kind::{
            Bats, CargoTest, Executable, GoTest, NodeTest, Pytest, Script, Tap, UnittestFile,
        };
        let rows = [
            ("file tests/test_a.py", Some(UnittestFile), Some(Pytest)),
            ("exec tests/test_a.py", Some(UnittestFile), Some(Pytest)),
            ("file tests/a_test.py", Some(UnittestFile), Some(Pytest)),
            ("file tests/deep/er/test_a.py", Some(UnittestFile), Some(Pytest)),
            ("link tests/test_a.py", Some(UnittestFile), Some(Pytest)),
            ("file tests/helper.py", None, None),
            ("file tests/mytest.py", None, None),
            ("file src/test_a.py", None, None),
            ("file tests/a.rs", None, Some(CargoTest)),
            ("file tests/a/main.rs", None, Some(CargoTest)),
            ("file tests/a/mod.rs", None, None),
            ("file tests/a/b/main.rs", None, None),
            ("file tests/a.bats", Some(Bats), Some(Bats)),
            ("exec tests/deep/a.bats", Some(Bats), Some(Bats)),
            ("file tests/a.t", Some(Tap), Some(Tap)),
            ("exec tests/deep/a.t", Some(Tap), Some(Tap)),
            ("file tests/a.test.js", Some(NodeTest), Some(NodeTest)),
            ("file tests/deep/a.test.mjs", Some(NodeTest), Some(NodeTest)),
            ("file tests/a.test.cjs", Some(NodeTest), Some(NodeTest)),
            ("file tests/a.test.ts", None, None),
            ("file tests/a.js", None, None),
            ("file tests/a.sh", Some(Script), Some(Script)),
            ("exec tests/a.sh", Some(Executable), Some(Executable)),
            ("file tests/deep/a.sh", None, None),
            ("exec tests/deep/a.sh", None, None),
            ("exec tests/check", Some(Executable), Some(Executable)),
            ("file tests/check", None, None),
            ("link tests/check", None, None),
            ("file tests/run", None, None),
            ("dir tests/vendored", None, None),
        ];
        let all = Setup { pytest: true, cargo_package: true, go_module: true, ..Setup::default() };
        for (line, plain, set_up) in rows {
            let expected = |kind: Option<Kind>| match kind {
                Some(kind) => Ok(vec![(line.split_once(' ').unwrap().1.to_owned(), kind)]),
                None => Err("no tests".to_owned()),
            };
            assert_eq!(names(&[line]), expected(plain), "{line}");
            assert_eq!(names_in(&all, &[line]), expected(set_up), "{line}");
        }
        let go = ["file tests/x/a_test.go", "file tests/x/b_test.go", "file tests/c_test.go"];
        let folders = vec![("tests".to_owned(), GoTest), ("tests/x".to_owned(), GoTest)];
        assert_eq!(names_in(&all, &go), Ok(folders));
        assert_eq!(names(&go), Err("no tests".to_owned()));
    }

    #[test]
    fn an_executable_run_is_the_whole_suite() {
        let listing = ["file tests/test_a.py", "exec tests/run", "exec tests/check"];
        assert_eq!(names(&listing), Ok(vec![("tests/run".to_owned(), Kind::Executable)]));
    }

    #[test]
    fn a_test_in_a_package_is_a_module() {
        let setup = Setup { python_packages: ["tests".into()].into(), ..Setup::default() };
        let expected = vec![
            ("tests/test_a.py".to_owned(), Kind::UnittestModule),
            ("tests/x/test_b.py".to_owned(), Kind::UnittestFile),
        ];
        let listing = ["file tests/test_a.py", "file tests/x/test_b.py"];
        assert_eq!(names_in(&setup, &listing), Ok(expected));
    }

    #[test]
    fn units_come_in_the_order_of_their_names() {
        let listing = ["exec tests/b", "file tests/a.sh", "exec tests/B", "file tests/a/test_x.py"];
        let order: Vec<_> = names(&listing).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(order, ["tests/B", "tests/a.sh", "tests/a/test_x.py", "tests/b"]);
    }

    #[test]
    fn what_cannot_be_told_is_an_error() {
        assert!(names(&["exec tests/a\u{1b}[31m"]).is_err());
        let many: Vec<_> = (0..=UNITS_MAX).map(|n| format!("exec tests/{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(names(&many[1..]).is_ok());
        assert!(names(&many).unwrap_err().contains("tests/run"));
    }
}
