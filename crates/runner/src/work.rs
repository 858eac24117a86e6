//! The work folder of a clone: a numbered place for each slot, which one process at a time has.

use std::fs::{self, DirEntry, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// More runners on one clone than anybody starts.
const PLACES_MAX: usize = 4096;

/// What a place is called, before its number.
const PREFIX: &str = "slot-";

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
        let folders = folders(work_dir)?;
        folders.iter().filter_map(|folder| Place::lock(folder).transpose()).collect()
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
    work_dir.join(format!("{PREFIX}{number}"))
}

/// The places that are there.
fn folders(work_dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(work_dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.with_context(|| format!("cannot list {}", work_dir.display()))?;
    let is_place = |entry: &DirEntry| {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    };
    Ok(entries.iter().filter(|entry| is_place(entry)).map(DirEntry::path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_that_nobody_has_are_abandoned() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = [(); 2].map(|()| Place::take(folder.path()).unwrap());
        fs::create_dir(folder.path().join("slot-of-mine")).unwrap();
        drop(second);
        let abandoned = Place::take_abandoned(folder.path()).unwrap();
        let folders: Vec<_> = abandoned.iter().map(|place| place.folder.file_name()).collect();
        assert_eq!(folders, [Some("slot-2".as_ref())]);
        drop(first);
        // The one that we have is not free, either.
        assert_eq!(Place::take_abandoned(folder.path()).unwrap().len(), 1);
    }
}
