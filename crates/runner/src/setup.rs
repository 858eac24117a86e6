//! What a repository is set up for, read from a few named files: a pure decision.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pontus_exec::Tracked;

/// What a repository is set up for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// Whether its Python tests are run by pytest.
    pub pytest: bool,
    /// Whether it is a cargo package, so that `tests/*.rs` are its integration tests.
    pub cargo_package: bool,
    /// Whether it is a Go module.
    pub go_module: bool,
    /// Folders that are Python packages.
    pub python_packages: BTreeSet<PathBuf>,
}

impl Setup {
    /// Judges by what is tracked in `tests/`, and by the text of a few files, `None` for one that is not there.
    pub fn of(tests: &[Tracked], text: impl Fn(&str) -> Option<String>) -> Setup {
        let has = |path: &str| text(path).is_some();
        let says = |path: &str, header: &str| {
            let is_header = |line: &str| line.trim_end().starts_with(header);
            text(path).is_some_and(|text| text.lines().any(is_header))
        };
        let pytest_files =
            ["pytest.ini", ".pytest.ini", "pytest.toml", "conftest.py", "tests/conftest.py"];
        let pytest = pytest_files.into_iter().any(has)
            || says("pyproject.toml", "[tool.pytest")
            || says("setup.cfg", "[tool:pytest]")
            || says("tox.ini", "[pytest]");
        Setup {
            pytest,
            cargo_package: says("Cargo.toml", "[package]"),
            go_module: has("go.mod"),
            python_packages: tests
                .iter()
                .filter(|file| file.path.ends_with("__init__.py"))
                .filter_map(|file| Some(file.path.parent()?.to_owned()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use pontus_exec::Mode;

    use super::*;

    /// Each line: a path, then the line of text in it.
    fn setup(files: &[(&str, &str)]) -> Setup {
        let tracked: Vec<_> = files
            .iter()
            .map(|(path, _)| Tracked { mode: Mode::File, path: PathBuf::from(path) })
            .collect();
        let find = |path: &str| files.iter().find(|(name, _)| *name == path);
        Setup::of(&tracked, |path| find(path).map(|(_, text)| format!("# first\n{text}\nx = 1\n")))
    }

    #[test]
    fn pytest_is_what_its_own_files_ask_for() {
        for file in [
            ("pytest.ini", ""),
            ("conftest.py", ""),
            ("tests/conftest.py", ""),
            ("pyproject.toml", "[tool.pytest.ini_options]"),
            ("pyproject.toml", "[tool.pytest]"),
            ("setup.cfg", "[tool:pytest]"),
            ("tox.ini", "[pytest]"),
        ] {
            assert!(setup(&[file]).pytest, "{file:?}");
        }
        for file in [
            ("pyproject.toml", "[build-system]"),
            ("setup.cfg", "[metadata]"),
            ("tox.ini", "[testenv]"),
        ] {
            assert!(!setup(&[file]).pytest, "{file:?}");
        }
    }

    #[test]
    fn packages_and_modules_are_at_the_root() {
        assert!(setup(&[("Cargo.toml", "[package]")]).cargo_package);
        assert!(!setup(&[("Cargo.toml", "[workspace.package]")]).cargo_package);
        assert!(!setup(&[("crates/a/Cargo.toml", "[package]")]).cargo_package);
        assert!(setup(&[("go.mod", "module x")]).go_module);
        assert!(!setup(&[("sub/go.mod", "module x")]).go_module);
        let packages = setup(&[("tests/__init__.py", ""), ("a/b/__init__.py", "")]).python_packages;
        assert_eq!(packages, [PathBuf::from("a/b"), PathBuf::from("tests")].into());
    }
}
