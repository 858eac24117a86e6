//! What went wrong with git, in one line that a person can act on.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::child::{RunError, signal_name};

/// The longest message that is passed on; git's own are shorter, a remote's may not be.
const MESSAGE_CHARS_MAX: usize = 400;

/// What git says last when the line before it has the reason.
const VAGUE: [&str; 3] =
    ["Could not read from remote repository.", "the remote end hung up unexpectedly", "early EOF"];

/// Why git did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git.
    #[error("cannot run git: there is no program {program:?}; is git installed, and in PATH?")]
    Missing {
        /// What was looked for.
        program: OsString,
    },
    /// Git is there and could not be run, or not to its end.
    #[error(transparent)]
    Run(RunError),
    /// It was ended at its deadline.
    #[error("cannot {task}: git had not ended after {after:?}")]
    TimedOut {
        /// What was asked for.
        task: &'static str,
        /// The deadline.
        after: Duration,
    },
    /// It was ended, or not started, because of the stop.
    #[error("cannot {task}: stopped")]
    Stopped {
        /// What was asked for.
        task: &'static str,
    },
    /// It printed more than we are ready to hold.
    #[error("cannot {task}: git's answer is longer than {bytes_max} bytes")]
    TooMuchOutput {
        /// What was asked for.
        task: &'static str,
        /// The limit.
        bytes_max: usize,
    },
    /// It listed more than we are ready to deal with.
    #[error("cannot {task}: there are more than {most}")]
    TooMany {
        /// What was asked for.
        task: &'static str,
        /// The limit.
        most: usize,
    },
    /// It refused or failed.
    #[error("cannot {task}: {message}")]
    Failed {
        /// What was asked for.
        task: &'static str,
        /// Its exit status.
        status: i32,
        /// Its last useful line, control characters escaped.
        message: String,
    },
    /// Something else ended it.
    #[error("cannot {task}: git was ended by {}", signal_name(*signal))]
    Killed {
        /// What was asked for.
        task: &'static str,
        /// The signal's number.
        signal: i32,
    },
    /// What we were given is not what it should be; git was not asked.
    #[error("cannot use \"{shown}\" as {what}")]
    BadArgument {
        /// What it should be, with its article.
        what: &'static str,
        /// What it is, control characters escaped.
        shown: String,
    },
    /// It printed something that it never prints.
    #[error("cannot {task}: git's answer is not understood")]
    BadAnswer {
        /// What was asked for.
        task: &'static str,
    },
    /// The files around git could not be put in order.
    #[error("cannot {task}: {path:?}: {source}")]
    Files {
        /// What was asked for.
        task: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl GitError {
    pub(super) fn bad_argument(what: &'static str, text: &str) -> GitError {
        GitError::BadArgument { what, shown: escaped(text) }
    }
}

/// The last line of git's complaints that says something, with the one before it where it says little.
pub(super) fn useful_line(complaints: &[u8], status: i32) -> String {
    let text = String::from_utf8_lossy(complaints);
    let lines: Vec<&str> = text.split(['\n', '\r']).map(str::trim).collect();
    let last = |is_it: &dyn Fn(&str) -> bool| lines.iter().rposition(|line| is_it(line));
    let says_something = |line: &str| {
        !line.is_empty() && !line.starts_with("hint:") && !line.starts_with("warning:")
    };
    let found = last(&|line| line.starts_with("fatal: "))
        .or_else(|| last(&|line| line.starts_with("error: ")))
        .or_else(|| last(&says_something));
    let Some(index) = found else { return format!("git ended with exit status {status}") };
    if let Some(advice) = ownership_advice(&lines) {
        return escaped(&format!("{}; {advice}", bare(lines[index])));
    }
    let line = bare(lines[index]);
    let before = lines[..index].iter().rfind(|line| says_something(line));
    match before {
        Some(reason) if VAGUE.contains(&line) => escaped(&format!("{} ({line})", bare(reason))),
        _ => escaped(line),
    }
}

/// What git says to type where a repository belongs to somebody else: only the user may decide to trust it.
fn ownership_advice(lines: &[&str]) -> Option<String> {
    let command =
        lines.iter().find(|line| line.starts_with("git config --global --add safe.directory"))?;
    Some(format!("if you trust it: {command}"))
}

/// The line without the word that says who complains.
fn bare(line: &str) -> &str {
    let words = ["fatal: ", "error: ", "remote: "];
    words.iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line)
}

/// Safe to show, and not endless.
fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(MESSAGE_CHARS_MAX) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if text.chars().nth(MESSAGE_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_helps() {
        let told = |text: &str| useful_line(text.as_bytes(), 128);
        assert_eq!(told("fatal: no such ref\n"), "no such ref");
        let foreign = "fatal: detected dubious ownership in repository at '/x'\nTo add an exception for this \
                       directory, call:\n\n\tgit config --global --add safe.directory /x\n";
        let advice = "if you trust it: git config --global --add safe.directory /x";
        let line = "detected dubious ownership in repository at '/x'";
        assert_eq!(told(foreign), format!("{line}; {advice}"));
        assert_eq!(told("error: first\nfatal: last\n\nPlease read\nthe manual.\n"), "last");
        assert_eq!(told("error: bad\nhint: try\n"), "bad");
        assert_eq!(told("warning: old\njust words\nwarning: new\n"), "just words");
        assert_eq!(
            told(
                "Host key verification failed.\r\nfatal: Could not read from remote repository.\n"
            ),
            "Host key verification failed. (Could not read from remote repository.)"
        );
        assert_eq!(told("\n warning: x\n"), "git ended with exit status 128");
    }

    #[test]
    fn control_characters_are_shown_and_length_is_bounded() {
        let told = useful_line(b"fatal: a\x1b[31m\xff\n", 1);
        assert_eq!(told, "a\\u{1b}[31m\u{fffd}");
        let long = useful_line("x".repeat(100_000).as_bytes(), 1);
        assert_eq!(long.chars().count(), MESSAGE_CHARS_MAX + 1);
    }
}
