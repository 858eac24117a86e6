//! How looks go, and what of it is worth a line: a trouble is told when it begins, when it changes, and when it is over; not
//! at each look.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Error, Result};
use log::{info, warn};

/// What a trouble is about. Of several, the first in this order is what a single look ends with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The dispatcher does not answer, or says no.
    Dispatcher,
    /// The clone itself.
    Clone,
    /// What the clone is a clone of.
    Origin,
    /// One branch, as it can be shown.
    Branch(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Subject::Dispatcher => "the dispatcher",
            Subject::Clone => "the clone",
            Subject::Origin => "origin",
            Subject::Branch(branch) => branch,
        })
    }
}

/// How one look went.
#[derive(Debug, Default)]
pub struct Outcome {
    troubles: BTreeMap<Subject, Error>,
    /// Whether the dispatcher has anything to do with it.
    dispatcher_asked: bool,
}

impl Outcome {
    /// Something went wrong. Of one subject the first trouble is kept.
    pub fn trouble(&mut self, subject: Subject, error: impl Into<Error>) {
        self.troubles.entry(subject).or_insert_with(|| error.into());
    }

    /// The dispatcher was asked something, so where it is no trouble, it is well.
    pub fn dispatcher_was_asked(&mut self) {
        self.dispatcher_asked = true;
    }

    /// For a look that is not followed by another. All troubles but the first are logged, in lines that begin with `name`.
    ///
    /// # Errors
    /// The first trouble.
    pub fn into_result(self, name: &str) -> Result<()> {
        let mut errors = self.troubles.into_iter().map(|(subject, error)| match subject {
            Subject::Branch(branch) => error.context(branch),
            Subject::Dispatcher | Subject::Clone | Subject::Origin => error,
        });
        let first = errors.next();
        for other in errors {
            warn!("{name}{}", in_a_line(&other));
        }
        first.map_or(Ok(()), Err)
    }

    /// Whether this look can tell how a subject does.
    fn tells_of(&self, subject: &Subject) -> bool {
        let has = |subject| self.troubles.contains_key(&subject);
        match subject {
            Subject::Clone => true,
            Subject::Origin => !has(Subject::Clone),
            Subject::Branch(_) => !has(Subject::Clone) && !has(Subject::Origin),
            Subject::Dispatcher => self.dispatcher_asked,
        }
    }
}

/// What was last said of one clone.
#[derive(Debug, Default)]
pub struct Mood {
    name: String,
    troubles: BTreeMap<Subject, String>,
}

impl Mood {
    /// The mood of a clone whose lines begin with `name`.
    pub fn new(name: &str) -> Mood {
        Mood { name: name.to_owned(), troubles: BTreeMap::new() }
    }

    /// Takes note of how a look went, and logs what is new about it.
    pub fn note(&mut self, outcome: &Outcome) {
        let name = &self.name;
        for line in changes(&mut self.troubles, outcome) {
            match line {
                Line::Trouble(line) => warn!("{name}{line}; trying again"),
                Line::Over(subject) => info!("{name}{subject}: all is well again"),
            }
        }
    }
}

/// The error as the log has it.
pub fn in_a_line(error: &Error) -> String {
    format!("{error:#}").replace('\n', " ")
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Trouble(String),
    Over(Subject),
}

/// What is to be said, given what was said before; afterwards that is what holds now.
fn changes(said: &mut BTreeMap<Subject, String>, outcome: &Outcome) -> Vec<Line> {
    let over =
        |subject: &Subject| outcome.tells_of(subject) && !outcome.troubles.contains_key(subject);
    let mut lines: Vec<Line> =
        said.keys().filter(|subject| over(subject)).cloned().map(Line::Over).collect();
    said.retain(|subject, _| !over(subject));
    for (subject, error) in &outcome.troubles {
        let text = in_a_line(error);
        if said.get(subject) == Some(&text) {
            continue;
        }
        // Only a branch has to be named: the others' errors do so themselves.
        let is_branch = matches!(subject, Subject::Branch(_));
        let lead = if is_branch { format!("{subject}: ") } else { String::new() };
        lines.push(Line::Trouble(format!("{lead}{text}")));
        said.insert(subject.clone(), text);
    }
    lines
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn branch(name: &str) -> Subject {
        Subject::Branch(name.to_owned())
    }

    fn outcome(troubles: &[(Subject, &'static str)], dispatcher_asked: bool) -> Outcome {
        let mut outcome = Outcome { dispatcher_asked, ..Outcome::default() };
        for (subject, text) in troubles {
            outcome.trouble(subject.clone(), anyhow!(*text));
        }
        outcome
    }

    #[test]
    fn a_trouble_is_told_when_it_begins_changes_and_is_over() {
        let mut said = BTreeMap::new();
        let mut look = |troubles: &[_]| changes(&mut said, &outcome(troubles, false));
        assert_eq!(look(&[]), []);
        let trouble = |text: &str| Line::Trouble(text.to_owned());
        assert_eq!(look(&[(branch("a"), "gone")]), [trouble("a: gone")]);
        assert_eq!(look(&[(branch("a"), "gone")]), []);
        assert_eq!(look(&[(branch("a"), "bad")]), [trouble("a: bad")]);
        // Nobody could look at the branch meanwhile.
        assert_eq!(look(&[(Subject::Origin, "no")]), [trouble("no")]);
        assert_eq!(look(&[(Subject::Clone, "no")]), [trouble("no")]);
        assert_eq!(
            look(&[]),
            [Line::Over(Subject::Clone), Line::Over(Subject::Origin), Line::Over(branch("a"))]
        );
        assert_eq!(look(&[]), []);
    }

    #[test]
    fn a_dispatcher_that_was_not_asked_is_not_well() {
        let mut said = BTreeMap::new();
        let mut look = |troubles: &[_], asked| changes(&mut said, &outcome(troubles, asked)).len();
        assert_eq!(look(&[(Subject::Dispatcher, "full")], true), 1);
        assert_eq!(look(&[], false), 0);
        assert_eq!(look(&[(Subject::Dispatcher, "full")], true), 0);
        assert_eq!(look(&[], true), 1);
    }

    #[test]
    fn a_single_look_ends_with_the_first_trouble() {
        assert!(outcome(&[], false).into_result("").is_ok());
        let both = [(branch("a"), "gone"), (Subject::Dispatcher, "away")];
        assert_eq!(outcome(&both, true).into_result("").unwrap_err().to_string(), "away");
        let error = outcome(&both[..1], true).into_result("").unwrap_err();
        assert_eq!(format!("{error:#}"), "a: gone");
    }
}
