//! The dispatcher from its start to its end: who is started in which order, and how all of it stops.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use log::{info, warn};
use pontus_cli::TokenFile;
use pontus_scheduler::{Scheduler, Stored};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::board::Board;
use crate::clock::Clock;
use crate::config::Config;
use crate::descriptors;
use crate::engine::{Engine, Message};
use crate::exit::{self, DiskFailed};
use crate::folder::Folder;
use crate::listener;
use crate::manager;
use crate::publisher::{Job, Publisher};
use crate::repair::{self, Repaired};
use crate::shared::Shared;
use crate::store::{LazyReader, Store};
use crate::tide::Tide;
use crate::trust::{Tokens, Trust};

/// How long the last answers may take at the end. Their peers are waiting for them, so it is far less in practice.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Serves until a signal says stop.
///
/// # Errors
/// Where it cannot start, or the disk fails it.
pub fn serve(config: Config) -> Result<()> {
    let folder = Arc::new(Folder::open(&config.results_dir)?);
    let trust = trust(config.token)?;
    let listener = listener::bind(&config.addresses)?;
    let (store, stored) = remembered(&folder)?;
    let (events, messages) = channel();
    stop_on_signals(events.clone())?;

    let Repaired { missing, retention } = repair::repair(&folder, &store, &stored, config.keep)?;
    let (publisher, jobs) = channel();
    let places = Arc::clone(store.places());
    let worker = Publisher::new(Arc::clone(&folder), retention, LazyReader::new(&places));
    let publishing = publish(worker, jobs, events.clone())?;
    publisher.send(Job::Repair(missing)).ok();

    let clock = Clock::new();
    let paused = store.is_paused()?;
    let scheduler = Scheduler::restore(config.scheduler, stored, paused, clock.now());
    let tide = Arc::new(Tide::default());
    let mailboxes = BTreeMap::new();
    let engine = Engine {
        config: config.scheduler,
        keep: config.keep,
        scheduler,
        store,
        folder: Arc::clone(&folder),
        clock,
        publisher,
        unwritten: Arc::default(),
        tide: Arc::clone(&tide),
        trouble: None,
        next_try: clock.now(),
        found: None,
        mailboxes,
    };

    let gate = Arc::new(Gate::default());
    let shared = Arc::new(Shared {
        folder,
        trust,
        gate: Arc::clone(&gate),
        tide: Arc::clone(&tide),
        board: Board::default(),
        reader: Mutex::new(LazyReader::new(&places)),
        places,
        lease_ms: config.scheduler.lease_ms,
        attempt_timeout_ms: config.attempt_timeout_ms,
    });
    let address = listener.local_addr().context("cannot tell where it listens")?;
    let connections_max = descriptors::connections_max(config.connections_max);
    thread::Builder::new().name("listener".to_owned()).spawn(move || {
        listener::run(&listener, connections_max, &events, &shared);
    })?;
    if let Some(warning) = warning(address) {
        warn!("{warning}");
    }
    announce(address);
    manager::tell(manager::READY);

    let ended = engine.run(&messages);
    manager::tell(manager::STOPPING);
    // Whoever waits for an answer now hears that we are leaving.
    drop(messages);
    tide.close();
    publishing.join().expect("a panic there ends the process");
    gate.wait_until_empty(LAST_ANSWERS);
    ended
}

/// What whoever listens on `address` should know, if there is anything.
fn warning(address: SocketAddr) -> Option<String> {
    let why = "is not loopback, and nothing is encrypted: across a network use ssh -L or WireGuard";
    (!address.ip().is_loopback()).then(|| format!("{address} {why}"))
}

/// What peers have to prove. The token is made at the first start.
fn trust(token: Option<TokenFile>) -> Result<Trust> {
    let Some(file) = token else { return Ok(Trust::NoAuth) };
    file.make()?;
    Ok(Trust::Tokens(Tokens::of(file)?))
}

/// The database, and what it knows of commits.
fn remembered(folder: &Folder) -> Result<(Store, Vec<Stored>)> {
    let path = folder.database();
    let read = || -> Result<_> {
        let store = Store::open(&path)?;
        let stored = store.stored();
        Ok((store, stored.with_context(|| format!("cannot use {}", path.display()))?))
    };
    // A full disk has many ways to show itself here.
    let is_full = || folder.try_room().is_err_and(|error| exit::is_full_kind(error.kind()));
    read().map_err(|error| if is_full() { error.context(DiskFailed) } else { error })
}

/// Has results published on a thread of their own. Where the disk fails it, the engine hears so.
fn publish(
    publisher: Publisher,
    jobs: Receiver<Job>,
    events: Sender<Message>,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("publisher".to_owned()).spawn(move || {
        if let Err(failure) = publisher.run(&jobs) {
            events.send(Message::Failed(failure)).ok();
        }
    })
}

/// The one line on standard output. It is no reason to end if nobody reads it any more.
fn announce(address: SocketAddr) {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {address}").and_then(|()| out.flush()).ok();
}

/// The first signal ends the dispatcher in order, the second at once: nothing that was acknowledged depends on order.
fn stop_on_signals(events: Sender<Message>) -> Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("cannot listen to signals")?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut signals = signals.forever();
        if signals.next().is_some() {
            info!("stopping");
            events.send(Message::Stop).ok();
        }
        if signals.next().is_some() {
            std::process::exit(0);
        }
    })?;
    Ok(())
}

/// Counts the requests that are being answered, so that the end can wait for the last of them.
#[derive(Debug, Default)]
pub struct Gate {
    inside: Mutex<Inside>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Inside {
    count: usize,
    /// Whether somebody waits until there are none.
    is_waited_for: bool,
}

impl Gate {
    /// Counts one request until the pass is dropped.
    pub fn enter(&self) -> Pass<'_> {
        self.inside().count += 1;
        Pass(self)
    }

    fn wait_until_empty(&self, at_most: Duration) {
        let is_full = |inside: &mut Inside| {
            inside.is_waited_for = inside.count > 0;
            inside.is_waited_for
        };
        let waited = self.left.wait_timeout_while(self.inside(), at_most, is_full);
        drop(waited);
    }

    /// A number cannot be left half changed, so a panic elsewhere is no reason to stop counting.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request that is being answered.
#[derive(Debug)]
pub struct Pass<'a>(&'a Gate);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut inside = self.0.inside();
        inside.count -= 1;
        if inside.is_waited_for {
            self.0.left.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_nothing_is_encrypted() {
        for (address, is_warned) in
            [("127.0.0.1:1", false), ("[::1]:1", false), ("0.0.0.0:1", true), ("192.0.2.1:1", true)]
        {
            assert_eq!(warning(address.parse().unwrap()).is_some(), is_warned, "{address}");
        }
    }
}
