//! The results folder: what lies where in it, and that only one dispatcher works there.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pontus_proto::{Attempt, CommitId};

/// The paths in a results folder that this process has locked.
#[derive(Debug)]
pub struct Folder {
    results: PathBuf,
    /// Held for as long as the process lives; the kernel lets it go however that ends.
    _lock: File,
}

impl Folder {
    /// Makes what is missing of the folder, and locks it.
    ///
    /// # Errors
    /// Where it cannot be made, or where another dispatcher is at work there; then its process id is named.
    pub fn open(results: &Path) -> Result<Folder> {
        let hidden = results.join(".pontus");
        let output = hidden.join("output");
        fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
        let results =
            results.canonicalize().with_context(|| format!("cannot find {}", results.display()))?;
        Ok(Folder { _lock: lock(&hidden.join("lock"))?, results })
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

fn lock(path: &Path) -> Result<File> {
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = opened.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).ok();
            bail!(
                "cannot use {}: the dispatcher with process id {} is at work there",
                path.parent().unwrap_or(path).display(),
                holder.trim()
            );
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
