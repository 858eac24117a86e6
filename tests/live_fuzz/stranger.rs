//! Somebody who comes, says something, perhaps listens, and is gone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use fastrand::Rng;
use pontus_proto::{Greeting, Reply, Request, Side, Token, decode_reply, decode_request};

use crate::nonsense;

/// How long it listens for an answer that may never come.
const LISTENS: Duration = Duration::from_millis(30);

/// What it knows of the token.
#[derive(Clone)]
pub enum Knowledge {
    /// There is none.
    NoneNeeded,
    /// It makes one up, and must never be let in.
    Wrong,
    /// The right one: it gets past the greeting where it does not stumble there.
    Token(Token),
}

pub struct Stranger {
    server: String,
    knowledge: Knowledge,
    lines: Vec<Vec<u8>>,
    random: Rng,
}

impl Stranger {
    pub fn new(server: String, knowledge: Knowledge, seed: u64) -> Stranger {
        let random = Rng::with_seed(seed);
        Stranger { server, knowledge, lines: nonsense::lines(), random }
    }

    /// One connection, from its beginning to its end.
    pub fn comes_and_goes(&mut self) {
        let stream = TcpStream::connect(&self.server).unwrap();
        stream.set_read_timeout(Some(LISTENS)).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        // Whoever is shown out notices by an error, and goes.
        self.talks(&stream).ok();
    }

    fn talks(&mut self, stream: &TcpStream) -> std::io::Result<()> {
        let session = nonsense::session(&self.lines, &mut self.random);
        match self.knowledge.clone() {
            Knowledge::NoneNeeded => {
                let mut hello = nonsense::hello(&mut self.random, None);
                self.spoil_sometimes(&mut hello);
                self.say(stream, &hello)?;
            }
            Knowledge::Wrong => {
                let token = Token::from_bytes(std::array::from_fn(|_| self.random.u8(..)));
                let heard = self.greet(stream, &token)?;
                assert!(!heard.contains("welcome"), "let in without the token: {heard}");
            }
            Knowledge::Token(token) => drop(self.greet(stream, &token)?),
        }
        self.say(stream, &session)?;
        if self.random.bool() {
            let mut heard = Vec::new();
            // Silence ends it, as an error.
            stream.take(1 << 16).read_to_end(&mut heard).ok();
            let heard = String::from_utf8(heard).unwrap();
            let wrong = matches!(self.knowledge, Knowledge::Wrong);
            assert!(!wrong || !heard.contains("accepted"), "{heard}");
        }
        Ok(())
    }

    /// Greets with `token`, and stumbles now and then. Returns what came of it.
    fn greet(&mut self, stream: &TcpStream, token: &Token) -> std::io::Result<String> {
        let nonce = "5f1c8e0a".repeat(8);
        let said = nonsense::hello(&mut self.random, Some(&nonce));
        let mut hello = said.clone();
        self.spoil_sometimes(&mut hello);
        self.say(stream, &hello)?;
        let mut lines = BufReader::new(stream);
        let mut challenge = String::new();
        lines.read_line(&mut challenge)?;
        let mut prove = prove(&said, &challenge, token).unwrap_or_else(|| b"{}\n".to_vec());
        self.spoil_sometimes(&mut prove);
        self.say(stream, &prove)?;
        let mut heard = String::new();
        lines.read_line(&mut heard)?;
        Ok(heard)
    }

    fn spoil_sometimes(&mut self, line: &mut Vec<u8>) {
        if self.random.u8(..3) == 0 {
            nonsense::spoil(line, &mut self.random);
        }
    }

    /// In one piece or in several, and sometimes not to the end.
    fn say(&mut self, mut stream: &TcpStream, bytes: &[u8]) -> std::io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let whole = self.random.bool();
            let length = if whole { rest.len() } else { self.random.usize(1..=rest.len()) };
            stream.write_all(&rest[..length])?;
            rest = &rest[length..];
            if self.random.u8(..40) == 0 {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
        }
        Ok(())
    }
}

/// The proof that the hello and the challenge ask for, where they do.
fn prove(hello: &[u8], challenge: &str, token: &Token) -> Option<Vec<u8>> {
    let Ok(Request::Hello { role, name, nonce: Some(client), .. }) = decode_request(hello) else {
        return None;
    };
    let Ok(Reply::Challenge { nonce: dispatcher, .. }) = decode_reply(challenge.as_bytes()) else {
        return None;
    };
    let greeting = Greeting { role, name, client, dispatcher };
    let proof = greeting.prove(Side::Client, token);
    pontus_proto::encode(&Request::Prove { proof }).ok()
}
