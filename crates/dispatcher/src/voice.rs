//! Says an answer to a session's peer from the thread that has it, without waiting for anything: so the session's own thread,
//! which listens to the peer meanwhile, is not woken for each answer.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use pontus_proto::{Reply, encode};
use pontus_scheduler::Answer;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::translate::{self, Context};

/// For one answer.
#[derive(Debug)]
pub struct Voice {
    stream: Arc<TcpStream>,
    context: Context,
}

impl Voice {
    /// One that speaks on `stream`, with what the wire says beyond the answer.
    pub fn new(stream: Arc<TcpStream>, context: Context) -> Voice {
        Voice { stream, context }
    }

    /// Says whether the peer will hear it, as far as anybody can know. The connection has ended otherwise.
    pub fn answer(self, answer: Answer) -> bool {
        // A runner that died while it waited is given nothing: another can have the commit at once.
        let is_assignment = matches!(answer, Answer::Assigned { .. });
        let is_last = answer == Answer::Replaced;
        if is_assignment && self.peer_has_left() {
            self.end(Shutdown::Both);
            return false;
        }
        let is_heard = self.say(&translate::reply(answer, &self.context));
        if is_heard && is_last {
            self.end(Shutdown::Read);
        }
        is_heard
    }

    /// The last word of a conversation.
    pub fn farewell(self, reply: &Reply) {
        if self.say(reply) {
            self.end(Shutdown::Read);
        }
    }

    /// A peer that has let so many answers lie that there is no room for another gets no more of them.
    fn say(&self, reply: &Reply) -> bool {
        let line = encode(reply).expect("the longest reply is far below a line's limit");
        let sent = send(&self.stream, &line, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        let is_whole = sent == Ok(line.len());
        if !is_whole {
            self.end(Shutdown::Both);
        }
        is_whole
    }

    /// Whether the peer is known to be gone already. Reads nothing and does not wait.
    fn peer_has_left(&self) -> bool {
        let peeked = recv(&self.stream, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        match peeked.map_err(io::Error::from) {
            Ok((count, _)) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Has the session's thread notice that it is over. It may have noticed by itself.
    fn end(&self, how: Shutdown) {
        self.stream.shutdown(how).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use pontus_proto::Attempt;

    use super::*;

    /// A voice, and who hears it.
    fn pair() -> (Arc<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Arc::new(listener.accept().unwrap().0), peer)
    }

    fn voice(stream: &Arc<TcpStream>) -> Voice {
        let context = Context {
            lease_ms: 10_000,
            attempt_timeout_ms: 1,
            output_bytes: 0,
            is_about_runner: false,
        };
        Voice::new(Arc::clone(stream), context)
    }

    fn assigned() -> Answer {
        let commit = "ab".repeat(20).parse().unwrap();
        Answer::Assigned { commit, attempt: Attempt(1), branch: None }
    }

    #[test]
    fn an_answer_is_heard_and_the_conversation_goes_on() {
        let (stream, mut peer) = pair();
        assert!(voice(&stream).answer(Answer::Recorded));
        peer.write_all(b"more").unwrap();
        let mut heard = [0; 20];
        peer.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"{\"type\":\"recorded\"}\n");
        (&*stream).read_exact(&mut heard[..4]).unwrap();
        assert_eq!(&heard[..4], b"more");
    }

    #[test]
    fn a_peer_that_left_is_given_nothing() {
        let (stream, peer) = pair();
        assert!(voice(&stream).answer(assigned()));
        peer.shutdown(Shutdown::Write).unwrap();
        // Its end has come when it can be read.
        assert_eq!((&*stream).read(&mut [0]).unwrap(), 0);
        assert!(!voice(&stream).answer(assigned()));
        // What was on its way is still heard, and nothing after it.
        let mut heard = String::new();
        (&peer).read_to_string(&mut heard).unwrap();
        assert_eq!(heard.lines().count(), 1, "{heard}");
    }

    #[test]
    fn the_last_word_is_heard_and_ends_the_session_s_listening() {
        let (stream, peer) = pair();
        voice(&stream).farewell(&translate::leaving());
        assert_eq!((&*stream).read(&mut [0]).unwrap(), 0);
        drop(stream);
        let mut heard = String::new();
        (&peer).read_to_string(&mut heard).unwrap();
        assert!(heard.contains("\"code\":\"stopping\""), "{heard}");
    }

    #[test]
    fn a_peer_that_lets_answers_lie_holds_up_nobody() {
        let (stream, _peer) = pair();
        // What two sockets hold at most, in answers of twenty bytes.
        let most = 64 * 1024 * 1024 / 20;
        assert!((0..most).any(|_| !voice(&stream).answer(Answer::Recorded)));
        assert_eq!((&*stream).read(&mut [0]).unwrap(), 0, "the session hears that it is over");
    }
}
