//! Says a trouble once: when it begins, when it changes, and when it is over; not at each look.

use anyhow::Result;
use log::{info, warn};

/// What was last said of one branch.
#[derive(Debug, Default)]
pub struct Mood {
    trouble: Option<String>,
}

impl Mood {
    /// Takes note of how a look went, and logs what is new about it.
    pub fn note(&mut self, what: &str, result: Result<()>) {
        let trouble = result.err().map(|error| format!("{error:#}").replace('\n', " "));
        if trouble == self.trouble {
            return;
        }
        match &trouble {
            Some(trouble) => warn!("{what}: {trouble}; trying again"),
            None => info!("{what}: all is well again"),
        }
        self.trouble = trouble;
    }
}
