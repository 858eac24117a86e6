//! The result file of a commit: what it says.

mod write;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use pontus_proto::{Attempt, CommitId, Counts, Verdict, seconds};

pub use self::write::{NotPublished, forget_output, publish, settle};
use crate::folder::Folder;
use crate::header::{self, Header};
use crate::output;

/// The longest last line: a reason, and the counts.
const LAST_LINE_BYTES_MAX: u64 = 4 * 1024;

/// All that a result file says of a commit, except its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What stands before it.
    pub header: Header,
    /// The newest attempt of all.
    pub newest: Attempt,
    /// How much it printed; `None` where no report says so, then whatever has arrived is shown.
    pub output_bytes: Option<u64>,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, where the counts do not say it.
    pub reason: Option<String>,
    /// What was counted.
    pub counts: Counts,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// When it was decided, in milliseconds since 1970.
    pub decided_ms: i64,
}

/// Whether the result that is there says what `facts` say.
pub fn is_of(folder: &Folder, facts: &Facts) -> bool {
    let Ok(file) = File::open(folder.result(facts.header.commit)) else { return false };
    let ending = format!("{}\n", last_line(facts));
    let before = file.metadata().map_or(0, |data| data.len()).checked_sub(ending.len() as u64);
    holds(&file, 0, facts.header.to_string().as_bytes())
        && before.is_some_and(|before| holds(&file, before, ending.as_bytes()))
}

/// Whether these bytes stand there.
fn holds(file: &File, at: u64, bytes: &[u8]) -> bool {
    let mut read = vec![0; bytes.len()];
    file.read_exact_at(&mut read, at).is_ok() && read == bytes
}

/// Where the output stands in a result's file: behind the header, before the last line.
///
/// # Errors
/// What the file system says.
pub fn output_range(file: &File, commit: CommitId) -> io::Result<Range<u64>> {
    let bytes = file.metadata()?.len();
    let start = header::length_in(file, commit)?.unwrap_or(bytes);
    let from = bytes.saturating_sub(LAST_LINE_BYTES_MAX);
    let mut tail = vec![0; (bytes - from) as usize];
    file.read_exact_at(&mut tail, from)?;
    let before = tail[..tail.len().saturating_sub(1)].iter().rposition(|byte| *byte == b'\n');
    // The last line stands behind an empty one, which is none of the output.
    Ok(start..before.map_or(start, |at| (from + at as u64).max(start)))
}

/// In as few words to the system as can be: thousands of these are small.
fn compose(facts: &Facts, output: Option<&mut File>, to: &mut File) -> io::Result<()> {
    let mut text = facts.header.to_string();
    let mut written = 0;
    if let Some(output) = output {
        to.write_all(std::mem::take(&mut text).as_bytes())?;
        let start = output::start_in(output, facts.header.commit)?;
        written = copy_output(output, start, facts.output_bytes.unwrap_or(u64::MAX), to)?;
    }
    let missing = facts.output_bytes.map_or(0, |bytes| bytes - written);
    if missing > 0 {
        text += &format!("=== {missing} bytes of output were lost\n");
    }
    if written + missing > 0 {
        text += "\n";
    }
    text += &format!("{}\n", last_line(facts));
    to.write_all(text.as_bytes())
}

/// Copies at most `bytes_max`: nothing that a late writer adds. Ends the last line where the test did not.
fn copy_output(from: &mut File, start: u64, bytes_max: u64, to: &mut File) -> io::Result<u64> {
    from.seek(SeekFrom::Start(start))?;
    let written = io::copy(&mut (&mut *from).take(bytes_max), to)?;
    if written > 0 {
        let mut last = [0];
        from.read_exact_at(&mut last, start + written - 1)?;
        to.write_all(line_end(last).as_bytes())?;
    }
    Ok(written)
}

/// What comes behind all of the output, whose last byte this is.
fn ending(facts: &Facts, last: [u8; 1]) -> String {
    format!("{}\n{}\n", line_end(last), last_line(facts))
}

/// What is missing at the end of a line whose last byte this is.
fn line_end(last: [u8; 1]) -> &'static str {
    if last == *b"\n" { "" } else { "\n" }
}

/// The dispatcher's own last word, which `tail -n 1` can trust whatever a test printed.
fn last_line(facts: &Facts) -> String {
    let because = because(facts.reason.as_deref(), facts.counts, facts.duration_ms);
    format!("verdict: {}: {because}", facts.verdict.word())
}

/// What a verdict stands on, in one line.
pub fn because(reason: Option<&str>, counts: Counts, duration_ms: u64) -> String {
    let Counts { passed, failed, skipped } = counts;
    let took = seconds(Duration::from_millis(duration_ms));
    let counted = format!("{passed} passed, {failed} failed, {skipped} skipped in {took}");
    match reason {
        Some(reason) if counts == Counts::default() => reason.to_owned(),
        Some(reason) => format!("{reason}; {counted}"),
        None => counted,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use tempfile::TempDir;

    use super::*;

    pub(crate) fn facts() -> Facts {
        Facts {
            header: Header {
                commit: "ab".repeat(20).parse().unwrap(),
                project: "test_repo".parse().unwrap(),
                branch: Some("main".parse().unwrap()),
                skipped: vec!["cd".repeat(20).parse().unwrap()],
                skipped_unnamed: 8_999,
                attempt: Attempt(2),
                runner: Some("oak/1".parse().unwrap()),
                started_ms: Some(1_795_356_843_000),
            },
            newest: Attempt(2),
            output_bytes: Some(0),
            verdict: Verdict::Failed,
            reason: None,
            counts: Counts { passed: 14, failed: 1, skipped: 0 },
            duration_ms: 3_412,
            decided_ms: 1_795_356_846_500,
        }
    }

    /// The result, which is the same whether the output stands behind the header already or not.
    fn published(facts: &Facts, output: Option<&[u8]>) -> String {
        let [alone, behind] = [String::new(), facts.header.to_string()].map(|before| {
            let (_temporary, folder) = folder();
            if let Some(output) = output {
                print(&folder, facts, &[before.as_bytes(), output].concat());
            }
            publish_one(&folder, facts);
            fs::read_to_string(folder.result(facts.header.commit)).unwrap()
        });
        assert_eq!(alone, behind);
        alone
    }

    fn print(folder: &Folder, facts: &Facts, output: &[u8]) {
        fs::write(folder.output(facts.header.commit, facts.header.attempt), output).unwrap();
    }

    fn publish_one(folder: &Folder, facts: &Facts) {
        publish(folder, std::slice::from_ref(facts)).pop().unwrap().unwrap();
    }

    fn folder() -> (TempDir, Folder) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        (temporary, folder)
    }

    #[test]
    fn a_result_is_the_contract_s() {
        let facts = Facts { output_bytes: Some(6), ..facts() };
        let expected = "\
commit    abababababababababababababababababababab
project   test_repo
branch    main
runner    oak/1
attempt   2
started   2026-11-22T14:14:03Z
skipped   8999 older commits, not named
skipped   cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd

hello!

verdict: failed: 14 passed, 1 failed, 0 skipped in 3.412s
";
        assert_eq!(published(&facts, Some(b"hello!")), expected);
        assert_eq!(published(&facts, Some(b"hello!and what came too late")), expected);
    }

    #[test]
    fn a_reason_is_said() {
        let reason = Some("no tests".to_owned());
        let none = Facts { verdict: Verdict::Error, reason, counts: Counts::default(), ..facts() };
        assert!(published(&none, None).ends_with("\n\nverdict: error: no tests\n"));
        let some = Facts { counts: Counts { passed: 1, ..Counts::default() }, ..none };
        let line = "verdict: error: no tests; 1 passed, 0 failed, 0 skipped in 3.412s\n";
        assert!(published(&some, None).ends_with(line));
    }

    #[test]
    fn output_that_is_not_there_is_missed() {
        let facts = Facts { output_bytes: Some(100), ..facts() };
        let said = "=== 95 bytes of output were lost\n";
        assert!(published(&facts, Some(b"hello")).contains(&format!("hello\n{said}")));
        assert!(published(&facts, None).contains("=== 100 bytes of output were lost\n"));
        let unknown = Facts { output_bytes: None, ..facts };
        assert!(published(&unknown, Some(b"hello")).contains("\n\nhello\n\nverdict: "));
    }

    #[test]
    fn an_output_becomes_the_result_itself() {
        let (_temporary, folder) = folder();
        let facts = Facts { output_bytes: Some(6), ..facts() };
        let output = folder.output(facts.header.commit, facts.header.attempt);
        let result = folder.result(facts.header.commit);
        let file = |path| fs::metadata(path).unwrap().ino();
        print(&folder, &facts, format!("{}hello!", facts.header).as_bytes());
        // As where it was not to be had after its first name was given.
        fs::hard_link(&output, folder.unfinished(facts.header.commit)).unwrap();
        publish_one(&folder, &facts);
        assert_eq!(file(&output), file(&result));
        let said = fs::read_to_string(&result).unwrap();
        assert!(said.ends_with(
            "\n\nhello!\n\nverdict: failed: 14 passed, 1 failed, 0 skipped in 3.412s\n"
        ));
        // Once more, with another attempt's output, which must not be written into the same file.
        let mut next = facts;
        next.header.attempt = Attempt(3);
        print(&folder, &next, b"hello?");
        publish_one(&folder, &next);
        assert_eq!(fs::read_to_string(&output).unwrap(), said);
        assert!(fs::read_to_string(&result).unwrap().contains("\nhello?\n"));
    }

    #[test]
    fn an_output_behind_another_header_is_copied() {
        let facts = Facts { output_bytes: Some(6), ..facts() };
        let (_temporary, folder) = folder();
        let before = Header { branch: Some("next".parse().unwrap()), ..facts.header.clone() };
        print(&folder, &facts, format!("{before}hello!").as_bytes());
        publish_one(&folder, &facts);
        let result = fs::read_to_string(folder.result(facts.header.commit)).unwrap();
        assert!(result.starts_with(&format!("{}hello!\n\nverdict: ", facts.header)), "{result}");
    }

    #[test]
    fn many_are_published_and_one_that_cannot_be_holds_up_none() {
        let (_temporary, folder) = folder();
        let of = |number: usize| {
            let mut facts = facts();
            facts.header.commit = format!("{number:040x}").parse().unwrap();
            facts
        };
        let all: Vec<_> = (0..2 * write::OPEN_MAX + 3).map(of).collect();
        let stuck = write::OPEN_MAX + 1;
        fs::create_dir(folder.unfinished(all[stuck].header.commit)).unwrap();
        let published = publish(&folder, &all);
        assert_eq!(published.len(), all.len());
        for (number, (facts, published)) in all.iter().zip(published).enumerate() {
            assert_eq!(published.is_ok(), number != stuck, "{number}");
            assert_eq!(is_of(&folder, facts), number != stuck, "{number}");
        }
    }

    #[test]
    fn a_planted_link_is_replaced_not_followed() {
        let (temporary, folder) = folder();
        let precious = temporary.path().join("precious");
        fs::write(&precious, "mine").unwrap();
        symlink(&precious, folder.result(facts().header.commit)).unwrap();
        publish_one(&folder, &facts());
        assert_eq!(fs::read(&precious).unwrap(), b"mine");
        assert!(fs::symlink_metadata(folder.result(facts().header.commit)).unwrap().is_file());
    }

    #[test]
    fn a_second_dispatcher_is_told_who_is_there() {
        let (temporary, _folder) = folder();
        let error = Folder::open(temporary.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("process id {} ", std::process::id())), "{error}");
    }
}
