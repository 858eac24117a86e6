//! A peer that says what it likes, byte for byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use pontus_proto::{Greeting, Nonce, Reply, Request, Role, Side, Token, decode_reply, encode};
use pontus_tests::PATIENCE;

/// A connection to whoever listens there.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Peer {
    /// Dials.
    pub fn new(server: &str) -> Peer {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        Peer { stream, lines }
    }

    /// Dials, and greets as `role` that knows the token; a runner calls itself `elm`.
    pub fn greeted(server: &str, role: Role, token: &Token) -> Peer {
        let mut peer = Peer::new(server);
        let (hello, greeting) = peer.challenged(role);
        assert!(hello.starts_with(r#"{"type":"hello""#));
        let proof = greeting.prove(Side::Client, token);
        let welcome = peer.ask(&line(&Request::Prove { proof }));
        assert!(welcome.starts_with(r#"{"type":"welcome""#), "{welcome}");
        peer
    }

    /// Says hello and hears the challenge. Returns what was said, and what is to be proved.
    pub fn challenged(&mut self, role: Role) -> (String, Greeting) {
        let client = Nonce::draw().unwrap();
        let name = (role == Role::Runner).then(|| "elm".parse().unwrap());
        let nonce = Some(client.clone());
        let hello = line(&Request::Hello { protocol: 1, role, name: name.clone(), nonce });
        let challenge = self.ask(&hello);
        let Ok(Reply::Challenge { nonce, .. }) = decode_reply(challenge.as_bytes()) else {
            panic!("{challenge}")
        };
        (hello, Greeting { role, name, client, dispatcher: nonce })
    }

    /// Says a line, and hears one; an empty one where the connection has ended.
    pub fn ask(&mut self, line: &str) -> String {
        // Whoever has heard enough may be gone; what it said before is heard all the same.
        self.stream.write_all(format!("{line}\n").as_bytes()).ok();
        self.hear()
    }

    /// Hears a line; an empty one where the connection has ended.
    pub fn hear(&mut self) -> String {
        let mut answer = String::new();
        self.lines.read_line(&mut answer).ok();
        answer.trim_end().to_owned()
    }

    /// Says `bytes` and no more, and returns all that comes back.
    pub fn last_words(mut self, bytes: &[u8]) -> String {
        self.stream.write_all(bytes).ok();
        self.stream.shutdown(Shutdown::Write).ok();
        let mut heard = Vec::new();
        self.lines.read_to_end(&mut heard).ok();
        String::from_utf8(heard).unwrap()
    }

    /// The bare connection.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// A request as a line, without its end.
pub fn line(request: &Request) -> String {
    String::from_utf8(encode(request).unwrap()).unwrap().trim_end().to_owned()
}

/// The code of an answer that is an error; nothing for any other.
pub fn code(answer: &str) -> &str {
    let code = answer.strip_prefix(r#"{"type":"error","code":""#).unwrap_or_default();
    code.split('"').next().unwrap_or_default()
}
