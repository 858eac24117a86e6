//! Which files an open database is. SQLite goes on with a file that somebody has removed as if nothing had happened, and all
//! that it writes there is gone with the process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::identity::Identity;

/// The write-ahead log and its index, which SQLite finds by their names.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// The files; none where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// The database itself.
    pub database: Option<Identity>,
    beside: [Option<Identity>; 2],
}

impl Files {
    /// What is there now.
    pub fn of(path: &Path) -> Files {
        let file = |path: &Path| Identity::named(path).ok();
        Files { database: file(path), beside: beside(path).map(|path| file(&path)) }
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
