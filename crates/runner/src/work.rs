//! The work folder of a clone: a numbered place for each slot, which one process at a time has.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// More runners on one clone than anybody starts.
const PLACES_MAX: usize = 4096;

/// The place of one slot.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    /// Held for as long as the process lives.
    _lock: File,
}

impl Place {
    /// Takes the lowest place in `work_dir` that no process has. A second runner on a clone gets the next one.
    ///
    /// # Errors
    /// What the file system says.
    pub fn take(work_dir: &Path) -> Result<Place> {
        for number in 1..=PLACES_MAX {
            let folder = folder(work_dir, number);
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
            if let Some(place) = Place::lock(&folder)? {
                return Ok(place);
            }
        }
        bail!("cannot find a free place in {}", work_dir.display())
    }

    /// Takes all places in `work_dir` that were made once and that no process has now.
    ///
    /// # Errors
    /// What the file system says.
    pub fn take_abandoned(work_dir: &Path) -> Result<Vec<Place>> {
        let folders = (1..=PLACES_MAX).map(|number| folder(work_dir, number));
        let free = folders.filter(|folder| folder.exists()).map(|folder| Place::lock(&folder));
        free.filter_map(Result::transpose).collect()
    }

    /// The place, unless a process has it.
    fn lock(folder: &Path) -> Result<Option<Place>> {
        let folder = folder.canonicalize()?;
        let path = folder.join("lock");
        let lock = File::create(&path);
        let lock = lock.with_context(|| format!("cannot make {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Place { folder, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// Where the output and the report of the current attempt are.
    pub fn spool(&self) -> PathBuf {
        self.folder.join("spool")
    }

    /// Where git keeps what it knows of the checkout.
    pub fn control(&self) -> PathBuf {
        self.folder.join("git")
    }

    /// The checkout.
    pub fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }
}

fn folder(work_dir: &Path, number: usize) -> PathBuf {
    work_dir.join(format!("slot-{number}"))
}
