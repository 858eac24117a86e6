//! Who is there, before anything else is said.

use std::time::{Duration, Instant};

use pontus_proto::limits::{GREETING_BYTES_MAX, GREETING_MS_MAX, LINE_BYTES_MAX, PROTOCOL};
use pontus_proto::{Code, Connection, Reply, Request, decode_greeting};

use super::{farewell_to, say_farewell, write};
use crate::listener::{Door, Place};
use crate::translate::refusal;
use crate::trust::{Next, Peer, Trust};

/// How much is read and thrown away of a stranger that goes on writing after our last word: less than we owe a peer.
const UNREAD_OF_STRANGER_BYTES_MAX: usize = 256 * 1024;

/// Lets a peer in that has greeted as it should; the connection goes on with it, in one of the places that there are.
pub(super) fn greet(
    mut connection: Connection,
    mut door: Door,
    trust: &Trust,
) -> Option<(Connection, Peer, Place)> {
    let deadline = Instant::now() + Duration::from_millis(GREETING_MS_MAX);
    connection.limit_lines(GREETING_BYTES_MAX);
    let greeted = let_in(&mut connection, &door, trust, deadline).and_then(|peer| {
        let full = || refusal(Code::TooManyConnections, "the dispatcher has too many connections");
        Ok((peer, door.pass().ok_or_else(full)?))
    });
    connection.limit_lines(LINE_BYTES_MAX);
    match greeted {
        Ok((peer, place)) => {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let welcome = Reply::Welcome { protocol: PROTOCOL, version };
            write(&mut connection, &welcome, deadline).then_some((connection, peer, place))
        }
        Err(reply) => {
            if let Some(reply) = reply {
                say_farewell(connection, &reply, UNREAD_OF_STRANGER_BYTES_MAX);
            }
            None
        }
    }
}

/// Hears who the peer is, and has it prove that. Where it is not let in, what it is told, if it can be told anything.
fn let_in(
    connection: &mut Connection,
    door: &Door,
    trust: &Trust,
    deadline: Instant,
) -> Result<Peer, Option<Reply>> {
    match trust.hear(hear(connection, deadline)?)? {
        Next::Welcome(peer) => Ok(peer),
        Next::Challenge(challenge) => {
            door.said_hello();
            if !write(connection, &challenge.reply(), deadline) {
                return Err(None);
            }
            Ok(challenge.hear(hear(connection, deadline)?)?)
        }
    }
}

fn hear(connection: &mut Connection, deadline: Instant) -> Result<Request, Option<Reply>> {
    let line = connection.read_line(deadline).map_err(|error| farewell_to(&error))?;
    decode_greeting(&line).map_err(|error| Some(refusal(error.code, error.message)))
}
