//! Standard output, and what it is.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Stdout, Write};

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use pontus_proto::{Outcome, State, Verdict};

use crate::exit::NobodyReads;

/// Standard output.
#[derive(Debug)]
pub struct Screen {
    out: Stdout,
    /// Whether a person looks at it.
    pub is_terminal: bool,
    /// How words are coloured there.
    pub paint: Paint,
}

impl Screen {
    /// Standard output as it is now.
    pub fn new() -> Screen {
        let out = io::stdout();
        let is_terminal = out.is_terminal();
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let paint = Paint { on: is_terminal && !is_set("NO_COLOR") && !is_dumb };
        Screen { out, is_terminal, paint }
    }

    /// Writes all of it, at once.
    ///
    /// # Errors
    /// [`NobodyReads`] where the other end of a pipe is closed; what the system says.
    pub fn put(&mut self, text: impl AsRef<[u8]>) -> Result<()> {
        let written = self.out.write_all(text.as_ref()).and_then(|()| self.out.flush());
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(NobodyReads.into()),
            written => written.context("cannot write to standard output"),
        }
    }
}

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paint {
    /// Whether there are any.
    pub on: bool,
}

impl Paint {
    /// `text` in `style`.
    pub fn paint(self, style: Style, text: &str) -> String {
        if self.on { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Headings.
pub const HEAD: Style = Style::new().bold();

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const UNCLEAR: Style = AnsiColor::Magenta.on_default();
const SKIPPED: Style = AnsiColor::Yellow.on_default();
const AT_WORK: Style = AnsiColor::Cyan.on_default();

/// How a verdict looks.
pub fn of_verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Passed => GOOD,
        Verdict::Failed | Verdict::TimedOut => BAD,
        Verdict::Error => UNCLEAR,
        Verdict::Cancelled => SKIPPED,
    }
}

/// How what a commit is doing looks.
pub fn of_state(state: State, verdict: Option<Verdict>) -> Style {
    match (state, verdict) {
        (State::Queued, _) => Style::new(),
        (State::Running, _) => AT_WORK,
        (State::Done, verdict) => verdict.map_or(Style::new(), of_verdict),
    }
}

/// How a unit's outcome looks.
pub fn of_outcome(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Passed => GOOD,
        Outcome::Failed | Outcome::TimedOut => BAD,
        Outcome::Skipped => SKIPPED,
        Outcome::Error => UNCLEAR,
    }
}
