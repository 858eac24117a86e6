//! Peers that have not been greeted yet: only so many, and the one that has been here longest makes room for the next, first
//! of all among those that have not even said hello. So nobody who just sits there, before hello or after it, can keep out one who
//! greets at once, and however many come, they cost no more than that many.

use std::collections::VecDeque;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pontus_proto::limits::STRANGERS_MAX;

/// How many may be on their way out at a time: a thread that waits for its peer notices only when it is its turn, which takes a
/// while on a busy machine, and whoever comes next should not have to wait for each of them.
pub const LEAVING_MAX: usize = 16;

/// How long the next one waits for one of those, where there are so many.
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
    stage: Stage,
}

/// How far one of them has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has said nothing of use.
    Silent,
    /// It has begun to greet as it should.
    SaidHello,
    /// It was shown out, and its thread has not noticed yet.
    Leaving,
}

/// One of them, until it is greeted or gone.
#[derive(Debug)]
pub struct Stranger {
    number: u64,
    strangers: Arc<Strangers>,
}

impl Strangers {
    /// Takes one more in, and shows one out first where there are as many as may be.
    pub fn admit(self: &Arc<Self>, number: u64, stream: &Arc<TcpStream>) -> Stranger {
        let mut here = self.here();
        if here.iter().filter(|guest| guest.stage != Stage::Leaving).count() >= STRANGERS_MAX {
            show_out(&mut here);
        }
        let mut here = self.wait_while(here, |count| count >= STRANGERS_MAX + LEAVING_MAX);
        here.push_back(Guest { number, stream: Arc::clone(stream), stage: Stage::Silent });
        Stranger { number, strangers: Arc::clone(self) }
    }

    /// Shows one out, and waits until one has left. Says whether anybody was here.
    pub fn make_room(&self) -> bool {
        let mut here = self.here();
        show_out(&mut here);
        let before = here.len();
        if before > 0 {
            drop(self.wait_while(here, |count| count >= before));
        }
        before > 0
    }

    /// Waits, not for ever, until there are fewer.
    fn wait_while<'a>(
        &self,
        here: MutexGuard<'a, VecDeque<Guest>>,
        are_too_many: impl Fn(usize) -> bool,
    ) -> MutexGuard<'a, VecDeque<Guest>> {
        let waited = self.left.wait_timeout_while(here, LEAVING, |here| are_too_many(here.len()));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Entries come and go whole, so a panic elsewhere leaves nothing half done.
    fn here(&self) -> MutexGuard<'_, VecDeque<Guest>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the connection of the one whose turn it is.
fn show_out(here: &mut VecDeque<Guest>) {
    let stages: Vec<Stage> = here.iter().map(|guest| guest.stage).collect();
    if let Some(guest) = next_out(&stages).and_then(|at| here.get_mut(at)) {
        // It may have left by itself.
        guest.stream.shutdown(Shutdown::Both).ok();
        guest.stage = Stage::Leaving;
    }
}

/// Which of them, oldest first, makes room. Neither those that are silent nor those that said hello can take more than half of
/// the room from the others: one who has just come would not find the time to say hello, or to prove who he is.
fn next_out(stages: &[Stage]) -> Option<usize> {
    let oldest = |wanted: Stage| stages.iter().position(|stage| *stage == wanted);
    let said_hello = stages.iter().filter(|stage| **stage == Stage::SaidHello).count();
    let (first, second) = if said_hello > STRANGERS_MAX / 2 {
        (Stage::SaidHello, Stage::Silent)
    } else {
        (Stage::Silent, Stage::SaidHello)
    };
    oldest(first).or(oldest(second))
}

impl Stranger {
    /// Those that are still silent leave before it, unless too many said hello.
    pub fn said_hello(&self) {
        let mut here = self.strangers.here();
        let mut guests = here.iter_mut().filter(|guest| guest.stage == Stage::Silent);
        if let Some(guest) = guests.find(|guest| guest.number == self.number) {
            guest.stage = Stage::SaidHello;
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
        assert!(!strangers.make_room(), "nobody is left");
    }

    #[test]
    fn those_who_said_hello_and_those_who_did_not_leave_room_for_each_other() {
        use Stage::{Leaving, SaidHello, Silent};
        let (most, few) = (STRANGERS_MAX - 1, STRANGERS_MAX / 2);
        let stages = |hellos: usize, silent: usize| {
            [vec![Leaving], vec![SaidHello; hellos], vec![Silent; silent]].concat()
        };
        assert_eq!(next_out(&stages(few, few)), Some(1 + few), "the oldest silent one");
        assert_eq!(next_out(&stages(most, 1)), Some(1), "not the one that has just come");
        assert_eq!(next_out(&stages(0, most)), Some(1));
        assert_eq!(next_out(&stages(3, 0)), Some(1));
        assert_eq!(next_out(&[Leaving]), None);
    }
}
