//! The gallery: the results folder, looked at all the time. What was seen once must not change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Of a commit's id, which is a result's name.
const ID_DIGITS: usize = 40;

/// From one look to the next.
const INTERVAL: Duration = Duration::from_millis(20);

/// The folder, for as long as it is looked at.
#[derive(Debug)]
pub struct Gallery {
    room: Arc<Room>,
    guard: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Room {
    folder: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pictures: BTreeMap<String, Picture>,
    wrong: Vec<String>,
    closed: bool,
}

/// A result as it was first seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Picture {
    /// What tells that a file is another one, or was written to: its number, its length, and when.
    frame: (u64, u64, i64, i64),
    text: Arc<str>,
}

impl Gallery {
    /// Looks at a folder from now on.
    pub fn new(folder: PathBuf) -> Gallery {
        let (state, changed) = Default::default();
        let room = Arc::new(Room { folder, state, changed });
        let guarded = Arc::clone(&room);
        let guard = Some(thread::spawn(move || guarded.guard()));
        Gallery { room, guard }
    }

    /// Waits until there are so many results. False where there are not within `time`.
    pub fn wait_for(&self, count: usize, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut state = self.room.state();
        while state.pictures.len() < count && Instant::now() < deadline {
            let waited = self.room.changed.wait_timeout(state, INTERVAL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.pictures.len() >= count
    }

    /// How many results there are.
    pub fn count(&self) -> usize {
        self.room.state().pictures.len()
    }

    /// All results, by their names.
    pub fn results(&self) -> BTreeMap<String, String> {
        let state = self.room.state();
        state
            .pictures
            .iter()
            .map(|(name, picture)| (name.clone(), picture.text.to_string()))
            .collect()
    }

    /// What was seen to change.
    pub fn wrong(&self) -> Vec<String> {
        self.room.state().wrong.clone()
    }
}

impl Drop for Gallery {
    fn drop(&mut self) {
        self.room.state().closed = true;
        self.guard.take().map(JoinHandle::join);
    }
}

impl Room {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guard(&self) {
        while !self.state().closed {
            self.look();
            drop(self.changed.wait_timeout(self.state(), INTERVAL));
        }
    }

    fn look(&self) {
        // There is no folder before the dispatcher's first start.
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        // A folder that is written to need not tell of all that is in it.
        let seen: BTreeSet<_> = self.state().pictures.keys().cloned().collect();
        for name in seen.into_iter().chain(names.filter(|name| name.len() == ID_DIGITS)) {
            let old = self.state().pictures.get(&name).cloned();
            let new = look_at(&self.folder.join(&name), old.as_ref());
            self.compare(name, old, new);
        }
    }

    fn compare(&self, name: String, old: Option<Picture>, new: Option<Picture>) {
        let mut state = self.state();
        match (old, new) {
            (Some(_), None) => state.wrong.push(format!("changed: {name} is gone")),
            (Some(old), Some(new)) if old.text != new.text => {
                let wrong = format!("changed: {name} was {:?} and is {:?}", old.text, new.text);
                state.wrong.push(wrong);
            }
            (_, Some(new)) => {
                state.pictures.insert(name, new);
            }
            (None, None) => {}
        }
    }
}

/// A file as it is now; as it was where nobody has written to it.
fn look_at(path: &Path, old: Option<&Picture>) -> Option<Picture> {
    let found = fs::metadata(path).ok()?;
    let frame = (found.ino(), found.len(), found.mtime(), found.mtime_nsec());
    match old.filter(|old| old.frame == frame) {
        Some(old) => Some(old.clone()),
        None => {
            let text = String::from_utf8_lossy(&fs::read(path).ok()?).into();
            Some(Picture { frame, text })
        }
    }
}
