//! Which files an open database is. SQLite goes on with a file that somebody has removed as if nothing had happened, and all
//! that it writes there is gone with the process.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The write-ahead log and its index, which SQLite finds by their names.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// The files by device and inode; none where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The database itself.
    pub database: Option<(u64, u64)>,
    beside: [Option<(u64, u64)>; 2],
}

impl Place {
    /// What is there now.
    pub fn of(path: &Path) -> Place {
        Place { database: file(path), beside: beside(path).map(|path| file(&path)) }
    }
}

/// The paths of what lies beside a database.
pub fn beside(path: &Path) -> [PathBuf; 2] {
    BESIDE.map(|suffix| {
        let mut path = OsString::from(path);
        path.push(suffix);
        path.into()
    })
}

fn file(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}
