//! What is run, given what git tracks in `tests/`: a pure decision.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pontus_exec::{Mode, Tracked};
use pontus_proto::UnitName;
use pontus_proto::limits::UNITS_MAX;

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
}

/// The units of a commit, in the order of their names.
///
/// # Errors
/// One sentence for the verdict: there are none, or something about them cannot be told to anybody.
pub fn units(tracked: &[Tracked]) -> Result<Vec<Unit>, String> {
    let is_suite =
        |file: &&Tracked| file.path == Path::new("tests/run") && file.mode == Mode::Executable;
    if let Some(suite) = tracked.iter().find(is_suite) {
        return Ok(vec![unit(&suite.path, Kind::Executable)?]);
    }
    let packages: BTreeSet<&Path> = tracked
        .iter()
        .filter(|file| file.path.ends_with("__init__.py"))
        .filter_map(|file| file.path.parent())
        .collect();
    let mut units = Vec::new();
    for file in tracked {
        if let Some(kind) = kind(file, &packages) {
            units.push(unit(&file.path, kind)?);
        }
    }
    units.sort_by(|a, b| a.name.cmp(&b.name));
    match units.len() {
        0 => Err("no tests".to_owned()),
        count if count > UNITS_MAX => {
            Err(format!("{count} files of tests are more than {UNITS_MAX}: give them a tests/run"))
        }
        _ => Ok(units),
    }
}

fn unit(path: &Path, kind: Kind) -> Result<Unit, String> {
    let name = path.to_str().ok_or_else(|| format!("not a name in UTF-8: {path:?}"))?;
    let name =
        name.parse::<UnitName>().map_err(|error| format!("not a name of a unit: {error}"))?;
    Ok(Unit { name, path: path.to_owned(), kind })
}

fn kind(file: &Tracked, packages: &BTreeSet<&Path>) -> Option<Kind> {
    let name = file.path.file_name()?.to_string_lossy();
    let folder = file.path.parent()?;
    let is_direct = folder == Path::new("tests");
    if matches!(file.mode, Mode::Submodule) {
        return None;
    }
    if is_python_test(&name) {
        let in_package = packages.contains(folder);
        return Some(if in_package { Kind::UnittestModule } else { Kind::UnittestFile });
    }
    match file.mode {
        Mode::Executable if is_direct => Some(Kind::Executable),
        Mode::File | Mode::Link if is_direct && name.ends_with(".sh") => Some(Kind::Script),
        _ => None,
    }
}

fn is_python_test(name: &str) -> bool {
    name.strip_suffix(".py")
        .is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test"))
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

    fn names(listing: &[&str]) -> Result<Vec<(String, Kind)>, String> {
        let listing: Vec<_> = listing.iter().map(|line| tracked(line)).collect();
        Ok(units(&listing)?.into_iter().map(|unit| (unit.name.to_string(), unit.kind)).collect())
    }

    /// Each line: what git tracks, and what it becomes.
    #[test]
    fn each_row_of_the_table() {
        use Kind::{Executable, Script, UnittestFile};
        let rows = [
            ("file tests/test_a.py", Some(UnittestFile)),
            ("exec tests/test_a.py", Some(UnittestFile)),
            ("file tests/a_test.py", Some(UnittestFile)),
            ("file tests/deep/er/test_a.py", Some(UnittestFile)),
            ("link tests/test_a.py", Some(UnittestFile)),
            ("file tests/helper.py", None),
            ("file tests/mytest.py", None),
            ("file tests/a.sh", Some(Script)),
            ("exec tests/a.sh", Some(Executable)),
            ("file tests/deep/a.sh", None),
            ("exec tests/deep/a.sh", None),
            ("exec tests/check", Some(Executable)),
            ("file tests/check", None),
            ("link tests/check", None),
            ("file tests/run", None),
            ("dir tests/vendored", None),
        ];
        for (line, kind) in rows {
            let expected: Result<Vec<_>, _> = match kind {
                Some(kind) => Ok(vec![(line.split_once(' ').unwrap().1.to_owned(), kind)]),
                None => Err("no tests".to_owned()),
            };
            assert_eq!(names(&[line]), expected, "{line}");
        }
    }

    #[test]
    fn an_executable_run_is_the_whole_suite() {
        let listing = ["file tests/test_a.py", "exec tests/run", "exec tests/check"];
        assert_eq!(names(&listing), Ok(vec![("tests/run".to_owned(), Kind::Executable)]));
    }

    #[test]
    fn a_test_in_a_package_is_a_module() {
        let listing = ["file tests/__init__.py", "file tests/test_a.py", "file tests/x/test_b.py"];
        let expected = vec![
            ("tests/test_a.py".to_owned(), Kind::UnittestModule),
            ("tests/x/test_b.py".to_owned(), Kind::UnittestFile),
        ];
        assert_eq!(names(&listing), Ok(expected));
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
