//! Cases: the tests inside a unit, as the unit's tool names and counts them in what it prints.
//!
//! A [`Reader`] is given a unit's output (both streams as one, as it comes) and finds the cases in it. It is told which
//! [`Format`] to expect, touches nothing, never fails, and needs a bounded amount of memory whatever comes.

mod libtest;
mod line;
mod pending;
mod pytest;
mod tally;
mod tap;
mod unittest;

pub use line::LINE_BYTES_MAX;
pub use tally::{CASES_MAX, Counts, NAME_BYTES_MAX};

use tally::Tally;

/// Which tool's output is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `python3 -m unittest -v`.
    Unittest,
    /// `pytest -v`; with `-q` only what failed is named, and all is counted.
    Pytest,
    /// `cargo test`, one or several binaries and documentation tests.
    Libtest,
    /// The Test Anything Protocol, 13 and 14.
    Tap,
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseOutcome {
    /// It passed, also where that was not expected and the tool does not mind.
    Passed,
    /// It failed, or something around it did: its set-up, its tear-down, its process.
    Failed,
    /// It was not run, or its failure was expected and does not count.
    Skipped,
}

/// One test inside a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// As the tool names it, in at most [`NAME_BYTES_MAX`] bytes, control characters escaped.
    pub name: String,
    /// How it ended.
    pub outcome: CaseOutcome,
    /// How long it took, where the tool says so.
    pub duration_ms: Option<u64>,
}

/// What was found in a unit's output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The first [`CASES_MAX`] cases, in the order of the output.
    pub cases: Vec<Case>,
    /// How many passed. The three counts are the tool's own where it gives them, and go on where `cases` is cut.
    pub passed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many were skipped.
    pub skipped: u32,
    /// What is wrong with the output as a whole: a [`Format::Tap`] stream that broke its plan or bailed out. A unit
    /// with a complaint is failed whatever its exit status.
    pub complaint: Option<String>,
}

/// Reads a unit's output as it comes.
#[derive(Debug)]
pub struct Reader {
    lines: line::Lines,
    tool: Tool,
}

/// The reader of each format.
#[derive(Debug)]
enum Tool {
    Unittest(unittest::Unittest),
    Pytest(pytest::Pytest),
    Libtest(libtest::Libtest),
    Tap(tap::Tap),
}

impl Tool {
    fn line(&mut self, line: &str) {
        match self {
            Self::Unittest(tool) => tool.line(line),
            Self::Pytest(tool) => tool.line(line),
            Self::Libtest(tool) => tool.line(line),
            Self::Tap(tool) => tool.line(line),
        }
    }

    fn so_far(&self) -> Counts {
        match self {
            Self::Unittest(tool) => tool.so_far(),
            Self::Pytest(tool) => tool.so_far(),
            Self::Libtest(tool) => tool.so_far(),
            Self::Tap(tool) => tool.so_far(),
        }
    }
}

impl Reader {
    /// A reader that has read nothing yet.
    pub fn new(format: Format) -> Self {
        let tool = match format {
            Format::Unittest => Tool::Unittest(unittest::Unittest::default()),
            Format::Pytest => Tool::Pytest(pytest::Pytest::default()),
            Format::Libtest => Tool::Libtest(libtest::Libtest::default()),
            Format::Tap => Tool::Tap(tap::Tap::default()),
        };
        Self { lines: line::Lines::default(), tool }
    }

    /// The next bytes of the output. How it is cut into pieces makes no difference.
    pub fn push(&mut self, bytes: &[u8]) {
        let tool = &mut self.tool;
        self.lines.push(bytes, |line| tool.line(line));
    }

    /// How many cases have ended, as far as that can be told from the lines until now. What the tool says at its end may put
    /// this right.
    pub fn so_far(&self) -> Counts {
        self.tool.so_far()
    }

    /// The output has ended.
    pub fn finish(self) -> Found {
        let Self { lines, mut tool } = self;
        lines.finish(|line| tool.line(line));
        match tool {
            Tool::Unittest(tool) => found(tool.finish()),
            Tool::Pytest(tool) => found(tool.finish()),
            Tool::Libtest(tool) => found(tool.finish()),
            Tool::Tap(tool) => {
                let (tally, complaint) = tool.finish();
                Found { complaint, ..found(tally) }
            }
        }
    }
}

fn found(tally: Tally) -> Found {
    let Tally { cases, counts } = tally;
    Found {
        cases,
        passed: counts.passed,
        failed: counts.failed,
        skipped: counts.skipped,
        complaint: None,
    }
}
