//! What documents say of files and options is so.

use std::collections::BTreeSet;
use std::fs;

use pontus_tests::{Process, Yard, project_root};

fn read(path: &str) -> String {
    fs::read_to_string(project_root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// What stands between backticks.
fn code(document: &str) -> BTreeSet<&str> {
    document.split("```").step_by(2).flat_map(|text| text.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn each_file_that_the_architecture_names_is_there() {
    let document = read("ARCHITECTURE.md");
    let is_path = |word: &&str| {
        ["crates/", "tests/", "examples/"].iter().any(|start| word.starts_with(start))
            && !word.contains('*')
    };
    let paths: Vec<_> = code(&document).into_iter().filter(is_path).collect();
    assert!(paths.len() > 20, "{paths:?}");
    for path in paths {
        assert!(project_root().join(path).exists(), "{path} is not there");
    }
}

#[test]
fn each_link_leads_somewhere() {
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = read(document);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            assert!(project_root().join(target).exists(), "{document} links to {target}");
        }
    }
}

/// The long options that a program's `--help` tells of.
fn options(program: &str) -> BTreeSet<String> {
    let yard = Yard::new();
    let mut process = Process::start(program, yard.command(program).arg("--help"));
    assert!(process.wait().success());
    let help = process.log().join("\n");
    let words = help.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    words.filter(|word| word.starts_with("--") && word.len() > 3).map(str::to_owned).collect()
}

#[test]
fn each_option_in_the_readme_is_one() {
    let all: BTreeSet<_> =
        ["dispatcher", "observer", "runner"].into_iter().flat_map(options).collect();
    let readme = read("README.md");
    let words = readme.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    // Of the commands of others that the README shows.
    let others = ["--locked", "--path", "--test", "--tap"];
    let mut seen = 0;
    for word in words.filter(|word| word.starts_with("--") && word.len() > 3) {
        seen += 1;
        assert!(all.contains(word) || others.contains(&word), "{word} in README.md");
    }
    assert!(seen > 5);
}

#[test]
fn each_program_has_the_options_of_the_contract() {
    let expected = [
        (
            "dispatcher",
            "--host --port --results-dir --lease --reconnect-grace --max-attempts --commit-timeout --max-undecided \
             --max-connections",
        ),
        ("observer", "--dispatcher-server --interval --branch --every-commit --project --once"),
        (
            "runner",
            "--dispatcher-server --name --slots --label --project --work-dir --unit-timeout --max-commits \
             --idle-exit --output-limit",
        ),
    ];
    for (program, list) in expected {
        let mut list: BTreeSet<_> = list.split_whitespace().map(str::to_owned).collect();
        list.extend(["--help".to_owned(), "--version".to_owned()]);
        assert_eq!(options(program), list, "{program}");
    }
}

#[test]
fn the_continuous_integration_runs_what_the_readme_says() {
    assert!(read("README.md").contains("\n    tests/run\n"));
    assert!(read(".ci/run").contains("/tests/run"));
}
