//! A test point: `not ok 3 - what it tests # TODO why`.

use crate::CaseOutcome::{self, Failed, Passed, Skipped};
use crate::tally::milliseconds;

/// Which rule tells a directive from a name with a `#` in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Any `#` that is not escaped may begin it: bats escapes none in its names, and Perl's own harness reads it so.
    #[default]
    Thirteen,
    /// Only the first one may, after a line `TAP version 14`.
    Fourteen,
}

/// One line of a document.
#[derive(Debug, PartialEq, Eq)]
pub struct Point {
    pub number: Option<u64>,
    /// May be empty.
    pub name: String,
    /// With a directive, skipped: a SKIP was not run, and a TODO is no failure and, as the specification counts it and
    /// node does, no success either.
    pub outcome: CaseOutcome,
    pub duration_ms: Option<u64>,
}

impl Point {
    pub fn parse(body: &str, dialect: Dialect) -> Option<Self> {
        let failed = body.strip_prefix("not ");
        let rest = failed.unwrap_or(body).strip_prefix("ok")?;
        if !(rest.is_empty() || rest.starts_with([' ', '\t'])) {
            return None;
        }
        let (number, text) = number(rest.trim());
        let text = text.strip_prefix('-').filter(|rest| !rest.starts_with('-')).unwrap_or(text);
        let directive = directive(text, dialect);
        let (text, duration_ms) = time(&text[..directive.unwrap_or(text.len())]);
        let outcome = if failed.is_some() { Failed } else { Passed };
        let outcome = directive.map_or(outcome, |_| Skipped);
        Some(Self { number, name: unescape(text.trim()), outcome, duration_ms })
    }
}

fn number(text: &str) -> (Option<u64>, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let is_number = word.bytes().all(|c| c.is_ascii_digit());
    match word.parse().ok().filter(|_| is_number) {
        Some(number) => (Some(number), rest.trim_start()),
        None => (None, text),
    }
}

/// Where `# SKIP` or `# TODO` begins, if there is one.
fn directive(text: &str, dialect: Dialect) -> Option<usize> {
    let mut is_escaped = false;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        // The specification asks for a space before it, and takes an escaped backslash for one in its examples.
        if c == '#' && !is_escaped && (before.is_whitespace() || before == '\\') {
            let rest = &text[at + 1..];
            if is_directive(rest) {
                return Some(at);
            }
            if dialect == Dialect::Fourteen && rest.starts_with(' ') {
                return None;
            }
        }
        is_escaped = c == '\\' && !is_escaped;
        before = c;
    }
    None
}

/// The word may go on: `# Skipped: why` is one of them.
fn is_directive(rest: &str) -> bool {
    let word = rest.trim_start().get(..4);
    word.is_some_and(|word| ["skip", "todo"].iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// Takes off node-tap's ` # time=12.3ms`.
fn time(text: &str) -> (&str, Option<u64>) {
    let text = text.trim_end();
    let timed = text.strip_suffix("ms").and_then(|text| text.rsplit_once("# time="));
    let timed = timed.and_then(|(name, number)| Some((name, milliseconds(number, 1.0)?)));
    timed.map_or((text, None), |(name, duration)| (name, Some(duration)))
}

/// `\#` is a `#`, `\\` a `\`, and any other `\` itself.
pub fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = chars.next_if(|next| c == '\\' && matches!(next, '\\' | '#'));
        plain.push(escaped.unwrap_or(c));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(body: &str) -> Option<(Option<u64>, String, CaseOutcome)> {
        let point = Point::parse(body, Dialect::Fourteen)?;
        Some((point.number, point.name, point.outcome))
    }

    fn is(body: &str, number: Option<u64>, name: &str, outcome: CaseOutcome) {
        assert_eq!(point(body), Some((number, name.to_owned(), outcome)), "{body}");
    }

    #[test]
    fn numbers_and_names() {
        is("ok", None, "", Passed);
        is("not ok", None, "", Failed);
        is("ok 7", Some(7), "", Passed);
        is("ok 1 this is fine", Some(1), "this is fine", Passed);
        is("not ok 1 - this is fine", Some(1), "this is fine", Failed);
        is("ok - 3 apples", None, "3 apples", Passed);
        is("ok 3rd", None, "3rd", Passed);
        is("ok 99999999999999999999 x", None, "99999999999999999999 x", Passed);
        is("ok 1 --flag is known", Some(1), "--flag is known", Passed);
        for text in ["", "okay", "ok, then", "not  ok", "OK 1", "notok"] {
            assert_eq!(point(text), None, "{text}");
        }
    }

    /// Those of the specification, under "Directive" and "Escaping Examples".
    #[test]
    fn directives() {
        is("ok 1 - must be skipped test # SKIP", Some(1), "must be skipped test", Skipped);
        is(
            r"ok 2 - must not be skipped test \# SKIP",
            Some(2),
            "must not be skipped test # SKIP",
            Passed,
        );
        is("ok 1 - do it later # Skipped", Some(1), "do it later", Skipped);
        is("ok 2 - on windows # Skipped: only run on windows", Some(2), "on windows", Skipped);
        is("not ok 14 # TODO bend space and time", Some(14), "", Skipped);
        is("ok 1 # skip this test is skipped", Some(1), "", Skipped);
        let url = "not skipped: https://example.com/page.html#skip is a url";
        is(&format!("ok 2 {url}"), Some(2), url, Passed);
        is("ok 3 - #SkIp case insensitive, so this is skipped", Some(3), "", Skipped);
        is(r"ok 3 - hello # todo hash \# character", Some(3), "hello", Skipped);
        is(r"ok 5 - hello \\# todo hash", Some(5), r"hello \", Skipped);
        is("ok 7 - hello # description # todo", Some(7), "hello # description # todo", Passed);
        is(r"ok 8 - hello \\\\\\\# todo", Some(8), r"hello \\\# todo", Passed);
    }

    #[test]
    fn older_directives() {
        let old = Point::parse("ok 7 - a # b # skip", Dialect::Thirteen).expect("a point");
        assert_eq!((old.name.as_str(), old.outcome), ("a # b", Skipped));
    }

    #[test]
    fn times() {
        let timed = Point::parse("ok 1 - a # time=12.6ms", Dialect::Fourteen).expect("a point");
        assert_eq!((timed.name.as_str(), timed.duration_ms), ("a", Some(13)));
    }
}
