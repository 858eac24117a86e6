//! Every limit of the protocol, with its reason. `PROTOCOL.md` repeats them, and a test holds the two together.

/// The protocol's number. It grows when an old peer would misunderstand a new one.
pub const PROTOCOL: u32 = 1;

/// What `--version` says after a program's name: its version and its protocol.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (protocol 1)");

/// One line, its newline included. Large enough for a chunk of output, small enough for a thread's memory.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// One line of a peer that has not been greeted yet. A greeting is about a hundred bytes.
pub const GREETING_BYTES_MAX: usize = 4096;

/// Tokens that are accepted at a time: the one that is used, and the one that takes its place.
pub const TOKENS_MAX: usize = 2;

/// Peers that have not been greeted yet. They are quickly through or quickly gone.
pub const STRANGERS_MAX: usize = 64;

/// From the connection's start to the end of the greeting. Nobody needs longer on a working link.
pub const GREETING_MS_MAX: u64 = 3_000;

/// How long `ready` may stay unanswered: long enough that thousands who wait are cheap, short enough to notice a link that is gone,
/// and that nothing on the way takes it for dead.
pub const POLL_MS_MAX: u64 = 20_000;

/// Silence after which the dispatcher closes a connection.
pub const SILENCE_MS_MAX: u64 = 60_000;

/// How long a peer may take to accept one line that is written to it.
pub const WRITE_MS_MAX: u64 = 10_000;

/// Nested arrays and objects in one line: the recursion limit of `serde_json`.
pub const NESTING_MAX: usize = 128;

/// A name of a project, branch, host or runner, in bytes of UTF-8. The longest file name of common file systems.
pub const NAME_BYTES_MAX: usize = 255;

/// A unit's name: its path in the repository, in bytes of UTF-8.
pub const UNIT_BYTES_MAX: usize = 300;

/// The reason of a verdict, in bytes of UTF-8. It has to fit on a line that people read.
pub const REASON_BYTES_MAX: usize = 1_000;

/// Units of one report. With the longest names, a report of so many still fits into a line, if JSON escapes none of them.
pub const UNITS_MAX: usize = 2_000;

/// Cases of one report that are named; all are counted.
pub const CASES_MAX: usize = 10_000;

/// A case's name, in bytes of UTF-8.
pub const CASE_BYTES_MAX: usize = 400;

/// Skipped commits of one submission. The oldest beyond it are not named.
pub const SKIPPED_MAX: usize = 1_000;

/// Digits of a commit's id by which it may be asked for, at least. Fewer are soon ambiguous.
pub const PREFIX_DIGITS_MIN: usize = 4;

/// Commits of one `status`. With the longest names they still fit into a line.
pub const STATUS_COMMITS_MAX: usize = 500;

/// Runners of one answer to `runners`. With the longest names and labels they still fit into a line.
pub const RUNNERS_MAX: usize = 50;

/// Attempts of a commit that are shown: the newest.
pub const ATTEMPTS_SHOWN_MAX: usize = 500;

/// Labels of one runner, or of one submission.
pub const LABELS_MAX: usize = 32;

/// A commit's subject, in bytes of UTF-8. An observer cuts a longer one.
pub const SUBJECT_BYTES_MAX: usize = 500;

/// The largest count and the longest time in milliseconds: the largest whole number that every reader of JSON keeps.
pub const NUMBER_MAX: u64 = 9_007_199_254_740_991;

/// Output of one attempt as a whole. A runner cuts at its own `--output-limit`, which may not be larger.
pub const ATTEMPT_BYTES_MAX: u64 = 1_073_741_824;

/// Raw bytes of one `output` message; base64 makes a third more of them, which still fits into a line.
pub const OUTPUT_BYTES_MAX: usize = 512 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_names_the_protocol() {
        assert!(VERSION.ends_with(&format!(" (protocol {PROTOCOL})")));
    }
}
