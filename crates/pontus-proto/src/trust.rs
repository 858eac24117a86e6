//! The proof that two peers know the same token, without either telling it.
//!
//! Each side draws a nonce. A proof is HMAC-SHA256 (RFC 2104, FIPS 180-4) under the token over who proves, the protocol, the
//! role and the name that the client claims, and both nonces: it is of no use in another greeting, in the other direction, or
//! to somebody who claims to be somebody else.

use std::fmt;
use std::io;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::id::{HostName, InvalidId};
use crate::limits::PROTOCOL;
use crate::message::Role;

/// What both sides know: 32 random bytes. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// A token of random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Token {
        Token(bytes)
    }

    /// As it stands in its file: 64 hex digits.
    pub fn to_line(&self) -> String {
        hex(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl FromStr for Token {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // What is not one may be a secret all the same, and is not repeated.
        unhex(text).map(Token).ok_or_else(|| InvalidId::new("a token is 64 lower-case hex digits"))
    }
}

/// Makes 32 bytes that stand in messages as 64 hex digits.
macro_rules! digits {
    ($name:ident, $what:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 32]);

        impl $name {
            /// Made of these bytes.
            pub fn from_bytes(bytes: [u8; 32]) -> $name {
                $name(bytes)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                let rule = concat!("a ", $what, " is 64 lower-case hex digits");
                unhex(&text).map($name).ok_or_else(|| InvalidId::new(rule))
            }
        }

        impl From<$name> for String {
            fn from(digits: $name) -> String {
                hex(&digits.0)
            }
        }
    };
}

digits!(Nonce, "nonce", "A number that its side draws at random for one greeting.");
impl Nonce {
    /// A nonce of its own for each greeting.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn draw() -> io::Result<Nonce> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Nonce(bytes))
    }
}

digits!(Proof, "proof", "What only somebody who knows the token can say in this greeting.");

/// Who proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that listens.
    Dispatcher,
    /// The one that dials.
    Client,
}

/// What a proof is about: one greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// What the client is going to be.
    pub role: Role,
    /// What it calls itself.
    pub name: Option<HostName>,
    /// What the client drew.
    pub client: Nonce,
    /// What the dispatcher drew.
    pub dispatcher: Nonce,
}

impl Greeting {
    /// The proof of a side that knows `token`.
    pub fn prove(&self, side: Side, token: &Token) -> Proof {
        Proof(self.mac(side, token).finalize().into_bytes().into())
    }

    /// Whether `proof` is that of a side that knows `token`. Takes as long for a wrong one as for a right one.
    pub fn holds(&self, side: Side, token: &Token, proof: &Proof) -> bool {
        self.mac(side, token).verify_slice(&proof.0).is_ok()
    }

    /// No part has a newline, so no two greetings read the same.
    fn mac(&self, side: Side, token: &Token) -> Hmac<Sha256> {
        let side = match side {
            Side::Dispatcher => "dispatcher",
            Side::Client => "client",
        };
        let name = self.name.as_ref().map_or("", HostName::as_str);
        let (client, dispatcher) = (hex(&self.client.0), hex(&self.dispatcher.0));
        let role = self.role.word();
        let text = format!("pontus {PROTOCOL} {side}\n{role}\n{name}\n{client}\n{dispatcher}\n");
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&token.0);
        mac.expect("HMAC takes a key of any length").chain_update(text)
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 64 || !text.bytes().all(is_hex) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting() -> Greeting {
        Greeting {
            role: Role::Runner,
            name: Some("oak".parse().unwrap()),
            client: Nonce([1; 32]),
            dispatcher: Nonce([2; 32]),
        }
    }

    #[test]
    fn a_proof_is_the_one_that_others_compute() {
        // printf 'pontus 1 dispatcher\nrunner\noak\n%s\n%s\n' $(printf '01%.0s' {1..32}) $(printf '02%.0s' {1..32}) |
        //     openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf 'a5%.0s' {1..32})
        let proof = greeting().prove(Side::Dispatcher, &Token([0xa5; 32]));
        assert_eq!(String::from(proof), EXPECTED);
    }

    const EXPECTED: &str = "ab5a7dece3c3723ce261c7212ad7ce4dedd8fdc26735e7dae5c528add9b590a3";

    #[test]
    fn a_proof_holds_for_one_greeting_one_side_and_one_token() {
        let (greeting, token) = (greeting(), Token([0xa5; 32]));
        let proof = greeting.prove(Side::Client, &token);
        assert!(greeting.holds(Side::Client, &token, &proof));
        assert!(!greeting.holds(Side::Dispatcher, &token, &proof));
        assert!(!greeting.holds(Side::Client, &Token([0xa4; 32]), &proof));
        for other in [
            Greeting { role: Role::Observer, ..greeting.clone() },
            Greeting { name: None, ..greeting.clone() },
            Greeting { name: Some("ash".parse().unwrap()), ..greeting.clone() },
            Greeting { client: Nonce([3; 32]), ..greeting.clone() },
            Greeting { dispatcher: Nonce([3; 32]), ..greeting.clone() },
        ] {
            assert!(!other.holds(Side::Client, &token, &proof), "{other:?}");
        }
    }

    #[test]
    fn a_token_is_read_as_it_was_written_and_never_shown() {
        let token = Token([0xa5; 32]);
        assert_eq!(token.to_line().parse::<Token>().unwrap(), token);
        assert_eq!(format!("{token:?}"), "Token(…)");
        for text in ["", "a5", &"A5".repeat(32), &"a5".repeat(33), &"é".repeat(32)] {
            let error = text.parse::<Token>().unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }
}
