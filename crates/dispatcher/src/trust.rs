//! Who is let in: the greeting from the dispatcher's side, and the tokens that hold now.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use log::warn;
use pontus_cli::{Mark, TokenFile};
use pontus_proto::limits::PROTOCOL;
use pontus_proto::{Code, Greeting, HostName, Nonce, Proof, Reply, Request, Role, Side, Token};
use rustix::io::Errno;

use crate::translate::refusal;

/// What a peer has to prove.
#[derive(Debug)]
pub enum Trust {
    /// Nothing: whoever can reach the port is trusted.
    NoAuth,
    /// That it knows one of these tokens.
    Tokens(Tokens),
}

/// The tokens of a file, read again when that changes.
#[derive(Debug)]
pub struct Tokens {
    file: TokenFile,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// That of the file when it was read; none where it was unfit.
    mark: Option<Mark>,
    /// Whether the file is as it was for as long as its mark is.
    is_settled: bool,
    tokens: Vec<Token>,
}

/// A peer, once it is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// What it is.
    pub role: Role,
    /// What it calls itself.
    pub name: Option<HostName>,
}

/// How a greeting goes on after `hello`.
#[derive(Debug)]
pub enum Next {
    /// The peer is let in.
    Welcome(Peer),
    /// It has to prove something first.
    Challenge(Box<Challenge>),
}

/// A challenge that waits for its proof.
#[derive(Debug)]
pub struct Challenge {
    greeting: Greeting,
    tokens: Vec<Token>,
}

impl Trust {
    /// Hears a `hello`.
    ///
    /// # Errors
    /// The refusal, after which the connection ends.
    pub fn hear(&self, hello: Request) -> Result<Next, Reply> {
        let Request::Hello { protocol, role, name, nonce } = hello else {
            return Err(refusal(Code::Unexpected, "say hello first"));
        };
        if protocol != PROTOCOL {
            let message = format!("this dispatcher speaks protocol {PROTOCOL}, not {protocol}");
            return Err(refusal(Code::ProtocolVersion, message));
        }
        let Trust::Tokens(tokens) = self else { return Ok(Next::Welcome(Peer { role, name })) };
        let Some(client) = nonce else {
            let message =
                "this dispatcher wants to see that you know its token: do without --no-auth";
            return Err(refusal(Code::Unauthorized, message));
        };
        let drawn = Nonce::draw().ok();
        let (Some(dispatcher), tokens @ [_, ..]) = (drawn, &tokens.now()[..]) else {
            return Err(refusal(
                Code::Unauthorized,
                "this dispatcher cannot read its own token: its log says why",
            ));
        };
        let greeting = Greeting { role, name, client, dispatcher };
        Ok(Next::Challenge(Box::new(Challenge { greeting, tokens: tokens.to_vec() })))
    }
}

impl Challenge {
    /// What is said: we know the tokens ourselves.
    pub fn reply(&self) -> Reply {
        let prove = |token: &Token| self.greeting.prove(Side::Dispatcher, token);
        let proofs: Vec<Proof> = self.tokens.iter().map(prove).collect();
        Reply::Challenge { nonce: self.greeting.dispatcher.clone(), proofs }
    }

    /// Hears the answer to it.
    ///
    /// # Errors
    /// The refusal, after which the connection ends.
    pub fn hear(self, answer: Request) -> Result<Peer, Reply> {
        let Request::Prove { proof } = answer else {
            return Err(refusal(Code::Unauthorized, "prove first that you know the token"));
        };
        let holds = |token: &Token| self.greeting.holds(Side::Client, token, &proof);
        if !self.tokens.iter().any(holds) {
            return Err(refusal(Code::Unauthorized, "that is no proof of this dispatcher's token"));
        }
        let Greeting { role, name, .. } = self.greeting;
        Ok(Peer { role, name })
    }
}

impl Tokens {
    /// Those of a file that was read.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(file: TokenFile) -> anyhow::Result<Tokens> {
        let known = Known::read(&file)?;
        Ok(Tokens { file, known: Mutex::new(known) })
    }

    /// Those that hold now; none where the file has become unfit, so that nobody is let in by what it no longer says.
    fn now(&self) -> Vec<Token> {
        let mut known = self.known();
        let mark = self.file.mark().ok();
        let is_same = mark.is_some() && known.mark == mark;
        if !is_same || !known.is_settled {
            match Known::read(&self.file) {
                Ok(read) => *known = read,
                // It is we who cannot look, and nothing says that there is anything new.
                Err(error) if is_same && is_want_of_descriptors(&error) => {}
                Err(error) => {
                    if !known.tokens.is_empty() {
                        warn!("nobody is let in: {error:#}");
                    }
                    *known = Known::default();
                }
            }
        }
        known.tokens.clone()
    }

    /// What is known is replaced as a whole, so a panic elsewhere leaves nothing half done.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The mark comes first: what changes while it is read is read again.
    fn read(file: &TokenFile) -> anyhow::Result<Known> {
        let (mark, now) = (file.mark().ok(), SystemTime::now());
        let is_settled = mark.is_some_and(|mark| mark.is_settled(now));
        Ok(Known { mark, is_settled, tokens: file.read()? })
    }
}

fn is_want_of_descriptors(error: &anyhow::Error) -> bool {
    let errno = error.downcast_ref::<io::Error>().and_then(Errno::from_io_error);
    errno.is_some_and(|errno| [Errno::MFILE, Errno::NFILE].contains(&errno))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;

    fn trust() -> (TempDir, Trust, TokenFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::new(Some(&folder.path().join("token"))).unwrap();
        file.make().unwrap();
        let trust = Trust::Tokens(Tokens::of(file.clone()).unwrap());
        (folder, trust, file)
    }

    fn hello(nonce: Option<Nonce>) -> Request {
        Request::Hello { protocol: PROTOCOL, role: Role::Runner, name: None, nonce }
    }

    /// What a client that knows `token` is told in the end.
    fn greet(trust: &Trust, token: &Token) -> Result<Peer, Reply> {
        let client = Nonce::draw().unwrap();
        let Next::Challenge(challenge) = trust.hear(hello(Some(client.clone())))? else {
            panic!("a token is asked for")
        };
        let Reply::Challenge { nonce, proofs } = challenge.reply() else { panic!() };
        let greeting = Greeting { role: Role::Runner, name: None, client, dispatcher: nonce };
        let knows = proofs.iter().any(|proof| greeting.holds(Side::Dispatcher, token, proof));
        let peer = challenge.hear(Request::Prove { proof: greeting.prove(Side::Client, token) })?;
        assert!(knows, "whoever lets us in knows our token");
        Ok(peer)
    }

    fn code<T>(refused: Result<T, Reply>) -> Option<Code> {
        match refused {
            Err(Reply::Error { code, .. }) => Some(code),
            _ => None,
        }
    }

    #[test]
    fn only_who_knows_the_token_is_let_in() {
        let (_folder, trust, file) = trust();
        let token = file.read().unwrap().remove(0);
        assert_eq!(greet(&trust, &token), Ok(Peer { role: Role::Runner, name: None }));
        let stranger = Token::from_bytes([0; 32]);
        assert_eq!(code(greet(&trust, &stranger)), Some(Code::Unauthorized));
        assert_eq!(code(trust.hear(hello(None))), Some(Code::Unauthorized));
        assert_eq!(code(trust.hear(Request::Ready {})), Some(Code::Unexpected));
        let Ok(Next::Challenge(challenge)) = trust.hear(hello(Some(Nonce::draw().unwrap()))) else {
            panic!()
        };
        assert_eq!(code(challenge.hear(Request::Ready {})), Some(Code::Unauthorized));
    }

    #[test]
    fn a_file_that_changes_is_read_again() {
        let (_folder, trust, file) = trust();
        let (old, new) = (file.read().unwrap().remove(0), Token::from_bytes([7; 32]));
        let write = |path: &Path, lines: &[&Token]| {
            let text: String = lines.iter().map(|token| token.to_line() + "\n").collect();
            fs::write(path, text).unwrap();
        };
        write(file.path(), &[&new, &old]);
        assert!(greet(&trust, &old).is_ok() && greet(&trust, &new).is_ok());
        write(file.path(), &[&new]);
        assert!(greet(&trust, &old).is_err() && greet(&trust, &new).is_ok());
        fs::remove_file(file.path()).unwrap();
        assert!(greet(&trust, &new).is_err(), "nobody is let in by what is gone");
        write(file.path(), &[&new]);
        // The file is a new one, which others might read.
        let others = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(file.path(), others).unwrap();
        assert!(greet(&trust, &new).is_ok());
    }

    /// As after two changes within one tick of the file system's clock, of which the first was read.
    #[test]
    fn a_change_that_leaves_no_mark_is_seen_all_the_same() {
        let (_folder, _, file) = trust();
        let (first, second) = (Token::from_bytes([7; 32]), file.read().unwrap().remove(0));
        for is_settled in [false, true] {
            let (mark, tokens) = (file.mark().ok(), vec![first.clone()]);
            let known = Mutex::new(Known { mark, is_settled, tokens });
            let trust = Trust::Tokens(Tokens { file: file.clone(), known });
            assert_eq!(greet(&trust, &second).is_ok(), !is_settled);
            assert_eq!(greet(&trust, &first).is_ok(), is_settled, "it is not read for nothing");
        }
    }

    #[test]
    fn want_of_descriptors_is_nobody_s_fault() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::ACCESS, Errno::NOENT] {
            let error = anyhow::Error::new(io::Error::from(errno)).context("cannot read the token");
            let is_want = [Errno::MFILE, Errno::NFILE].contains(&errno);
            assert_eq!(is_want_of_descriptors(&error), is_want, "{errno}");
        }
    }

    #[test]
    fn without_a_token_nothing_is_proved() {
        let next = Trust::NoAuth.hear(hello(None));
        assert!(matches!(next, Ok(Next::Welcome(Peer { role: Role::Runner, .. }))));
        let later = Request::Hello { protocol: 2, role: Role::Client, name: None, nonce: None };
        assert_eq!(code(Trust::NoAuth.hear(later)), Some(Code::ProtocolVersion));
    }
}
