//! Which of a repository's branches are watched: a pure choice among what is there.

use std::collections::BTreeMap;

use pontus_exec::Head;
use pontus_proto::{BranchName, CommitId, escaped};

use crate::pattern::Pattern;

/// What is watched, and what cannot be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The tip of each watched branch.
    pub tips: BTreeMap<BranchName, CommitId>,
    /// The branches that were asked for and cannot be watched, as they can be shown, and why.
    pub troubles: BTreeMap<String, String>,
}

/// Takes what one of the patterns matches. A pattern without a `*` asks for its branch, so it is told where there is none.
pub fn choose(heads: &[Head], patterns: &[Pattern]) -> Chosen {
    let mut chosen = Chosen::default();
    for Head { name, tip } in heads.iter().filter(|head| is_watched(&head.name, patterns)) {
        match watchable(name, tip) {
            Ok((branch, tip)) => drop(chosen.tips.insert(branch, tip)),
            Err(why) => drop(chosen.troubles.insert(shown(name), why)),
        }
    }
    for name in patterns.iter().filter_map(Pattern::exact) {
        if !heads.iter().any(|head| head.name == name.as_bytes()) {
            chosen.troubles.insert(escaped(name), "there is no such branch there".to_owned());
        }
    }
    chosen
}

/// Whether one of the patterns matches.
pub fn is_watched(name: &[u8], patterns: &[Pattern]) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

fn watchable(name: &[u8], tip: &str) -> Result<(BranchName, CommitId), String> {
    if tip.bytes().all(|digit| digit == b'0') {
        // So a repository lists a ref that it cannot read, and what it makes of a file there that has no ref's name.
        return Err("its ref is broken there".to_owned());
    }
    let name = str::from_utf8(name).map_err(|_| "its name is not UTF-8".to_owned())?;
    let branch = name.parse().map_err(|error: pontus_proto::InvalidId| error.to_string())?;
    Ok((branch, tip.parse().map_err(|error: pontus_proto::InvalidId| error.to_string())?))
}

fn shown(name: &[u8]) -> String {
    escaped(&String::from_utf8_lossy(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(name: &[u8]) -> Head {
        Head { name: name.to_vec(), tip: "1".repeat(40) }
    }

    fn chosen(heads: &[&[u8]], patterns: &[&str]) -> (Vec<String>, Vec<(String, String)>) {
        let heads: Vec<_> = heads.iter().map(|name| head(name)).collect();
        let patterns: Vec<_> = patterns.iter().map(|text| text.parse().unwrap()).collect();
        let Chosen { tips, troubles } = choose(&heads, &patterns);
        (tips.into_keys().map(String::from).collect(), troubles.into_iter().collect())
    }

    #[test]
    fn what_a_pattern_matches_and_nothing_else() {
        let heads: [&[u8]; 4] = [b"main", b"release/1", b"release/2", b"-x"];
        let names = |patterns| chosen(&heads, patterns).0;
        assert_eq!(names(&["*"]), ["-x", "main", "release/1", "release/2"]);
        assert_eq!(names(&["release/*", "main", "*1"]), ["main", "release/1", "release/2"]);
        assert_eq!(names(&["-*"]), ["-x"]);
        assert_eq!(chosen(&heads, &["nothing/*"]), (vec![], vec![]));
    }

    #[test]
    fn a_branch_that_was_asked_for_by_name_is_missed() {
        let why = "there is no such branch there".to_owned();
        assert_eq!(chosen(&[b"main"], &["gone", "main"]).1, [("gone".to_owned(), why)]);
    }

    #[test]
    fn hostile_names_are_told_and_hold_up_nobody() {
        let long = [b'x'; 256];
        let heads: [&[u8]; 4] = [b"\xff", "a\u{9b}31m".as_bytes(), &long, b"main"];
        let (names, troubles) = chosen(&heads, &["*"]);
        assert_eq!(names, ["main"]);
        let why: Vec<_> = troubles.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        assert_eq!(why.len(), 3);
        assert_eq!(why[0], "a\\u{9b}31m: a branch has no control characters: \"a\\u{9b}31m\"");
        assert!(why[1].ends_with(": a branch has at most 255 bytes, not 256"), "{}", why[1]);
        assert_eq!(why[2], "\u{fffd}: its name is not UTF-8");
        assert!(chosen(&heads, &["main"]).1.is_empty(), "nobody asked for them");
        let broken = Head { name: b"x".to_vec(), tip: "0".repeat(40) };
        assert!(choose(&[broken], &["x".parse().unwrap()]).tips.is_empty());
    }
}
