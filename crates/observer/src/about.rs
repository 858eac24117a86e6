//! What a commit says of itself, made fit for the wire: a stranger wrote it.

use std::str::FromStr;

use pontus_exec::Described;
use pontus_proto::About;
use pontus_proto::limits::{NAME_BYTES_MAX, SUBJECT_BYTES_MAX};

/// What is told of the commit; none where even its tree has no proper name.
pub fn about(commit: &Described) -> Option<About> {
    Some(About {
        tree: commit.tree.parse().ok()?,
        subject: fit(&commit.subject, SUBJECT_BYTES_MAX),
        author: fit(&commit.author, NAME_BYTES_MAX),
        committed_ms: commit.committed_s.saturating_mul(1000),
    })
}

/// The text with its control characters replaced, cut where it is longer than `bytes_max`; none where nothing is left.
fn fit<T: FromStr>(text: &str, bytes_max: usize) -> Option<T> {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    clean[..clean.floor_char_boundary(bytes_max)].trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(subject: &str, author: &str) -> (Option<String>, Option<String>) {
        let commit = Described {
            id: "1".repeat(40),
            tree: "2".repeat(40),
            committed_s: i64::MAX,
            author: author.to_owned(),
            subject: subject.to_owned(),
        };
        let about = about(&commit).unwrap();
        assert_eq!(about.committed_ms, i64::MAX);
        (about.subject.map(String::from), about.author.map(String::from))
    }

    #[test]
    fn what_a_stranger_wrote_is_made_fit() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            told("Count from one", "Ada <a@b>"),
            (some("Count from one"), some("Ada <a@b>"))
        );
        assert_eq!(told("", " "), (None, None));
        assert_eq!(
            told("a\u{1b}[31m\tb", "\u{9b}"),
            (some("a\u{fffd}[31m\u{fffd}b"), some("\u{fffd}"))
        );
        let (subject, author) = told(&"é".repeat(400), &"日".repeat(100));
        assert_eq!(subject, some(&"é".repeat(SUBJECT_BYTES_MAX / 2)));
        assert_eq!(author, some(&"日".repeat(NAME_BYTES_MAX / 3)));
    }
}
