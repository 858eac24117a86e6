//! Takes connections in and gives each a thread.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use log::warn;
use pontus_proto::Connection;
use pontus_scheduler::SessionId;

use crate::engine::Message;
use crate::session;
use crate::shared::Shared;
use crate::strangers::{Stranger, Strangers};

/// A session's stack. It holds one read buffer and the parser's recursion; thousands of them have to fit.
const SESSION_STACK_BYTES: usize = 512 * 1024;

/// Connections that may wait to be taken in. The standard library asks for 128, and whoever comes when so many wait is not heard
/// for a second; more than this would wait too long themselves.
const BACKLOG: i32 = 1024;

/// How often a thread for a connection is asked for. Each time before, the stranger that has been here longest makes room; its
/// thread is gone only a moment after it has left.
const THREAD_TRIES: u32 = 4;

/// From one complaint about connections to the next.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// How long to leave `accept` alone after it failed, most likely for want of descriptors: it would fail again at once.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Binds the first of `addresses` that this machine has. One that is taken is not passed over: a second dispatcher behind
/// the same name would split the queue.
///
/// # Errors
/// Why it cannot be bound.
pub fn bind(addresses: &[SocketAddr]) -> Result<TcpListener> {
    let is_elsewhere = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
    };
    let mut tried = addresses.iter().map(|address| (address, TcpListener::bind(address)));
    let first = tried.find(|(_, bound)| !bound.as_ref().is_err_and(is_elsewhere));
    let (address, bound) = first.context("cannot listen: this machine has no such address")?;
    let listen = |listener| rustix::net::listen(&listener, BACKLOG).map(|()| listener);
    let listening = bound.and_then(|bound| listen(bound).map_err(io::Error::from));
    listening.map_err(plain).with_context(|| format!("cannot listen on {address}"))
}

/// The error in the words that people know, without the number.
fn plain(error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("address already in use (another dispatcher? give another --port)")
        }
        io::ErrorKind::PermissionDenied => anyhow::anyhow!("permission denied"),
        _ => error.into(),
    }
}

/// Takes connections in for ever.
pub fn run(
    listener: &TcpListener,
    connections_max: usize,
    engine: &Sender<Message>,
    shared: &Arc<Shared>,
) {
    let places = Arc::new(Places { open: AtomicUsize::new(0), connections_max });
    let strangers = Arc::new(Strangers::default());
    let mut complaints = Complaints::default();
    for number in 1.. {
        let stream = Arc::new(accept(listener, &strangers, &mut complaints));
        let stranger = Arc::new(strangers.admit(number, &stream));
        let serve = || {
            let (engine, shared, stream) = (engine.clone(), Arc::clone(shared), stream.clone());
            let door = Door { stranger: Some(stranger.clone()), places: Arc::clone(&places) };
            let thread = thread::Builder::new().name(format!("session-{number}"));
            thread.stack_size(SESSION_STACK_BYTES).spawn(move || {
                if let Ok(connection) = Connection::new(stream) {
                    session::serve(SessionId(number), connection, door, engine, &shared);
                }
            })
        };
        let mut served = serve();
        for _ in 1..THREAD_TRIES {
            let Err(error) = &served else { break };
            complaints.say("cannot serve a connection", error);
            strangers.make_room();
            served = serve();
        }
    }
}

fn accept(listener: &TcpListener, strangers: &Strangers, complaints: &mut Complaints) -> TcpStream {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                complaints.say("cannot accept connections", &error);
                // Whoever is not greeted yet makes room for one who may greet at once.
                if !strangers.make_room() {
                    thread::sleep(BACK_OFF);
                }
            }
        }
    }
}

/// What goes wrong with connections, said now and then: whoever causes it should not fill the log, too.
#[derive(Debug, Default)]
struct Complaints {
    last: Option<Instant>,
}

impl Complaints {
    fn say(&mut self, what: &str, error: &io::Error) {
        if self.last.is_none_or(|last| last.elapsed() > COMPLAINT_PAUSE) {
            warn!("{what}: {error}");
            self.last = Some(Instant::now());
        }
    }
}

/// What a connection passes through when it is greeted.
#[derive(Debug)]
pub struct Door {
    /// None once it has been greeted.
    stranger: Option<Arc<Stranger>>,
    places: Arc<Places>,
}

impl Door {
    /// The peer has begun to greet as it should.
    pub fn said_hello(&self) {
        self.stranger.iter().for_each(|stranger| stranger.said_hello());
    }

    /// The peer takes one of the places that there are, and is a stranger no more. Where none is left it remains one, until it
    /// has been told so.
    pub fn pass(&mut self) -> Option<Place> {
        let place = Place { places: Arc::clone(&self.places) };
        let count = place.places.open.fetch_add(1, Ordering::Relaxed) + 1;
        let has_passed = count <= place.places.connections_max;
        has_passed.then(|| {
            drop(self.stranger.take());
            place
        })
    }
}

/// The connections that there may be.
#[derive(Debug)]
struct Places {
    open: AtomicUsize,
    connections_max: usize,
}

/// One of them, given back when its session ends, however that ends.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.open.fetch_sub(1, Ordering::Relaxed);
    }
}
