//! The trace: what happened in a run, in words, kept only where somebody will read it.

use std::fmt;

use pontus_scheduler::{SessionId, Time};

use crate::network::Client;

/// Who did something, or had it done to him.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    World,
    Network,
    Dispatcher,
    Disk,
    Client(Client),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Who::World => "world",
            Who::Network => "network",
            Who::Dispatcher => "dispatcher",
            Who::Disk => "disk",
            Who::Client(Client::Runner(number)) => return f.pad(&format!("runner {number}")),
            Who::Client(Client::Observer(number)) => return f.pad(&format!("observer {number}")),
            Who::Client(Client::User(number)) => return f.pad(&format!("user {number}")),
        };
        f.pad(name)
    }
}

/// Lines in the order of happening. A run is silent first; one that fails is run again with its trace kept.
#[derive(Debug)]
pub struct Trace(Option<Vec<String>>);

impl Trace {
    /// Keeps nothing.
    pub fn silent() -> Trace {
        Trace(None)
    }

    /// Keeps all.
    pub fn kept() -> Trace {
        Trace(Some(Vec::new()))
    }

    /// Something happened; it is put into words only where they are kept.
    pub(crate) fn note(
        &mut self,
        now: Time,
        who: Who,
        session: Option<SessionId>,
        text: impl FnOnce() -> String,
    ) {
        if let Some(lines) = &mut self.0 {
            let (seconds, ms) = (now.0 / 1_000, now.0 % 1_000);
            let session = session.map_or_else(String::new, |session| format!("#{}", session.0));
            lines.push(format!("{seconds:>4}.{ms:03}  {who:<10}  {session:>4}  {}", text()));
        }
    }

    /// A line for each thing that happened: when, in seconds; who; on which connection; and what.
    pub fn lines(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }
}
