//! What documents say of files and options is so.

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

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
    let documents =
        ["README.md", "ARCHITECTURE.md", "PERFORMANCE.md", "RELIABILITY.md", "SECURITY.md"];
    for document in documents {
        let text = read(document);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let target = target.split('#').next().unwrap();
            assert!(project_root().join(target).exists(), "{document} links to {target}");
        }
    }
}

#[test]
fn each_promise_of_security_has_its_test() {
    let document = read("SECURITY.md");
    let named: usize = rows(&document).map(|row| tests_in(row.rsplit('|').nth(1).unwrap())).sum();
    assert!(named > 30, "{named} tests are named");
}

#[test]
fn each_guarantee_is_attacked_by_a_test() {
    let document = read("RELIABILITY.md");
    let guarantees = rows(&document).filter(|row| row.starts_with(|c: char| c.is_ascii_digit()));
    let named: Vec<usize> =
        guarantees.map(|row| tests_in(row.rsplit('|').nth(1).unwrap())).collect();
    assert_eq!(named.len(), 9, "{named:?}");
    let planted = document.split_once("## The rigs, attacked").unwrap().1;
    let bugs = rows(planted.split_once("\n## ").unwrap().0);
    let found: Vec<&str> = bugs.map(|row| row.rsplit('|').nth(1).unwrap()).collect();
    assert_eq!(found.len(), 7, "{found:?}");
    assert!(found.iter().filter(|text| text.contains('`')).all(|text| tests_in(text) > 0));
}

/// The rows of all tables, without their heads; each begins with what stands in its first column.
fn rows(document: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<_> = document.lines().map(|line| line.strip_prefix("| ")).collect();
    let is_head =
        |at: usize| document.lines().nth(at + 1).is_some_and(|next| next.starts_with("|---"));
    lines.into_iter().enumerate().filter(move |(at, _)| !is_head(*at)).filter_map(|(_, row)| row)
}

/// How many tests are named, one at least, each of which there is.
fn tests_in(text: &str) -> usize {
    static SOURCES: LazyLock<String> =
        LazyLock::new(|| crate::sources::sources().into_iter().map(|(_, text)| text).collect());
    let tests = code(text);
    assert!(!tests.is_empty(), "nothing holds {text}");
    for test in &tests {
        let definitions = ["#[test]\n", "    #[test]\n    "].map(|is| format!("{is}fn {test}()"));
        assert!(definitions.iter().any(|text| SOURCES.contains(text)), "{test} is no test");
    }
    tests.len()
}

/// What `line --help` prints; the line begins with a program.
fn help(line: &str) -> String {
    let yard = Yard::new();
    let (program, subcommand) = line.split_once(' ').unwrap_or((line, ""));
    let mut command = yard.command(program);
    command.args(subcommand.split_whitespace()).arg("--help");
    let mut process = Process::start(line, &mut command);
    assert!(process.wait().success());
    process.log().join("\n")
}

/// The long options that it tells of.
fn options(line: &str) -> BTreeSet<String> {
    let help = help(line);
    let words = help.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    words.filter(|word| word.starts_with("--") && word.len() > 3).map(str::to_owned).collect()
}

/// The dispatcher's subcommands, as its `--help` lists them.
fn subcommands() -> BTreeSet<String> {
    let help = help("dispatcher");
    let list = help.split("\nCommands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !matches!(*name, "" | "help")).map(str::to_owned).collect()
}

#[test]
fn each_option_in_the_readme_is_one() {
    let programs = ["dispatcher", "observer", "runner"].map(str::to_owned).into_iter();
    let lines = programs.chain(subcommands().into_iter().map(|name| format!("dispatcher {name}")));
    let all: BTreeSet<_> = lines.flat_map(|line| options(&line)).collect();
    let readme = read("README.md");
    let words = readme.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    // Of the commands of others that the README shows.
    let others = ["--locked", "--path", "--test", "--tap", "--user", "--now"];
    let mut seen = 0;
    for word in words.filter(|word| word.starts_with("--") && word.len() > 3) {
        seen += 1;
        assert!(all.contains(word) || others.contains(&word), "{word} in README.md");
    }
    assert!(seen > 5);
}

#[test]
fn each_service_of_the_examples_starts_a_program_with_options_that_it_has() {
    for program in ["dispatcher", "observer", "runner"] {
        let service = read(&format!("examples/systemd/pontus-{program}.service"));
        let line = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let (path, arguments) = line.split_once(' ').unwrap();
        assert_eq!(path, format!("%h/.cargo/bin/{program}"));
        let has = options(program);
        for word in arguments.split(' ').filter(|word| word.starts_with("--")) {
            assert!(has.contains(word), "{word} of pontus-{program}.service");
        }
    }
}

#[test]
fn the_readme_shows_each_subcommand() {
    let readme = read("README.md");
    let shown = readme.lines().filter_map(|line| line.strip_prefix("    dispatcher "));
    let shown: BTreeSet<_> = shown.filter_map(|rest| rest.split(' ').next()).collect();
    let shown: BTreeSet<_> =
        shown.into_iter().filter(|word| !word.starts_with('-')).map(str::to_owned).collect();
    assert_eq!(shown, subcommands());
}

/// Each program and each subcommand, with all of its options but `--help` and `--version`.
const OPTIONS: [(&str, &str); 14] = [
    (
        "dispatcher",
        "--host --port --results-dir --lease --reconnect-grace --max-attempts --commit-timeout --max-undecided \
         --max-connections --queue --keep --keep-for --token-file --no-auth --generate",
    ),
    ("dispatcher status", "--commits --json --dispatcher-server --token-file --no-auth"),
    ("dispatcher runners", "--json --dispatcher-server --token-file --no-auth"),
    ("dispatcher show", "--format --json --repo --dispatcher-server --token-file --no-auth"),
    ("dispatcher log", "--follow --repo --dispatcher-server --token-file --no-auth"),
    ("dispatcher wait", "--timeout --json --repo --dispatcher-server --token-file --no-auth"),
    (
        "dispatcher submit",
        "--repo --project --branch --label --json --dispatcher-server --token-file --no-auth",
    ),
    ("dispatcher retry", "--repo --dispatcher-server --token-file --no-auth"),
    ("dispatcher cancel", "--repo --dispatcher-server --token-file --no-auth"),
    ("dispatcher drain", "--dispatcher-server --token-file --no-auth"),
    ("dispatcher pause", "--dispatcher-server --token-file --no-auth"),
    ("dispatcher resume", "--dispatcher-server --token-file --no-auth"),
    (
        "observer",
        "--dispatcher-server --token-file --no-auth --interval --branch --every-commit --project --once --generate",
    ),
    (
        "runner",
        "--dispatcher-server --token-file --no-auth --name --slots --label --project --work-dir --unit-timeout --max-commits \
         --idle-exit --output-limit --generate",
    ),
];

#[test]
fn each_program_has_the_options_of_the_contract() {
    for (line, list) in OPTIONS {
        let mut list: BTreeSet<_> = list.split_whitespace().map(str::to_owned).collect();
        list.insert("--help".to_owned());
        if !line.contains(' ') {
            list.insert("--version".to_owned());
        }
        assert_eq!(options(line), list, "{line}");
    }
    let listed = OPTIONS.iter().filter_map(|(line, _)| line.strip_prefix("dispatcher "));
    assert_eq!(listed.map(str::to_owned).collect::<BTreeSet<_>>(), subcommands());
}

#[test]
fn the_continuous_integration_runs_what_the_readme_says() {
    assert!(read("README.md").contains("\n    tests/run\n"));
    assert!(read(".ci/run").contains("/tests/run"));
}
