//! What one attempt printed and what came of it, on the runner's own disk until the dispatcher has it.
//!
//! The thread that tests writes, the thread that delivers reads. A finished spool outlives both.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pontus_proto::{Attempt, CommitId, InstanceId, Progress, Report};
use serde::{Deserialize, Serialize};

use crate::bell::Bell;
use crate::removal::remove;

/// How soon a dispatcher that is there has the report. Until then our disk is left alone: a file system that is syncing holds up
/// whatever else is done in it, the next checkout among it.
const DELIVERY: Duration = Duration::from_millis(100);

/// What the spool knows of a finished attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// What was tested.
    pub commit: CommitId,
    /// Which try of it.
    pub attempt: Attempt,
    /// As whom it was assigned.
    pub instance: InstanceId,
    /// What came of it.
    pub report: Report,
}

/// What there is to deliver so far.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// How much output.
    pub output_bytes: u64,
    /// How far the tests have come, once that is known. It is for the moment, and not on the disk.
    pub progress: Option<Progress>,
    /// What came of it, once it is over.
    pub report: Option<Report>,
}

/// The reading side of a spool, shared between threads.
#[derive(Debug)]
pub struct Reader {
    output: File,
    contents: Mutex<Contents>,
    /// Whether the dispatcher has all of it, or wants none of it.
    is_over: Mutex<bool>,
    let_go: Condvar,
    bell: Arc<Bell>,
}

/// The writing side.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    reader: Arc<Reader>,
    file: File,
    /// How many bytes from the beginning are kept.
    head_bytes_max: u64,
    /// How many from the end.
    tail_bytes_max: usize,
    head_bytes: u64,
    tail: VecDeque<u8>,
    cut_bytes: u64,
    last_byte: u8,
    failure: Option<io::Error>,
}

/// Begins a new attempt in `folder`; what an earlier one left there is gone.
///
/// # Errors
/// What the file system says.
pub fn begin(folder: &Path, output_bytes_max: u64, bell: Arc<Bell>) -> io::Result<Writer> {
    clear(folder)?;
    fs::create_dir_all(folder)?;
    let file = File::options().read(true).write(true).create_new(true).open(output_path(folder))?;
    let reader = Arc::new(Reader::new(file.try_clone()?, Contents::default(), bell));
    let half = output_bytes_max / 2;
    Ok(Writer {
        folder: folder.to_owned(),
        reader,
        file,
        head_bytes_max: output_bytes_max - half,
        tail_bytes_max: usize::try_from(half).unwrap_or(usize::MAX),
        head_bytes: 0,
        tail: VecDeque::new(),
        cut_bytes: 0,
        last_byte: b'\n',
        failure: None,
    })
}

/// What an earlier process finished and did not deliver.
pub fn leftover(folder: &Path, bell: Arc<Bell>) -> Option<(Finished, Arc<Reader>)> {
    let text = fs::read(report_path(folder)).ok()?;
    let finished: Finished = serde_json::from_slice(&text)
        .inspect_err(|error| {
            log::warn!("dropping what another version finished in {}: {error}", folder.display());
        })
        .ok()?;
    let output = File::open(output_path(folder)).ok()?;
    let contents = Contents {
        output_bytes: finished.report.output_bytes,
        progress: None,
        report: Some(finished.report.clone()),
    };
    Some((finished, Arc::new(Reader::new(output, contents, bell))))
}

/// Forgets whatever is in `folder`. The report goes first: without it there is nothing to be delivered.
///
/// # Errors
/// What the file system says.
pub fn clear(folder: &Path) -> io::Result<()> {
    let paths = [report_path(folder), unfinished_path(folder), output_path(folder)];
    paths.iter().try_for_each(|path| remove(path))
}

impl Reader {
    fn new(output: File, contents: Contents, bell: Arc<Bell>) -> Reader {
        let contents = Mutex::new(contents);
        Reader { output, contents, is_over: Mutex::default(), let_go: Condvar::new(), bell }
    }

    /// Nothing of it is needed any more: what is not yet on the disk need not be.
    pub fn let_go(&self) {
        *self.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.let_go.notify_all();
    }

    /// Whether that is so, or becomes so soon.
    fn is_let_go_within(&self, time: Duration) -> bool {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.let_go.wait_timeout_while(is_over, time, |is_over| !*is_over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// What there is to deliver so far.
    pub fn contents(&self) -> Contents {
        self.state().clone()
    }

    /// Up to `bytes_max` bytes of output from `offset` on.
    ///
    /// # Errors
    /// What the file system says.
    pub fn read(&self, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let there = self.state().output_bytes.saturating_sub(offset);
        let mut data = vec![0; bytes_max.min(usize::try_from(there).unwrap_or(bytes_max))];
        self.output.read_exact_at(&mut data, offset)?;
        Ok(data)
    }

    fn update(&self, change: impl FnOnce(&mut Contents)) {
        change(&mut self.state());
        self.bell.ring();
    }

    /// Changed in single steps, so a panic elsewhere leaves it whole.
    fn state(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// What the delivering thread needs.
    pub fn reader(&self) -> Arc<Reader> {
        Arc::clone(&self.reader)
    }

    /// Adds output. Beyond the limit only the end is kept. A disk that fails is remembered and never stops a test.
    pub fn write(&mut self, data: &[u8]) {
        let Some(last) = data.last() else { return };
        self.last_byte = *last;
        let room = usize::try_from(self.head_bytes_max - self.head_bytes).unwrap_or(usize::MAX);
        let (head, rest) = data.split_at(room.min(data.len()));
        self.head_bytes += head.len() as u64;
        self.append(head);
        self.keep_tail(rest);
    }

    /// Adds a line of the runner's own, on a line of its own.
    pub fn write_line(&mut self, line: &str) {
        if self.last_byte != b'\n' {
            self.write(b"\n");
        }
        self.write(format!("{line}\n").as_bytes());
    }

    /// Tells how far the tests have come. Whoever delivers is woken by what is new.
    pub fn publish(&self, progress: Progress) {
        if self.reader.state().progress.as_ref() != Some(&progress) {
            self.reader.update(|contents| contents.progress = Some(progress));
        }
    }

    /// Why output could not be kept, if so.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Adds the kept end, and keeps the report: after this no death of this process loses it, and soon none of the machine. It is
    /// delivered meanwhile, so that nobody waits for this disk while the dispatcher's takes it.
    ///
    /// # Errors
    /// What the file system says; the report is still delivered if this process lives.
    pub fn finish(
        mut self,
        commit: CommitId,
        attempt: Attempt,
        instance: InstanceId,
        mut report: Report,
    ) -> io::Result<()> {
        self.append_tail();
        report.output_bytes = self.reader.contents().output_bytes;
        let finished = Finished { commit, attempt, instance, report: report.clone() };
        self.reader.update(|contents| contents.report = Some(report));
        self.keep(&finished).and_then(|report| self.sync(&report))
    }

    /// Ends without anything to deliver: whoever reads this spool has lost interest.
    pub fn abandon(self, report: Report) {
        self.reader.update(|contents| contents.report = Some(report));
    }

    fn keep(&self, finished: &Finished) -> io::Result<File> {
        let unfinished = unfinished_path(&self.folder);
        let mut file = File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(finished)?)?;
        fs::rename(unfinished, report_path(&self.folder))?;
        Ok(file)
    }

    /// Makes durable what has not been delivered by then. A report of which a failing machine has left only a part is none.
    fn sync(&self, report: &File) -> io::Result<()> {
        if self.reader.is_let_go_within(DELIVERY) {
            return Ok(());
        }
        self.file.sync_all()?;
        report.sync_all()?;
        File::open(&self.folder)?.sync_all()
    }

    fn append(&mut self, data: &[u8]) {
        if data.is_empty() || self.failure.is_some() {
            return;
        }
        match self.file.write_all(data) {
            Ok(()) => self.reader.update(|contents| contents.output_bytes += data.len() as u64),
            Err(error) => self.failure = Some(error),
        }
    }

    fn keep_tail(&mut self, data: &[u8]) {
        let keep = &data[data.len().saturating_sub(self.tail_bytes_max)..];
        let over = (self.tail.len() + keep.len()).saturating_sub(self.tail_bytes_max);
        self.tail.drain(..over);
        self.tail.extend(keep);
        self.cut_bytes += (over + data.len() - keep.len()) as u64;
    }

    fn append_tail(&mut self) {
        if self.cut_bytes > 0 {
            let cut = format!("\n=== {} bytes of output are missing here\n", self.cut_bytes);
            self.append(cut.as_bytes());
        }
        let tail = std::mem::take(&mut self.tail);
        let (first, second) = tail.as_slices();
        self.append(first);
        self.append(second);
    }
}

fn output_path(folder: &Path) -> PathBuf {
    folder.join("output")
}

fn unfinished_path(folder: &Path) -> PathBuf {
    folder.join("report.new")
}

fn report_path(folder: &Path) -> PathBuf {
    folder.join("report.json")
}

#[cfg(test)]
mod tests {
    use pontus_proto::{Counts, Verdict};

    use super::*;

    fn finished_output(limit: u64, pieces: &[&[u8]]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("spool");
        let mut writer = begin(&folder, limit, Arc::default()).unwrap();
        pieces.iter().for_each(|piece| writer.write(piece));
        let instance = InstanceId::from_bytes([1; 16]);
        let report = Report {
            verdict: Verdict::Passed,
            reason: None,
            counts: Counts::default(),
            duration_ms: 1,
            checked_out_ms: Some(2),
            first_output_ms: None,
            output_bytes: 0,
            units: Vec::new(),
        };
        let commit = "ab".repeat(20).parse().unwrap();
        writer.finish(commit, Attempt(3), instance, report).unwrap();
        let (finished, reader) = leftover(&folder, Arc::default()).unwrap();
        assert_eq!((finished.commit, finished.attempt), (commit, Attempt(3)));
        assert_eq!(finished.report.checked_out_ms, Some(2));
        let bytes = finished.report.output_bytes;
        assert_eq!(reader.contents().output_bytes, bytes);
        String::from_utf8(reader.read(0, usize::try_from(bytes).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn all_is_kept_up_to_the_limit() {
        assert_eq!(finished_output(10, &[b"12345", b"67890"]), "1234567890");
        assert_eq!(finished_output(10, &[b"1234567890"]), "1234567890");
        assert_eq!(finished_output(11, &[]), "");
    }

    #[test]
    fn head_and_tail_are_kept_beyond_it() {
        let cut = |count| format!("\n=== {count} bytes of output are missing here\n");
        assert_eq!(finished_output(10, &[b"12345678901"]), format!("12345{}78901", cut(1)));
        assert_eq!(finished_output(4, &[b"123", b"4", b"56789"]), format!("12{}89", cut(5)));
        assert_eq!(finished_output(0, &[b"123"]), cut(3));
    }

    #[test]
    fn an_unfinished_spool_is_nothing_to_deliver() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("spool");
        let mut writer = begin(&folder, 100, Arc::default()).unwrap();
        writer.write(b"hello");
        assert_eq!(writer.reader().contents().output_bytes, 5);
        assert!(leftover(&folder, Arc::default()).is_none());
        clear(&folder).unwrap();
        clear(&folder).unwrap();
    }

    #[test]
    fn whatever_was_put_in_its_place_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        for path in [output_path(folder.path()), report_path(folder.path())] {
            fs::create_dir_all(path.join("in/the/way")).unwrap();
        }
        let mut writer = begin(folder.path(), 100, Arc::default()).unwrap();
        writer.write(b"hello");
        assert_eq!(writer.reader().contents().output_bytes, 5);
    }

    #[test]
    fn our_lines_begin_at_the_margin() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = begin(&folder.path().join("spool"), 100, Arc::default()).unwrap();
        writer.write(b"no end");
        writer.write_line("=== ours");
        let reader = writer.reader();
        assert_eq!(reader.read(0, 100).unwrap(), b"no end\n=== ours\n");
    }
}
