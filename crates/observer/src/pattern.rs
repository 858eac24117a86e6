//! A pattern for branches, as it is typed: `*` stands for any run of characters, `/` among them, and nothing else is special.

use std::fmt;
use std::str::FromStr;

use pontus_proto::escaped;

/// What a branch's name has to look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Pattern, String> {
        let is_bad = |c: char| c.is_control() || " ~^:?[\\".contains(c);
        if text.is_empty() || text.contains(is_bad) {
            return Err(format!("no branch can be called \"{}\"", escaped(text)));
        }
        Ok(Pattern(text.into()))
    }
}

impl Pattern {
    /// The pattern that this name alone matches, whatever is in it. (Git allows no `*` in a branch's name.)
    pub fn of(name: &str) -> Pattern {
        Pattern(name.into())
    }

    /// The one name that it matches, where it is one.
    pub fn exact(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&self.0)
    }

    /// Whether a branch is meant, in whatever encoding its name is. Takes a time proportional to the name's length for
    /// each `*`.
    pub fn matches(&self, name: &[u8]) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return name == self.0.as_bytes() };
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        let between = name.strip_prefix(head.as_bytes());
        let Some(mut left) = between.and_then(|left| left.strip_suffix(tail.as_bytes())) else {
            return false;
        };
        // What comes first is taken where it comes first: that leaves most to the others.
        middle.split('*').all(|part| match find(left, part.as_bytes()) {
            Some(at) => {
                left = &left[at + part.len()..];
                true
            }
            None => false,
        })
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    text.windows(part.len()).position(|window| window == part)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_of_characters() {
        let matches = |pattern: &str, name: &str| {
            pattern.parse::<Pattern>().unwrap().matches(name.as_bytes())
        };
        for (pattern, name) in [
            ("main", "main"),
            ("*", "main"),
            ("*", "a/b/c"),
            ("feature/*", "feature/"),
            ("feature/*", "feature/a/b"),
            ("*/ui", "feature/ui"),
            ("r*e/*.x", "release/1.x"),
            ("a*b*c*d", "a-b-b-c-c-d"),
            ("**", "x"),
            ("*aab", "aaab"),
            ("*a*a*", "aa"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("main", "main2"),
            ("main", "Main"),
            ("feature/*", "feature"),
            ("*x", "xy"),
            ("a*a", "a"),
            ("*a*a*", "a"),
            ("ab*ba", "aba"),
            ("a*b*c", "acb"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert!("*".parse::<Pattern>().unwrap().matches(b"\xff"));
    }

    #[test]
    fn what_no_branch_can_be_called() {
        for text in ["", "a b", "a\nb", "a?", "[a]", "a:b"] {
            assert!(text.parse::<Pattern>().is_err(), "{text:?}");
        }
        assert_eq!("-x".parse::<Pattern>().unwrap().exact(), Some("-x"));
        assert_eq!("x*".parse::<Pattern>().unwrap().exact(), None);
    }
}
