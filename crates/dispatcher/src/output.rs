//! What one attempt prints, as a file that grows. Sessions write it; it never goes through the engine.
//!
//! It begins with the header of the result that may come of it: then that needs no more than its last line.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use pontus_proto::CommitId;
use pontus_proto::limits::ATTEMPT_BYTES_MAX;
use rustix::fs::{Advice, fadvise};

use crate::folder::{make_in_outputs, sync_folder};
use crate::header::{self, Header};
use crate::identity::Identity;

/// The output of one attempt. Each attempt has a file of its own, so a late writer of a lost one harms nobody. A late writer of one
/// that is decided has the same to write that is there already: its runner has reported how much that is.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    commit: CommitId,
    /// None until something is printed: many attempts print nothing, and a runner waits for its commit while a file is made.
    file: Option<File>,
    /// Where the output begins in the file: behind the header.
    start: u64,
    bytes: u64,
    /// Up to where the disk has been told to begin.
    begun_bytes: u64,
    /// Whether the file's name is durable.
    is_named: bool,
}

/// So much is left to the disk at a time while more is coming: what prints little is not worth a word to it before the end, and a
/// flood would otherwise wait for all of it there.
const BEGUN_BYTES: u64 = 8 * 1024 * 1024;

/// Where the output begins in the file of an attempt of `commit`.
///
/// # Errors
/// What the file system says.
pub fn start_in(file: &File, commit: CommitId) -> io::Result<u64> {
    match header::length_in(file, commit)? {
        Some(start) => Ok(start),
        // It is being written: nothing is behind it yet.
        None if header::begins_in(file, commit)? => Ok(file.metadata()?.len()),
        // It is without one where that was not to be had.
        None => Ok(0),
    }
}

impl Output {
    /// That of an attempt that begins: nothing is there. The file is made when something is printed.
    pub fn new(path: PathBuf, commit: CommitId) -> Output {
        Output { path, commit, file: None, start: 0, bytes: 0, begun_bytes: 0, is_named: false }
    }

    /// As far as it came; it may not have begun. Without a whole header it is begun anew: the runner has all of it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: &Path, commit: CommitId) -> io::Result<Output> {
        let file = match File::options().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened?),
        };
        let (start, bytes) = file.as_ref().map_or(Ok((0, 0)), |file| extent(file, commit))?;
        let new = Output::new(path.to_owned(), commit);
        Ok(Output { file, start, bytes, begun_bytes: bytes, ..new })
    }

    /// Begins anew where somebody has removed the file: what is written to it now would be gone with us. Says whether it did.
    ///
    /// # Errors
    /// What the file system says.
    pub fn follow(&mut self) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        let held = Identity::of(file)?;
        let is_there = Identity::named(&self.path).is_ok_and(|there| there == held);
        if !is_there {
            *self = Output::open(&self.path, self.commit)?;
        }
        Ok(!is_there)
    }

    /// Makes what is there durable, and its name.
    ///
    /// # Errors
    /// What the file system says.
    pub fn settle(&mut self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)?;
        self.settle_name()
    }

    /// Makes the file's name durable, once there is one. Done early, while the tests run, nobody waits for it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn settle_name(&mut self) -> io::Result<()> {
        if self.file.is_some() && !self.is_named {
            self.path.parent().map_or(Ok(()), sync_folder)?;
            self.is_named = true;
        }
        Ok(())
    }

    /// The file, made where there is none yet.
    fn file(&mut self) -> io::Result<&File> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(begin(&self.path)?)),
        }
    }

    /// How much is there.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts `data` where it belongs. What was there already is the same and is written again; where something is missing
    /// before it, nothing is written, and [`bytes`](Self::bytes) says from where to send. What is printed first comes behind the
    /// header, where that is to be had.
    ///
    /// # Errors
    /// `FileTooLarge` over [`ATTEMPT_BYTES_MAX`], which no disk with more room would change; else what the file system says.
    pub fn put(
        &mut self,
        offset: u64,
        data: &[u8],
        header: impl FnOnce() -> Option<Header>,
    ) -> io::Result<()> {
        if offset > self.bytes {
            return Ok(());
        }
        let end = offset + data.len() as u64;
        if end > ATTEMPT_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.start + self.bytes == 0 {
            self.start = self.put_header(header())?;
        }
        let at = self.start + offset;
        self.file()?.write_all_at(data, at)?;
        self.bytes = self.bytes.max(end);
        self.let_disk_begin();
        Ok(())
    }

    /// Writes all of it or nothing, into a file that is empty then, and returns how long it is.
    fn put_header(&mut self, header: Option<Header>) -> io::Result<u64> {
        let text = header.map(|header| header.to_string()).unwrap_or_default();
        let file = self.file()?;
        if file.metadata()?.len() > 0 {
            file.set_len(0)?;
        }
        file.write_all_at(text.as_bytes(), 0).or_else(|error| file.set_len(0).and(Err(error)))?;
        Ok(text.len() as u64)
    }

    /// Has the disk begin with what is there, without waiting for it.
    fn let_disk_begin(&mut self) {
        let new = NonZeroU64::new(self.bytes - self.begun_bytes);
        if let (Some(file), Some(new)) = (&self.file, new.filter(|new| new.get() >= BEGUN_BYTES)) {
            // What is on its way to the disk stays in memory for whoever reads it.
            fadvise(file, self.start + self.begun_bytes, Some(new), Advice::DontNeed).ok();
            self.begun_bytes = self.bytes;
        }
    }
}

/// Where the output begins in a file that there is, and how much of it there is that we go on from.
fn extent(file: &File, commit: CommitId) -> io::Result<(u64, u64)> {
    match header::length_in(file, commit)? {
        Some(start) => Ok((start, file.metadata()?.len() - start)),
        None => Ok((0, 0)),
    }
}

fn begin(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    make_in_outputs(path, || options.open(path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::results::tests::facts;

    fn open(path: &Path) -> Output {
        Output::open(path, facts().header.commit).unwrap()
    }

    fn put(output: &mut Output, offset: u64, data: &[u8]) -> io::Result<()> {
        output.put(offset, data, || Some(facts().header))
    }

    #[test]
    fn repeated_and_early_pieces_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let mut output = open(&path);
        put(&mut output, 0, b"one ").unwrap();
        put(&mut output, 100, b"too early").unwrap();
        assert_eq!(output.bytes(), 4);
        put(&mut output, 4, b"two ").unwrap();
        put(&mut output, 0, b"one ").unwrap();
        assert_eq!(output.bytes(), 8);
        output.settle().unwrap();
        let there = format!("{}one two ", facts().header);
        assert_eq!(fs::read_to_string(&path).unwrap(), there);
        let file = File::open(&path).unwrap();
        let start = start_in(&file, facts().header.commit).unwrap();
        assert_eq!(there.len() as u64 - start, 8);
        let mut output = open(&path);
        assert_eq!(output.bytes(), 8);
        put(&mut output, 8, b"three").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), there + "three");
    }

    #[test]
    fn a_header_that_is_half_there_is_no_output() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let header = facts().header.to_string();
        for half in 1..header.len() {
            fs::write(&path, &header[..half]).unwrap();
            let start = start_in(&File::open(&path).unwrap(), facts().header.commit).unwrap();
            // Less than a line may be anything.
            assert_eq!(start, if half < header.find('\n').unwrap() + 1 { 0 } else { half as u64 });
            let mut output = open(&path);
            assert_eq!(output.bytes(), 0);
            put(&mut output, 0, b"one").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{header}one"));
        }
    }

    #[test]
    fn output_is_kept_without_a_header_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let mut output = open(&path);
        output.put(0, b"one ", || None).unwrap();
        output.put(4, b"two", || unreachable!("it is too late for one")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one two");
        assert_eq!(open(&path).bytes(), 0, "it is sent again, and put behind one");
    }

    #[test]
    fn a_file_that_was_removed_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outputs/output");
        let mut output = open(&path);
        put(&mut output, 0, b"one").unwrap();
        assert!(!output.follow().unwrap());
        fs::remove_dir_all(folder.path().join("outputs")).unwrap();
        assert!(output.follow().unwrap());
        assert_eq!(output.bytes(), 0);
        put(&mut output, 0, b"two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}two", facts().header));
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(output.follow().unwrap());
        assert_eq!(put(&mut output, 0, b"three").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_prints_nothing_has_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let mut output = open(&path);
        assert!(!output.follow().unwrap());
        output.settle().unwrap();
        assert_eq!(output.bytes(), 0);
        assert!(!path.exists());
    }

    #[test]
    fn an_attempt_has_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let header = facts().header.to_string();
        fs::write(&path, &header).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(header.len() as u64 + ATTEMPT_BYTES_MAX - 1).unwrap();
        let mut output = open(&path);
        assert!(put(&mut output, ATTEMPT_BYTES_MAX - 1, b"x").is_ok());
        let error = put(&mut output, ATTEMPT_BYTES_MAX, b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
