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
use pontus_proto::{Code, Connection, encode};
use pontus_scheduler::SessionId;

use crate::engine::Message;
use crate::session::{self, Shared};
use crate::translate::refusal;

/// A session's stack. It holds one read buffer and the parser's recursion; thousands of them have to fit.
const SESSION_STACK_BYTES: usize = 512 * 1024;

/// How long to leave `accept` alone after it failed, most likely for want of descriptors: it would fail again at once.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long a refused peer may take to hear so.
const REFUSAL: Duration = Duration::from_millis(100);

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
    bound.map_err(plain).with_context(|| format!("cannot listen on {address}"))
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
    let open = Arc::new(AtomicUsize::new(0));
    for number in 1.. {
        let stream = accept(listener);
        let place = Place::take(&open);
        if place.count > connections_max {
            refuse(stream);
            continue;
        }
        let (engine, shared) = (engine.clone(), Arc::clone(shared));
        let body = move || {
            let _place = place;
            if let Ok(connection) = Connection::new(stream) {
                session::serve(SessionId(number), connection, engine, &shared);
            }
        };
        let thread = thread::Builder::new()
            .name(format!("session-{number}"))
            .stack_size(SESSION_STACK_BYTES);
        if let Err(error) = thread.spawn(body) {
            warn!("cannot serve a connection: {error}");
        }
    }
}

fn accept(listener: &TcpListener) -> TcpStream {
    let mut said = false;
    loop {
        match listener.accept() {
            Ok((stream, _)) => return stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if !std::mem::replace(&mut said, true) {
                    warn!("cannot accept connections: {error}");
                }
                thread::sleep(BACK_OFF);
            }
        }
    }
}

fn refuse(stream: TcpStream) {
    let reply = refusal(Code::TooManyConnections, "the dispatcher has too many connections");
    let line = encode(&reply).expect("a short line");
    if let Ok(mut connection) = Connection::new(stream) {
        connection.write_line(&line, Instant::now() + REFUSAL).ok();
    }
}

/// One of the connections that there may be, given back when its thread ends, however that ends.
struct Place {
    open: Arc<AtomicUsize>,
    /// How many there were with this one.
    count: usize,
}

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Place {
        Place { count: open.fetch_add(1, Ordering::Relaxed) + 1, open: Arc::clone(open) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
