//! The edges between rooms are those of ARCHITECTURE.md, and a new one is a visible decision.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use pontus_tests::project_root;

use crate::sources::sources;

/// What a manifest's section lists.
fn section(manifest: &str, name: &str) -> BTreeSet<String> {
    let start = format!("\n[{name}]\n");
    let Some((_, rest)) = manifest.split_once(&start) else { return BTreeSet::new() };
    rest.lines()
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(project_root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The rows of the table of rooms: the room, and what it depends on.
fn rooms() -> BTreeMap<String, BTreeSet<String>> {
    let document = read("ARCHITECTURE.md");
    let section = document.split("\n## Rooms\n").nth(1).unwrap();
    let table = section.split("\n#").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let rooms: BTreeMap<_, _> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            (cells[1].trim().trim_matches('`').to_owned(), words(cells[3]))
        })
        .collect();
    assert_eq!(rooms.len(), 10, "the table of rooms");
    rooms
}

#[test]
fn each_room_depends_on_what_the_table_says() {
    for (room, allowed) in rooms() {
        let manifest = read(&format!("{room}/Cargo.toml"));
        let ours: BTreeSet<_> = section(&manifest, "dependencies")
            .into_iter()
            .filter(|name| name.starts_with("pontus-"))
            .collect();
        assert_eq!(ours, allowed, "{room}");
    }
}

#[test]
fn each_crate_has_its_row() {
    let in_table: BTreeSet<_> = rooms().into_keys().collect();
    let crates = fs::read_dir(project_root().join("crates")).unwrap().flatten();
    let mut on_disk: BTreeSet<_> =
        crates.map(|e| format!("crates/{}", e.file_name().to_str().unwrap())).collect();
    on_disk.insert("tests".to_owned());
    assert_eq!(in_table, on_disk);
}

#[test]
fn the_judgement_touches_nothing() {
    let manifest = read("crates/pontus-scheduler/Cargo.toml");
    assert_eq!(section(&manifest, "dependencies"), ["pontus-proto".to_owned()].into());
    holds_nothing_outside("crates/pontus-scheduler/src");
}

/// It may read which seed it is to tell of, from its environment.
#[test]
fn the_simulation_touches_nothing() {
    holds_nothing_outside("crates/pontus-simulation/src");
}

fn holds_nothing_outside(folder: &str) {
    let never = [
        "std::time",
        "std::net",
        "std::fs",
        "std::io",
        "std::thread",
        "std::process",
        "log::",
        "HashMap",
        "HashSet",
    ];
    for (path, text) in sources_in(folder) {
        let found = never.iter().find(|word| text.contains(*word));
        assert!(found.is_none(), "{found:?} in {}", path.display());
    }
}

#[test]
fn the_dispatcher_starts_no_child() {
    let [mut serving, mut asking] = [0, 0];
    for (path, text) in sources_in("crates/dispatcher/src") {
        let path = path.display();
        assert!(!text.contains("process::Command"), "{path}");
        // Of the hands, only those who ask may use git, and nobody anything else.
        let is_client = path.to_string().contains("/src/client");
        let hands = text.matches("pontus_exec").count();
        let git = text.matches("use pontus_exec::Git;").count();
        assert_eq!(hands, git, "{path}");
        assert!(is_client || hands == 0, "{path}");
        *(if is_client { &mut asking } else { &mut serving }) += 1;
    }
    assert!(serving > 15 && asking > 15, "{serving} files serve, {asking} ask");
}

fn sources_in(folder: &str) -> Vec<(PathBuf, String)> {
    let sources: Vec<_> =
        sources().into_iter().filter(|(path, _)| path.starts_with(folder)).collect();
    assert!(!sources.is_empty(), "nothing is in {folder}");
    sources
}

#[test]
fn each_dependency_has_its_reason_and_its_version_once() {
    let workspace = read("Cargo.toml");
    let taken: BTreeSet<_> = section(&workspace, "workspace.dependencies")
        .into_iter()
        .filter(|name| !name.starts_with("pontus-"))
        .collect();
    let document = read("ARCHITECTURE.md");
    let table = document.split("\n## What we build on\n").nth(1).unwrap();
    let explained: BTreeSet<_> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| Some(line.split_once('`')?.0.to_owned()))
        .collect();
    assert_eq!(explained, taken);
    let mut used = BTreeSet::new();
    for room in rooms().keys() {
        let manifest = read(&format!("{room}/Cargo.toml"));
        used.extend(section(&manifest, "dependencies"));
        used.extend(section(&manifest, "dev-dependencies"));
        assert!(!manifest.contains("version = \""), "{room} names a version of its own");
    }
    used.retain(|name| !name.starts_with("pontus-"));
    assert_eq!(used, taken, "taken and not used, or the other way round");
}
