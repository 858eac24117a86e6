//! A link: a TCP proxy between one of the programs and the dispatcher, on which faults happen.
//!
//! What it does to a connection is what a network could do: bytes come late, in small pieces, or not any more. None is ever left
//! out of a stream that goes on.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From who dials to the dispatcher.
    There,
    /// From the dispatcher.
    Back,
}

/// How a link is for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// As if it were not there.
    Clear,
    /// Nobody is let through: who dials is hung up on.
    Down,
    /// Nothing moves, and nothing is lost.
    Frozen,
    /// Each piece takes so long.
    Slow(Duration),
    /// So many bytes go in one piece.
    Sliced(usize),
    /// What goes this way never arrives, and never will on the connections that there are, nor is their end heard of.
    Hole(Way),
}

impl Weather {
    /// What it is called among the figures.
    pub fn name(self) -> &'static str {
        match self {
            Weather::Clear => "clear",
            Weather::Down => "down",
            Weather::Frozen => "freeze_link",
            Weather::Slow(_) => "delay",
            Weather::Sliced(_) => "slice",
            Weather::Hole(Way::There) => "black_hole_there",
            Weather::Hole(Way::Back) => "black_hole_back",
        }
    }
}

/// How the connections of a link end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// In order, as far as both ends can tell.
    Cut,
    /// With a reset.
    Reset,
}

/// How long a write may be stuck before it is looked whether the connection has been broken meanwhile.
const WRITE_LOOK: Duration = Duration::from_millis(50);

/// How long the dispatcher may take to be reached.
const DIAL: Duration = Duration::from_secs(1);

/// What is read at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// A link, for as long as it is kept.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    sky: Arc<Sky>,
    listener: Option<JoinHandle<()>>,
}

/// What the threads of a link share.
#[derive(Debug)]
struct Sky {
    target: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    weather: Weather,
    until: Instant,
    pairs: Vec<Weak<Pair>>,
    closed: bool,
}

/// A connection with its two ends. The sockets are closed when both threads have left it.
#[derive(Debug)]
struct Pair {
    dialled: TcpStream,
    dispatcher: TcpStream,
    /// Whether a hole has swallowed something on each way: then nothing more may come that way.
    holed: [AtomicBool; 2],
    broken: AtomicBool,
}

impl Link {
    /// A link to the dispatcher at `target`.
    pub fn new(target: &str) -> Link {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state =
            State { weather: Weather::Clear, until: Instant::now(), pairs: vec![], closed: false };
        let target = target.parse().unwrap();
        let sky = Arc::new(Sky { target, state: Mutex::new(state), changed: Condvar::new() });
        let listening = Arc::clone(&sky);
        let listener = Some(thread::spawn(move || listen(&listener, &listening)));
        Link { address, sky, listener }
    }

    /// Where to dial.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Changes the weather, for so long.
    pub fn set(&self, weather: Weather, length: Duration) {
        if weather == Weather::Down {
            self.end(Break::Cut);
        }
        let mut state = self.sky.state();
        (state.weather, state.until) = (weather, Instant::now() + length);
        drop(state);
        self.sky.changed.notify_all();
    }

    /// Ends the connections that there are.
    pub fn end(&self, how: Break) {
        self.sky
            .state()
            .pairs
            .drain(..)
            .filter_map(|pair| pair.upgrade())
            .for_each(|pair| pair.end(how));
        self.sky.changed.notify_all();
    }

    /// Clears up. What a hole has swallowed of is never whole again, so it ends.
    pub fn heal(&self) {
        self.set(Weather::Clear, Duration::ZERO);
        let pairs = self.sky.state().pairs.clone();
        let holed = pairs.iter().filter_map(Weak::upgrade).filter(|pair| pair.is_holed());
        holed.for_each(|pair| pair.end(Break::Cut));
        self.sky.changed.notify_all();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.sky.state().closed = true;
        self.end(Break::Cut);
        // Wakes who listens.
        TcpStream::connect(self.address).ok();
        self.listener.take().map(JoinHandle::join);
    }
}

impl Sky {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is like now.
    fn weather(&self) -> Weather {
        let state = self.state();
        if Instant::now() < state.until { state.weather } else { Weather::Clear }
    }

    /// Waits for a change, at most so long.
    fn wait(&self, length: Duration) {
        drop(self.changed.wait_timeout(self.state(), length));
    }
}

fn listen(listener: &TcpListener, sky: &Arc<Sky>) {
    for stream in listener.incoming().map_while(Result::ok) {
        if sky.state().closed {
            return;
        }
        if sky.weather() != Weather::Down {
            // A dispatcher that is not there is one that hangs up.
            connect(stream, sky).ok();
        }
    }
}

/// Joins who has dialled with the dispatcher.
fn connect(dialled: TcpStream, sky: &Arc<Sky>) -> std::io::Result<()> {
    let dispatcher = TcpStream::connect_timeout(&sky.target, DIAL)?;
    for stream in [&dialled, &dispatcher] {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_LOOK))?;
    }
    let (holed, broken) = Default::default();
    let pair = Arc::new(Pair { dialled, dispatcher, holed, broken });
    let mut state = sky.state();
    state.pairs.retain(|pair| pair.strong_count() > 0);
    state.pairs.push(Arc::downgrade(&pair));
    drop(state);
    for way in [Way::There, Way::Back] {
        let (pair, sky) = (Arc::clone(&pair), Arc::clone(sky));
        thread::spawn(move || pair.pump(way, &sky));
    }
    Ok(())
}

impl Pair {
    fn streams(&self, way: Way) -> (&TcpStream, &TcpStream) {
        match way {
            Way::There => (&self.dialled, &self.dispatcher),
            Way::Back => (&self.dispatcher, &self.dialled),
        }
    }

    fn is_holed(&self) -> bool {
        self.holed.iter().any(|holed| holed.load(SeqCst))
    }

    /// Ends both ends. Who reads of them here is woken and leaves; a reset goes out when the last has left.
    fn end(&self, how: Break) {
        self.broken.store(true, SeqCst);
        for stream in [&self.dialled, &self.dispatcher] {
            match how {
                Break::Cut => stream.shutdown(Shutdown::Both).ok(),
                Break::Reset => {
                    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).ok();
                    stream.shutdown(Shutdown::Read).ok()
                }
            };
        }
    }

    /// Carries one way until its end, and tells the other side of that.
    fn pump(&self, way: Way, sky: &Sky) {
        let (mut from, to) = self.streams(way);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match from.read(&mut piece) {
                Ok(bytes) if bytes > 0 => {
                    if !self.carry(way, sky, &piece[..bytes]) {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        let is_silent = self.holed[way as usize].load(SeqCst) || self.in_hole(way, sky);
        if is_silent {
            // Nobody hears of the end before the weather clears up.
            while !self.broken.load(SeqCst) && !sky.state().closed {
                sky.wait(WRITE_LOOK);
            }
        } else if !self.broken.load(SeqCst) {
            to.shutdown(Shutdown::Write).ok();
        }
    }

    /// Whether nothing arrives this way. Once that was so it stays so.
    fn in_hole(&self, way: Way, sky: &Sky) -> bool {
        let holed = &self.holed[way as usize];
        if sky.weather() == Weather::Hole(way) {
            holed.store(true, SeqCst);
        }
        holed.load(SeqCst)
    }

    /// Brings a piece to the other side, as the weather is. False where that cannot be done any more.
    fn carry(&self, way: Way, sky: &Sky, piece: &[u8]) -> bool {
        while sky.weather() == Weather::Frozen && !self.broken.load(SeqCst) {
            sky.wait(WRITE_LOOK);
        }
        if self.in_hole(way, sky) {
            return true;
        }
        match sky.weather() {
            Weather::Slow(time) => {
                self.dwell(sky, time);
                self.write(way, piece)
            }
            Weather::Sliced(bytes) => piece.chunks(bytes).all(|slice| self.write(way, slice)),
            _ => self.write(way, piece),
        }
    }

    fn dwell(&self, sky: &Sky, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.broken.load(SeqCst) {
            sky.wait(until.saturating_duration_since(Instant::now()));
        }
    }

    fn write(&self, way: Way, mut piece: &[u8]) -> bool {
        let (_, mut to) = self.streams(way);
        while !piece.is_empty() && !self.broken.load(SeqCst) {
            match to.write(piece) {
                Ok(bytes) => piece = &piece[bytes..],
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return false,
            }
        }
        piece.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for what should arrive, and short enough to wait for what should not.
    const LOOK: Duration = Duration::from_millis(300);

    /// A link, and the two ends of a connection through it.
    fn joined() -> (Link, TcpStream, TcpStream) {
        let dispatcher = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = Link::new(&dispatcher.local_addr().unwrap().to_string());
        let dialled = TcpStream::connect(link.address()).unwrap();
        let (accepted, _) = dispatcher.accept().unwrap();
        // Once something has come through, the link knows the connection.
        dialled.set_read_timeout(Some(100 * DIAL)).unwrap();
        accepted.set_read_timeout(Some(LOOK)).unwrap();
        assert_eq!(said(&accepted, &dialled), Ok(*b"hello"));
        (link, dialled, accepted)
    }

    /// What arrives of a word within the time.
    fn said(mut from: &TcpStream, mut to: &TcpStream) -> Result<[u8; 5], ErrorKind> {
        from.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        to.read_exact(&mut heard).map(|()| heard).map_err(|error| error.kind())
    }

    #[test]
    fn all_that_is_sent_arrives_in_fair_weather_and_in_pieces() {
        let (link, dialled, accepted) = joined();
        accepted.set_read_timeout(Some(100 * DIAL)).unwrap();
        for weather in
            [Weather::Clear, Weather::Sliced(1), Weather::Slow(Duration::from_millis(20))]
        {
            link.set(weather, 100 * DIAL);
            assert_eq!(said(&dialled, &accepted), Ok(*b"hello"), "{weather:?}");
            assert_eq!(said(&accepted, &dialled), Ok(*b"hello"), "{weather:?}");
        }
    }

    #[test]
    fn what_is_frozen_arrives_later() {
        let (link, dialled, mut accepted) = joined();
        link.set(Weather::Frozen, 100 * DIAL);
        assert_eq!(said(&dialled, &accepted), Err(ErrorKind::WouldBlock));
        link.heal();
        accepted.set_read_timeout(Some(100 * DIAL)).unwrap();
        let mut heard = [0; 5];
        accepted.read_exact(&mut heard).unwrap();
        assert_eq!(heard, *b"hello");
    }

    #[test]
    fn a_hole_is_in_one_direction_and_for_good() {
        let (link, dialled, accepted) = joined();
        link.set(Weather::Hole(Way::There), 100 * DIAL);
        assert_eq!(said(&dialled, &accepted), Err(ErrorKind::WouldBlock));
        assert_eq!(said(&accepted, &dialled), Ok(*b"hello"));
        // Nobody finds a gap in what he hears: the connection ends.
        link.heal();
        accepted.set_read_timeout(Some(100 * DIAL)).unwrap();
        assert_eq!((&accepted).read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn an_end_is_heard_of_as_it_was_meant() {
        let (link, _dialled, accepted) = joined();
        accepted.set_read_timeout(Some(100 * DIAL)).unwrap();
        link.end(Break::Cut);
        assert_eq!((&accepted).read(&mut [0]).unwrap(), 0);
        let (link, dialled, accepted) = joined();
        link.end(Break::Reset);
        for end in [dialled, accepted] {
            end.set_read_timeout(Some(100 * DIAL)).unwrap();
            let reset = (&end).read(&mut [0]).map_err(|error| error.kind());
            assert_eq!(reset, Err(ErrorKind::ConnectionReset));
        }
    }
}
