//! What one attempt prints, as a file that grows. Sessions write it; it never goes through the engine.

use std::fs::{self, File};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use pontus_proto::limits::ATTEMPT_BYTES_MAX;
use rustix::fs::{Advice, fadvise};

use crate::folder::sync_folder;

/// The output of one attempt. Each attempt has a file of its own, so a late writer of a lost one harms nobody.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    /// None until something is printed: many attempts print nothing, and a runner waits for its commit while a file is made.
    file: Option<File>,
    bytes: u64,
    /// Up to where the disk has been told to begin.
    begun_bytes: u64,
}

/// So much is left to the disk at a time while more is coming: what prints little is not worth a word to it before the end, and a
/// flood would otherwise wait for all of it there.
const BEGUN_BYTES: u64 = 8 * 1024 * 1024;

impl Output {
    /// As far as it came; it may not have begun.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: &Path) -> io::Result<Output> {
        let file = match File::options().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened?),
        };
        let bytes = file.as_ref().map_or(Ok(0), |file| file.metadata().map(|data| data.len()))?;
        Ok(Output { path: path.to_owned(), file, bytes, begun_bytes: bytes })
    }

    /// Begins anew where somebody has removed the file: what is written to it now would be gone with us. Says whether it did.
    ///
    /// # Errors
    /// What the file system says.
    pub fn follow(&mut self) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        let (held, there) = (file.metadata()?, fs::metadata(&self.path));
        let is_there =
            there.is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino()));
        if !is_there {
            *self = Output::open(&self.path)?;
        }
        Ok(!is_there)
    }

    /// Makes what is there durable, and its name.
    ///
    /// # Errors
    /// What the file system says.
    pub fn settle(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        file.sync_data()?;
        self.path.parent().map_or(Ok(()), sync_folder)
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
    /// before it, nothing is written, and [`bytes`](Self::bytes) says from where to send.
    ///
    /// # Errors
    /// `FileTooLarge` over [`ATTEMPT_BYTES_MAX`], which no disk with more room would change; else what the file system says.
    pub fn put(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset > self.bytes {
            return Ok(());
        }
        let end = offset + data.len() as u64;
        if end > ATTEMPT_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.file()?.write_all_at(data, offset)?;
        self.bytes = self.bytes.max(end);
        self.let_disk_begin();
        Ok(())
    }

    /// Has the disk begin with what is there, without waiting for it.
    fn let_disk_begin(&mut self) {
        let new = NonZeroU64::new(self.bytes - self.begun_bytes);
        if let (Some(file), Some(new)) = (&self.file, new.filter(|new| new.get() >= BEGUN_BYTES)) {
            // What is on its way to the disk stays in memory for the result that is made of it.
            fadvise(file, self.begun_bytes, Some(new), Advice::DontNeed).ok();
            self.begun_bytes = self.bytes;
        }
    }
}

fn begin(path: &Path) -> io::Result<File> {
    let open = || File::options().read(true).write(true).create(true).truncate(false).open(path);
    match (open(), path.parent()) {
        // Somebody has removed the folder of all output. What that lies in is not for us to mend.
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir(folder).ok();
            open()
        }
        (opened, _) => opened,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn repeated_and_early_pieces_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let mut output = Output::open(&path).unwrap();
        output.put(0, b"one ").unwrap();
        output.put(100, b"too early").unwrap();
        assert_eq!(output.bytes(), 4);
        output.put(4, b"two ").unwrap();
        output.put(0, b"one ").unwrap();
        assert_eq!(output.bytes(), 8);
        assert_eq!(fs::read(&path).unwrap(), b"one two ");
        assert_eq!(Output::open(&path).unwrap().bytes(), 8);
    }

    #[test]
    fn a_file_that_was_removed_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outputs/output");
        let mut output = Output::open(&path).unwrap();
        output.put(0, b"one").unwrap();
        assert!(!output.follow().unwrap());
        fs::remove_dir_all(folder.path().join("outputs")).unwrap();
        assert!(output.follow().unwrap());
        assert_eq!(output.bytes(), 0);
        output.put(0, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(output.follow().unwrap());
        assert_eq!(output.put(0, b"three").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_prints_nothing_has_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let mut output = Output::open(&path).unwrap();
        assert!(!output.follow().unwrap());
        assert_eq!(output.bytes(), 0);
        assert!(!path.exists());
    }

    #[test]
    fn an_attempt_has_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let file = File::create(&path).unwrap();
        file.set_len(ATTEMPT_BYTES_MAX - 1).unwrap();
        let mut output = Output::open(&path).unwrap();
        assert!(output.put(ATTEMPT_BYTES_MAX - 1, b"x").is_ok());
        let error = output.put(ATTEMPT_BYTES_MAX, b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
