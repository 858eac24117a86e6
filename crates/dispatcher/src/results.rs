//! The result file of a commit: what it says, and how it comes to be there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use pontus_proto::{Attempt, Counts, Verdict, seconds};
use rustix::fs::{Advice, fadvise};

use crate::exit;
use crate::folder::{Folder, sync_folder};
use crate::header::{self, HEADER_BYTES_MAX, Header};

/// The longest last line: a reason, and the counts.
const LAST_LINE_BYTES_MAX: u64 = 4 * 1024;

/// Result files that are open at once: a part of the descriptors that the dispatcher keeps for itself.
const OPEN_MAX: usize = 32;

/// Files that are synced at once. A disk makes one write of what is asked of it meanwhile, so a few are as good as many.
const SYNCS_AT_ONCE: usize = 4;

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

/// Why there is no result. Nothing is half there.
#[derive(Debug, thiserror::Error)]
pub enum NotPublished {
    /// It was not taken, which may pass.
    #[error(transparent)]
    Refused(#[from] io::Error),
    /// It was taken, and cannot be relied on: nor can the disk.
    #[error(transparent)]
    Unsynced(io::Error),
}

/// Writes result files, durably, and gives them their names. Whatever had such a name before, a planted link included, is
/// replaced. The names themselves are durable after [`settle`]. What came of each, in their order.
pub fn publish(folder: &Folder, all: &[Facts]) -> Vec<Result<(), NotPublished>> {
    let together = |facts: &[Facts]| {
        let (written, files) = write_all(folder, facts);
        let mut synced = sync_all(&files).into_iter();
        let published = facts.iter().zip(written).map(|(facts, written)| {
            written?;
            synced.next().expect("each file that was written is synced").map_err(unsynced)?;
            Ok(fs::rename(
                folder.unfinished(facts.header.commit),
                folder.result(facts.header.commit),
            )?)
        });
        published.collect::<Vec<_>>()
    };
    all.chunks(OPEN_MAX).flat_map(together).collect()
}

/// Writes the files. What came of each, and those that are there.
fn write_all(folder: &Folder, all: &[Facts]) -> (Vec<io::Result<()>>, Vec<File>) {
    let mut files = Vec::new();
    let written = all.iter().map(|facts| write(folder, facts).map(|file| files.push(file)));
    (written.collect(), files)
}

fn write(folder: &Folder, facts: &Facts) -> io::Result<File> {
    let unfinished = folder.unfinished(facts.header.commit);
    let mut file = File::create(&unfinished)?;
    let mut output = open_output(folder, facts)?;
    let composed = compose(facts, output.as_mut(), &mut file);
    if composed.is_err() {
        // What little room there is, others need.
        fs::remove_file(&unfinished).ok();
    }
    // The disk begins with it at once: then a single entry in the file system's journal is enough for all of them.
    fadvise(&file, 0, None, Advice::DontNeed).ok();
    composed.map(|()| file)
}

/// Syncs all of them, several at a time: the disk answers those together.
fn sync_all(files: &[File]) -> Vec<io::Result<()>> {
    let each = |files: &[File]| files.iter().map(File::sync_all).collect::<Vec<_>>();
    let share = files.len().div_ceil(SYNCS_AT_ONCE).max(1);
    let Some((own, others)) = files.split_at_checked(share) else { return each(files) };
    thread::scope(|scope| {
        let spawn = |files| thread::Builder::new().spawn_scoped(scope, move || each(files));
        let others: Vec<_> = others.chunks(share).map(|files| (files, spawn(files))).collect();
        let mut synced = each(own);
        for (files, thread) in others {
            // Where there is no thread to be had, it takes longer.
            let of_others = thread.map_or_else(|_| each(files), join);
            synced.extend(of_others);
        }
        synced
    })
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().expect("a panic in any thread ends the process")
}

/// Some file systems only find out now that there is no room.
fn unsynced(error: io::Error) -> NotPublished {
    if exit::is_full_kind(error.kind()) {
        NotPublished::Refused(error)
    } else {
        NotPublished::Unsynced(error)
    }
}

/// Whether the result that is there says what `facts` say.
pub fn is_of(folder: &Folder, facts: &Facts) -> bool {
    let (header, last_line) = (facts.header.to_string(), last_line(facts));
    let mut read = vec![0; header.len()];
    let Ok(mut file) = File::open(folder.result(facts.header.commit)) else { return false };
    let begins = file.read_exact(&mut read).is_ok() && read == header.as_bytes();
    let ending = format!("{last_line}\n");
    let mut read = vec![0; ending.len()];
    let ends = file.seek(SeekFrom::End(-(ending.len() as i64))).is_ok()
        && file.read_exact(&mut read).is_ok()
        && read == ending.as_bytes();
    begins && ends
}

/// Makes the names of published results durable.
///
/// # Errors
/// What the file system says.
pub fn settle(folder: &Folder) -> io::Result<()> {
    sync_folder(folder.results())
}

/// Removes what the attempts of a published commit printed: it is in the result, or belongs to an attempt that was lost.
pub fn forget_output(folder: &Folder, facts: &Facts) {
    for attempt in 1..=facts.newest.0 {
        // What cannot be removed now is found at the next start.
        fs::remove_file(folder.output(facts.header.commit, Attempt(attempt))).ok();
    }
}

fn open_output(folder: &Folder, facts: &Facts) -> io::Result<Option<File>> {
    match File::open(folder.output(facts.header.commit, facts.header.attempt)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the output stands in a result's file: behind the header, before the last line.
///
/// # Errors
/// What the file system says.
pub fn output_range(file: &File) -> io::Result<Range<u64>> {
    let bytes = file.metadata()?.len();
    let read = |from: u64, most: u64| {
        let mut part = vec![0; most.min(bytes - from) as usize];
        file.read_exact_at(&mut part, from).map(|()| part)
    };
    // No line of the header is empty, so the first empty line ends it.
    let header = read(0, HEADER_BYTES_MAX)?;
    let start = header::end_in(&header).map_or(bytes, |end| end as u64);
    let from = bytes.saturating_sub(LAST_LINE_BYTES_MAX);
    let tail = read(from, LAST_LINE_BYTES_MAX)?;
    let before = tail[..tail.len().saturating_sub(1)].iter().rposition(|byte| *byte == b'\n');
    // The last line stands behind an empty one, which is none of the output.
    Ok(start..before.map_or(start, |at| (from + at as u64).max(start)))
}

fn compose(facts: &Facts, output: Option<&mut File>, to: &mut File) -> io::Result<()> {
    to.write_all(facts.header.to_string().as_bytes())?;
    let written = match output {
        Some(output) => copy_output(output, facts.output_bytes.unwrap_or(u64::MAX), to)?,
        None => 0,
    };
    let missing = facts.output_bytes.map_or(0, |bytes| bytes - written);
    if missing > 0 {
        writeln!(to, "=== {missing} bytes of output were lost")?;
    }
    if written + missing > 0 {
        writeln!(to)?;
    }
    writeln!(to, "{}", last_line(facts))
}

/// Copies at most `bytes_max`: nothing that a late writer adds. Ends the last line where the test did not.
fn copy_output(from: &mut File, bytes_max: u64, to: &mut File) -> io::Result<u64> {
    let written = io::copy(&mut (&mut *from).take(bytes_max), to)?;
    if written > 0 {
        let mut last = [0];
        from.seek(SeekFrom::Start(written - 1))?;
        from.read_exact(&mut last)?;
        if last != *b"\n" {
            writeln!(to)?;
        }
    }
    Ok(written)
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
    use std::os::unix::fs::symlink;

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

    fn published(facts: &Facts, output: Option<&[u8]>) -> String {
        let (_temporary, folder) = folder();
        if let Some(output) = output {
            fs::write(folder.output(facts.header.commit, facts.header.attempt), output).unwrap();
        }
        publish_one(&folder, facts);
        String::from_utf8(fs::read(folder.result(facts.header.commit)).unwrap()).unwrap()
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
    fn many_are_published_and_one_that_cannot_be_holds_up_none() {
        let (_temporary, folder) = folder();
        let of = |number: usize| {
            let mut facts = facts();
            facts.header.commit = format!("{number:040x}").parse().unwrap();
            facts
        };
        let all: Vec<_> = (0..2 * OPEN_MAX + 3).map(of).collect();
        let stuck = OPEN_MAX + 1;
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
