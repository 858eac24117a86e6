//! The results folder: what lies where in it, and that only one dispatcher works there.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use pontus_proto::{Attempt, CommitId};

/// Another dispatcher is at work in the folder.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {folder}: the dispatcher with process id {holder} is at work there")]
pub struct Held {
    folder: String,
    holder: String,
}

/// The paths in a results folder that this process has locked.
#[derive(Debug)]
pub struct Folder {
    results: PathBuf,
    /// Held for as long as the process lives; the kernel lets it go however that ends.
    lock: Mutex<File>,
}

/// How much has to fit on the disk before it counts as having room again: many batches of the database.
const ROOM_BYTES: usize = 1024 * 1024;

impl Folder {
    /// Makes what is missing of the folder, and locks it.
    ///
    /// # Errors
    /// Where it cannot be made, or where another dispatcher is at work there; then its process id is named.
    pub fn open(results: &Path) -> Result<Folder> {
        let lock = make(results)?;
        let results =
            results.canonicalize().with_context(|| format!("cannot find {}", results.display()))?;
        Ok(Folder { lock: Mutex::new(lock), results })
    }

    /// Makes it anew, and locks it, after somebody has removed it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn remake(&self) -> Result<()> {
        let lock = make(&self.results)?;
        // Nobody can have panicked in the middle of an assignment.
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = lock;
        Ok(())
    }

    /// Whether the lock that we hold is still the one that another dispatcher would ask for.
    pub fn is_ours(&self) -> bool {
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner).metadata();
        let there = fs::metadata(self.hidden().join("lock"));
        let identity = |found: &fs::Metadata| (found.dev(), found.ino());
        matches!((held, there), (Ok(held), Ok(there)) if identity(&held) == identity(&there))
    }

    /// Whether the disk takes something again. What it took is given back.
    pub fn has_room(&self) -> bool {
        let path = self.hidden().join("room");
        let write = || -> io::Result<()> {
            let mut file = File::create(&path)?;
            file.write_all(&vec![0; ROOM_BYTES])?;
            file.sync_all()
        };
        let has_room = write().is_ok();
        fs::remove_file(&path).ok();
        has_room
    }

    /// The folder that users look into.
    pub fn results(&self) -> &Path {
        &self.results
    }

    /// Where the database is.
    pub fn database(&self) -> PathBuf {
        self.hidden().join("pontus.db")
    }

    /// The result file of a commit.
    pub fn result(&self, commit: CommitId) -> PathBuf {
        self.results.join(commit.to_string())
    }

    /// Where a result is written before it gets its name.
    pub fn unfinished(&self, commit: CommitId) -> PathBuf {
        self.hidden().join(format!("{commit}.new"))
    }

    /// What an attempt has printed so far.
    pub fn output(&self, commit: CommitId, attempt: Attempt) -> PathBuf {
        self.outputs().join(format!("{commit}.{attempt}"))
    }

    /// Where all output is.
    pub fn outputs(&self) -> PathBuf {
        self.hidden().join("output")
    }

    fn hidden(&self) -> PathBuf {
        self.results.join(".pontus")
    }
}

/// Makes what is missing, and locks it.
fn make(results: &Path) -> Result<File> {
    let hidden = results.join(".pontus");
    let output = hidden.join("output");
    fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    lock(&hidden.join("lock"))
}

fn lock(path: &Path) -> Result<File> {
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = opened.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).ok();
            let folder = path.parent().unwrap_or(path).display().to_string();
            return Err(Held { folder, holder: holder.trim().to_owned() }.into());
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    // Only for whoever is refused: the lock itself is the kernel's.
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file)
}
