//! The results folder: what lies where in it, and that only one dispatcher works there.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use pontus_proto::{Attempt, CommitId};
use pontus_scheduler::planted::{self, Bug};

use crate::identity::Identity;

/// Another dispatcher is at work in the folder.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {folder}: the dispatcher with process id {holder} is at work there")]
pub struct Held {
    folder: String,
    holder: String,
}

/// What we work with, in a results folder.
const HIDDEN: &str = ".pontus";

/// The database there.
const DATABASE: &str = "pontus.db";

/// The file there that is locked.
const LOCK: &str = "lock";

/// The folder there in which output is.
const OUTPUT: &str = "output";

/// The file there that says in which of the machine's lives it was last worked here.
const BOOT: &str = "boot";

/// Where the system names its present life: another name after each start.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How the names of files in the hidden folder end that have not got their own yet.
pub const UNFINISHED: &str = "new";

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
        make(results)?;
        let lock = lock(&results.join(HIDDEN))?;
        let results =
            results.canonicalize().with_context(|| format!("cannot find {}", results.display()))?;
        Ok(Folder { lock: Mutex::new(lock), results })
    }

    /// Makes anew what is missing of it, and locks it, after somebody has removed something.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn remake(&self) -> Result<()> {
        // Whoever moved the folder above it away does not want that back.
        if !self.results.exists() {
            let folder = self.results.display();
            fs::create_dir(&self.results).with_context(|| format!("cannot make {folder}"))?;
        }
        make(&self.results)?;
        if self.is_ours() {
            return Ok(());
        }
        let lock = lock(&self.hidden())?;
        // Nobody can have panicked in the middle of an assignment.
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = lock;
        Ok(())
    }

    /// Whether the lock that we hold is still the one that another dispatcher would ask for.
    pub fn is_ours(&self) -> bool {
        let held = Identity::of(&*self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        let there = Identity::named(&self.hidden().join(LOCK));
        matches!((held, there), (Ok(held), Ok(there)) if held == there)
    }

    /// Asks the disk whether it takes something. What it took is given back.
    ///
    /// # Errors
    /// What the file system says.
    pub fn try_room(&self) -> io::Result<()> {
        let path = self.hidden().join(format!("room.{UNFINISHED}"));
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(&vec![0; ROOM_BYTES])?;
            file.sync_all()
        };
        let taken = write();
        fs::remove_file(&path).ok();
        taken
    }

    /// Whether the machine has been up since somebody last worked here. Otherwise files may not be as they were written.
    pub fn is_of_this_boot(&self) -> bool {
        let now = fs::read(BOOT_ID).ok();
        now.is_some() && fs::read(self.hidden().join(BOOT)).ok() == now
    }

    /// Remembers since when the machine is up. Where that is lost, it is as if the machine had been started anew, and so it was.
    pub fn remember_boot(&self) {
        fs::read(BOOT_ID).and_then(|id| fs::write(self.hidden().join(BOOT), id)).ok();
    }

    /// Removes what was left half written when a dispatcher was killed.
    pub fn remove_unfinished(&self) {
        let folders = [self.hidden(), self.outputs()];
        let entries = folders.into_iter().flat_map(fs::read_dir).flatten().flatten();
        let is_unfinished = |path: &PathBuf| path.extension().is_some_and(|end| end == UNFINISHED);
        for path in entries.map(|entry| entry.path()).filter(is_unfinished) {
            // What cannot be removed now is found at the next start.
            fs::remove_file(path).ok();
        }
    }

    /// The folder that users look into.
    pub fn results(&self) -> &Path {
        &self.results
    }

    /// Where the database is.
    pub fn database(&self) -> PathBuf {
        self.hidden().join(DATABASE)
    }

    /// The result file of a commit.
    pub fn result(&self, commit: CommitId) -> PathBuf {
        self.results.join(commit.to_string())
    }

    /// Where a result is written before it gets its name: not beside the database, where no name comes or goes as long as all is well.
    pub fn unfinished(&self, commit: CommitId) -> PathBuf {
        if planted::has(Bug::InPlaceResults) {
            return self.result(commit);
        }
        self.outputs().join(format!("{commit}.{UNFINISHED}"))
    }

    /// What an attempt has printed so far.
    pub fn output(&self, commit: CommitId, attempt: Attempt) -> PathBuf {
        self.outputs().join(format!("{commit}.{attempt}"))
    }

    /// Where all output is.
    pub fn outputs(&self) -> PathBuf {
        self.hidden().join(OUTPUT)
    }

    /// Where all lies that we work with, except results.
    pub fn hidden(&self) -> PathBuf {
        self.results.join(HIDDEN)
    }
}

/// Makes something of this path in the folder of all output, and that folder where somebody has removed it. What it lies in is not
/// for us to mend.
///
/// # Errors
/// What the file system says.
pub fn make_in_outputs<T>(path: &Path, make: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match (make(), path.parent()) {
        (Err(error), Some(outputs)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir(outputs).ok();
            make()
        }
        (made, _) => made,
    }
}

/// Makes the names in a folder durable.
///
/// # Errors
/// What the file system says.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // It has nothing to say to that, as some network file systems have not.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// Makes what is missing. Before there is a database, the names of the folders are made durable: what is acknowledged would be
/// gone with them.
fn make(results: &Path) -> Result<()> {
    let hidden = results.join(HIDDEN);
    let output = hidden.join(OUTPUT);
    let is_there = |folder: &&Path| folder.exists();
    let above = results.ancestors().skip(1).find(is_there).unwrap_or(Path::new(""));
    fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    if hidden.join(DATABASE).exists() {
        return Ok(());
    }
    let made = output.ancestors().skip(1).take_while(|folder| *folder != above);
    made.chain([above]).try_for_each(sync_names)
}

/// Makes the names in a folder durable, unless it is one of somebody else that we may not look into.
fn sync_names(folder: &Path) -> Result<()> {
    // The parent of a bare name is where we are.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match sync_folder(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced.with_context(|| format!("cannot sync {}", folder.display())),
    }
}

fn lock(folder: &Path) -> Result<File> {
    let path = &folder.join(LOCK);
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = opened.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).ok();
            let (folder, holder) = (folder.display().to_string(), holder.trim().to_owned());
            return Err(Held { folder, holder }.into());
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
