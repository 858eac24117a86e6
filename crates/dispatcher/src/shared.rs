//! What all sessions share.

use std::sync::{Arc, Mutex, PoisonError};

use log::debug;
use pontus_proto::{Attempt, CommitId};

use crate::board::Board;
use crate::folder::Folder;
use crate::header::Header;
use crate::serve::Gate;
use crate::store::{LazyReader, Places};
use crate::tide::Tide;
use crate::trust::Trust;

/// What all sessions share.
#[derive(Debug)]
pub struct Shared {
    /// Where output goes.
    pub folder: Arc<Folder>,
    /// Counts the requests that are being answered.
    pub gate: Arc<Gate>,
    /// Rises when something has changed that somebody may follow.
    pub tide: Arc<Tide>,
    /// How far the running tests have come.
    pub board: Board,
    /// Who is let in.
    pub trust: Trust,
    /// Where each commit is in the database.
    pub places: Arc<Places>,
    /// Knows what a result will begin with. A runner's session asks once for each attempt that prints something.
    pub reader: Mutex<LazyReader>,
    /// How long a lease is, in milliseconds.
    pub lease_ms: u64,
    /// How long an attempt may take, in milliseconds.
    pub attempt_timeout_ms: u64,
}

impl Shared {
    /// What the result begins with if this attempt decides it. Without it, the result is put together in the end.
    pub fn header(&self, commit: CommitId, attempt: Attempt) -> Option<Header> {
        // A panic in any thread ends the process.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = reader.of(&self.folder.database());
        reader.and_then(|reader| reader.header(commit, attempt)).unwrap_or_else(|error| {
            debug!("{commit}: its header is not to be had now: {error:#}");
            None
        })
    }
}
