//! The side that dials and speaks first.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::connection::{Connection, ReadError};
use crate::id::HostName;
use crate::limits::{
    GREETING_BYTES_MAX, GREETING_MS_MAX, LINE_BYTES_MAX, POLL_MS_MAX, PROTOCOL, TOKENS_MAX,
    WRITE_MS_MAX,
};
use crate::message::{Code, ParseError, Reply, Request, Role, decode_reply, encode};
use crate::text::escaped;
use crate::trust::{Greeting, Nonce, Side, Token};

/// How often it is dialled in a row where the connection ends in the greeting. Among too many strangers a dispatcher shows the
/// oldest out, which may be us: the next time we are the newest.
const DIALS_MAX: u32 = 4;

/// Why a question has no answer. The connection is of no use afterwards, except after `Refused`.
///
/// Each says its whole reason itself and names no source: whoever prints an error with its sources would say it twice.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection.
    #[error("cannot reach the dispatcher at {address}: {reason}{}", advice(reason))]
    Unreachable {
        /// What was dialled.
        address: String,
        /// What the network says.
        reason: io::Error,
    },
    /// The connection broke, or nobody answered in time.
    #[error("lost the dispatcher: {0}")]
    Lost(ReadError),
    /// The peer does not speak as a dispatcher does.
    #[error("the peer does not speak this protocol: {0}")]
    Garbled(ParseError),
    /// We cannot prove who we are: it says why.
    #[error("{0}")]
    NoToken(String),
    /// Whoever listens there does not know our token.
    #[error(
        "whoever listens there did not prove that it knows our token: another user's dispatcher, or one with another token \
         (or with --no-auth)"
    )]
    Unproven,
    /// A reply that does not belong to the request.
    #[error("the dispatcher's answer does not fit the question")]
    Unfitting,
    /// The dispatcher said no.
    #[error("the dispatcher refused: {}", escaped(message))]
    Refused {
        /// For the program.
        code: Code,
        /// For the person.
        message: String,
    },
    /// The request is too long for a line.
    #[error(transparent)]
    TooLong(#[from] crate::line::LineTooLong),
}

impl From<ReadError> for ClientError {
    fn from(error: ReadError) -> ClientError {
        ClientError::Lost(error)
    }
}

impl From<ParseError> for ClientError {
    fn from(error: ParseError) -> ClientError {
        ClientError::Garbled(error)
    }
}

/// What to do about a dispatcher that cannot be reached, where that is plain.
fn advice(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::ConnectionRefused => {
            "; nobody listens there: start the dispatcher, or give --dispatcher-server"
        }
        _ => "",
    }
}

/// Who dials.
#[derive(Debug, Clone)]
pub struct Caller {
    /// What it is going to be.
    pub role: Role,
    /// What it calls itself; a runner has to.
    pub name: Option<HostName>,
    /// What it knows, nothing where it trusts whoever listens; or why it does not know what it should.
    pub tokens: Result<Vec<Token>, String>,
}

/// A greeted connection to a dispatcher.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
}

impl Client {
    /// How long an answer may take: the longest poll, and what a loaded machine adds.
    pub const ANSWER: Duration = Duration::from_millis(POLL_MS_MAX + WRITE_MS_MAX);

    /// Dials `address` (`HOST:PORT`), trying each address that the name has, and greets within
    /// [`GREETING_MS_MAX`].
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn connect(address: &str, caller: &Caller) -> Result<Client, ClientError> {
        Client::connect_within(Duration::from_millis(GREETING_MS_MAX), address, caller)
    }

    /// The same, for somebody who has less time than that.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn connect_within(
        time: Duration,
        address: &str,
        caller: &Caller,
    ) -> Result<Client, ClientError> {
        let deadline = Instant::now() + time.min(Duration::from_millis(GREETING_MS_MAX));
        for _ in 1..DIALS_MAX {
            match Client::connect_before(deadline, address, caller) {
                Err(ClientError::Lost(ReadError::Closed | ReadError::Io(_))) => {}
                result => return result,
            }
        }
        Client::connect_before(deadline, address, caller)
    }

    fn connect_before(
        deadline: Instant,
        address: &str,
        caller: &Caller,
    ) -> Result<Client, ClientError> {
        let unreachable = |reason| ClientError::Unreachable { address: address.to_owned(), reason };
        let stream = dial(address, deadline).map_err(unreachable)?;
        let mut client = Client { connection: Connection::new(stream).map_err(unreachable)? };
        // Whoever listens there is a stranger to us, too.
        client.connection.limit_lines(GREETING_BYTES_MAX);
        client.greet(caller, deadline)?;
        client.connection.limit_lines(LINE_BYTES_MAX);
        Ok(client)
    }

    /// Says who we are. Where we know a token, the dispatcher has to prove that it does, before it hears anything else.
    fn greet(&mut self, caller: &Caller, deadline: Instant) -> Result<(), ClientError> {
        let tokens = caller.tokens.as_ref().map_err(|why| ClientError::NoToken(why.clone()))?;
        let nonce = match tokens[..] {
            [] => None,
            _ => Some(Nonce::draw().map_err(|error| ClientError::Lost(ReadError::Io(error)))?),
        };
        let hello = Request::Hello {
            protocol: PROTOCOL,
            role: caller.role,
            name: caller.name.clone(),
            nonce: nonce.clone(),
        };
        let welcome = match (self.ask_before(&hello, deadline)?, nonce) {
            (Reply::Challenge { nonce: dispatcher, proofs }, Some(client)) => {
                let (role, name) = (caller.role, caller.name.clone());
                let greeting = Greeting { role, name, client, dispatcher };
                let proven = |token: &&Token| {
                    let mut proofs = proofs.iter().take(TOKENS_MAX);
                    proofs.any(|proof| greeting.holds(Side::Dispatcher, token, proof))
                };
                let token = tokens.iter().find(proven).ok_or(ClientError::Unproven)?;
                let proof = greeting.prove(Side::Client, token);
                self.ask_before(&Request::Prove { proof }, deadline)?
            }
            (_, Some(_)) => return Err(ClientError::Unproven),
            (reply, None) => reply,
        };
        match welcome {
            Reply::Welcome { .. } => Ok(()),
            _ => Err(ClientError::Unfitting),
        }
    }

    /// Sends one request and waits for its one reply. An `error` reply is [`ClientError::Refused`].
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn ask(&mut self, request: &Request) -> Result<Reply, ClientError> {
        self.ask_within(Client::ANSWER, request)
    }

    /// The same, for somebody who does not wait for an answer as long as [`ANSWER`](Client::ANSWER).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn ask_within(&mut self, time: Duration, request: &Request) -> Result<Reply, ClientError> {
        self.ask_before(request, Instant::now() + time.min(Client::ANSWER))
    }

    /// A way to end this connection from another thread while an answer is awaited.
    ///
    /// # Errors
    /// Where there is no descriptor left for it.
    pub fn hang_up(&self) -> io::Result<HangUp> {
        self.connection.try_clone_stream().map(HangUp)
    }

    fn ask_before(&mut self, request: &Request, deadline: Instant) -> Result<Reply, ClientError> {
        let line = encode(request)?;
        let sent = self.connection.write_line(&line, deadline);
        // A peer that hangs up may have said why before it did: its last line is worth more than our broken pipe.
        let line = match (self.connection.read_line(deadline), sent) {
            (Ok(line), _) => line,
            (Err(_), Err(error)) => return Err(ReadError::Io(error).into()),
            (Err(error), Ok(())) => return Err(error.into()),
        };
        match decode_reply(&line)? {
            Reply::Error { code, message } => Err(ClientError::Refused { code, message }),
            reply => Ok(reply),
        }
    }
}

/// Ends a [`Client`]'s connection from elsewhere. An answer that has arrived by then is still read.
#[derive(Debug)]
pub struct HangUp(TcpStream);

impl HangUp {
    /// Says no more on it. Whatever is on its way to us is still heard.
    pub fn say_no_more(&self) {
        // It may have ended by itself.
        self.0.shutdown(Shutdown::Write).ok();
    }

    /// Ends it.
    pub fn now(&self) {
        // It may have ended by itself.
        self.0.shutdown(Shutdown::Both).ok();
    }
}

/// The first of the name's addresses that answers, within what is left of the time.
fn dial(address: &str, deadline: Instant) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let addresses: Vec<_> = address.to_socket_addrs()?.collect();
    for (tried, address) in addresses.iter().enumerate() {
        // One address that swallows everything must leave time for the others.
        match dial_one(address, deadline, addresses.len() - tried) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn dial_one(address: &SocketAddr, deadline: Instant, left: usize) -> io::Result<TcpStream> {
    let share =
        deadline.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(1);
    TcpStream::connect_timeout(address, share.max(Duration::from_millis(1)))
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    /// What is said by those who print an error with all its sources.
    fn with_sources(error: &ClientError) -> String {
        let mut said = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            said.push_str(&format!(": {error}"));
            source = error.source();
        }
        said
    }

    #[test]
    fn every_reason_is_said_once() {
        let garbled = decode_reply(b"nonsense").unwrap_err();
        let too_long = crate::line::LineTooLong { bytes_max: 8 };
        let errors = [
            (ClientError::from(ReadError::TimedOut), "nothing was heard in time".to_owned()),
            (ReadError::Io(io::Error::other("no cable")).into(), "no cable".to_owned()),
            (ReadError::TooLong(too_long).into(), too_long.to_string()),
            (too_long.into(), too_long.to_string()),
            (garbled.into(), decode_reply(b"nonsense").unwrap_err().to_string()),
        ];
        for (error, reason) in errors {
            let said = with_sources(&error);
            assert_eq!(said, error.to_string());
            assert_eq!(said.matches(&reason).count(), 1, "{said}");
        }
    }

    #[test]
    fn advice_is_given_where_nobody_listens() {
        let said = |kind: io::ErrorKind| {
            let address = "localhost:8888".to_owned();
            ClientError::Unreachable { address, reason: kind.into() }.to_string()
        };
        let refused = said(io::ErrorKind::ConnectionRefused);
        let advice = "; nobody listens there: start the dispatcher, or give --dispatcher-server";
        assert!(
            refused.starts_with("cannot reach the dispatcher at localhost:8888: "),
            "{refused}"
        );
        assert!(refused.ends_with(advice), "{refused}");
        assert!(!said(io::ErrorKind::TimedOut).contains("nobody listens"));
    }
}
