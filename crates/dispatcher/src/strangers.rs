//! Peers that have not been greeted yet: only so many, and the one that has been here longest makes room for the next, first
//! of all among those that have not even said hello. So nobody who just sits there can keep out one who greets at once, and
//! however many come, they cost no more than that many.

use std::collections::VecDeque;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pontus_proto::limits::STRANGERS_MAX;

/// How long the next one waits for somebody who is shown out. A thread that waits for its peer notices at once; only a machine
/// that is very busy takes longer.
const LEAVING: Duration = Duration::from_millis(100);

/// All of them.
#[derive(Debug, Default)]
pub struct Strangers {
    here: Mutex<VecDeque<Guest>>,
    left: Condvar,
}

/// One of them, as the others see it.
#[derive(Debug)]
struct Guest {
    number: u64,
    stream: Arc<TcpStream>,
    said_hello: bool,
}

/// One of them, until it is greeted or gone.
#[derive(Debug)]
pub struct Stranger {
    number: u64,
    strangers: Arc<Strangers>,
}

impl Strangers {
    /// Takes one more in, and shows the oldest out first where there are as many as may be.
    pub fn admit(self: &Arc<Self>, number: u64, stream: &Arc<TcpStream>) -> Stranger {
        if self.here().len() >= STRANGERS_MAX {
            self.show_out_oldest();
        }
        self.here().push_back(Guest { number, stream: Arc::clone(stream), said_hello: false });
        Stranger { number, strangers: Arc::clone(self) }
    }

    /// Ends the connection of the one that has been here longest, and waits until it has left. Says whether anybody was here.
    pub fn show_out_oldest(&self) -> bool {
        let here = self.here();
        let silent = here.iter().find(|guest| !guest.said_hello);
        let Some(Guest { number, stream, .. }) = silent.or(here.front()) else { return false };
        let number = *number;
        // It may have left by itself.
        stream.shutdown(Shutdown::Both).ok();
        let is_here = |here: &mut VecDeque<Guest>| here.iter().any(|guest| guest.number == number);
        drop(self.left.wait_timeout_while(here, LEAVING, is_here));
        true
    }

    /// Entries come and go whole, so a panic elsewhere leaves nothing half done.
    fn here(&self) -> MutexGuard<'_, VecDeque<Guest>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    /// Others leave before it.
    pub fn said_hello(&self) {
        let mut here = self.strangers.here();
        if let Some(guest) = here.iter_mut().find(|guest| guest.number == self.number) {
            guest.said_hello = true;
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.strangers.here().retain(|guest| guest.number != self.number);
        self.strangers.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let strangers = Arc::new(Strangers::default());
        let mut come = |number: u64| {
            let theirs = TcpStream::connect(address).unwrap();
            let ours = Arc::new(listener.accept().unwrap().0);
            let stranger = strangers.admit(number, &ours);
            if number == 0 {
                stranger.said_hello();
            }
            let staying = thread::spawn(move || {
                assert_eq!((&*ours).read(&mut [0]).unwrap(), 0);
                drop(stranger);
            });
            (theirs, staying)
        };
        let mut peers: Vec<_> = (0..STRANGERS_MAX as u64 + 1).map(&mut come).collect();
        assert_eq!(strangers.here().len(), STRANGERS_MAX);
        let mut byte = [0];
        assert_eq!(
            peers[1].0.read(&mut byte).unwrap(),
            0,
            "the oldest that is silent was shown out"
        );
        for stays in [0, 2] {
            peers[stays].0.set_nonblocking(true).unwrap();
            let kind = peers[stays].0.read(&mut byte).unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::WouldBlock, "{stays} may stay");
        }
        for (theirs, staying) in peers {
            drop(theirs);
            staying.join().unwrap();
        }
        assert!(!strangers.show_out_oldest(), "nobody is left");
    }
}
