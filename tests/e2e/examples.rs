//! Each small repository in `examples/` gets the verdict that it says it should get, and the demonstration works.

use std::fs;
use std::process::Command;

use pontus_tests::{Process, Yard, git, last_line, program, project_root};

/// Makes the example the next commit of the master. Returns it.
fn commit_example(yard: &Yard, name: &str) -> String {
    let master = yard.master();
    let from = project_root().join("examples").join(name);
    let copied = Command::new("cp").arg("-r").arg(from.join(".")).arg(&master).status().unwrap();
    assert!(copied.success());
    git(&master, &["add", "--all"]);
    git(&master, &["commit", "-q", "-m", name]);
    git(&master, &["rev-parse", "HEAD"])
}

#[test]
fn each_example_gets_its_verdict() {
    let folders = fs::read_dir(project_root().join("examples")).unwrap().flatten();
    // Units of a service manager are no repository.
    let is_repository =
        |entry: &fs::DirEntry| entry.path().is_dir() && entry.file_name() != "systemd";
    let folders: Vec<_> = folders.filter(is_repository).collect();
    assert!(folders.len() >= 4);
    for folder in folders {
        let name = folder.file_name().into_string().unwrap();
        let expected = fs::read_to_string(folder.path().join("expected")).unwrap();
        let yard = Yard::new();
        let dispatcher = yard.dispatcher(&[]);
        let commit = commit_example(&yard, &name);
        let _runner = yard.runner(&[]);
        let _observer = yard.observer(&[]);
        let result = yard.result(&dispatcher, &commit);
        let expected = expected.trim_end_matches('\n');
        assert!(last_line(&result).starts_with(expected), "{name}: {result}");
    }
}

#[test]
fn the_demonstration_shows_a_verdict() {
    // Built here, so that the script finds nothing left to build.
    assert!(program("dispatcher").exists());
    let mut demo =
        Process::start("demo.sh", &mut Command::new(project_root().join("examples/demo.sh")));
    assert!(demo.wait().success());
    let shown = demo.log();
    assert!(shown.last().unwrap().starts_with("verdict: passed: 2 passed"), "{shown:?}");
}
