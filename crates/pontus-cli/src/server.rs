//! Where the dispatcher is, and the token that both know, as all programs are told.

use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use pontus_proto::{Caller, Client, ClientError, HostName, Role, parse_address};

use crate::exit::Usage;
use crate::token::TokenFile;

/// The options of whoever dials.
#[derive(Debug, Clone, clap::Args)]
pub struct Server {
    /// Where the dispatcher listens
    #[arg(
        long,
        env = "PONTUS_DISPATCHER_SERVER",
        value_name = "HOST:PORT",
        default_value = "localhost:8888",
        value_parser = parse_address
    )]
    pub dispatcher_server: String,

    /// How we prove who we are.
    #[command(flatten)]
    pub trust: Trust,
}

/// The options of both sides.
#[derive(Debug, Clone, clap::Args)]
pub struct Trust {
    /// The file of the token that dispatcher, observers, runners and clients share [default: pontus/token in
    /// $XDG_CONFIG_HOME, or in ~/.config]
    #[arg(long, env = "PONTUS_TOKEN_FILE", value_name = "PATH")]
    pub token_file: Option<PathBuf>,

    /// Do without a token, and trust whoever can reach the port; only on loopback
    #[arg(long, env = "PONTUS_NO_AUTH", value_parser = clap::builder::BoolishValueParser::new())]
    pub no_auth: bool,
}

/// A dispatcher that can be dialled.
#[derive(Debug, Clone)]
pub struct Door {
    /// `HOST:PORT`.
    pub address: String,
    /// Where the token is; none where nobody proves anything.
    token: Option<TokenFile>,
}

impl TryFrom<Server> for Door {
    type Error = anyhow::Error;

    fn try_from(server: Server) -> Result<Door> {
        let Server { dispatcher_server: address, trust } = server;
        let token = trust.token()?;
        if token.is_none() && !is_loopback(&address) {
            let why = format!("cannot do without a token at {address}: it is not on loopback");
            return Err(Usage(why).into());
        }
        // One that is not there yet may come. One that is no secret stays so until somebody does something about it.
        token.as_ref().filter(|file| file.path().exists()).map(TokenFile::read).transpose()?;
        Ok(Door { address, token })
    }
}

impl Trust {
    /// Where the token is; none where the user does without.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub fn token(&self) -> Result<Option<TokenFile>> {
        match (self.no_auth, self.token_file.as_deref()) {
            (true, None) => Ok(None),
            // Whichever was not meant, the other may be what protects somebody.
            (true, Some(_)) => {
                let why = "cannot do without a token and have one: give --token-file or --no-auth, and \
                           mind PONTUS_TOKEN_FILE and PONTUS_NO_AUTH";
                Err(Usage(why.to_owned()).into())
            }
            (false, given) => TokenFile::new(given).map(Some),
        }
    }
}

impl Door {
    /// Dials and greets. The token is read again each time: it may have been made or changed meanwhile.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn connect(&self, role: Role, name: Option<HostName>) -> Result<Client, ClientError> {
        Client::connect(&self.address, &self.caller(role, name))
    }

    /// The same, for somebody who has less time than that takes at most.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn connect_within(
        &self,
        time: Duration,
        role: Role,
        name: Option<HostName>,
    ) -> Result<Client, ClientError> {
        Client::connect_within(time, &self.address, &self.caller(role, name))
    }

    fn caller(&self, role: Role, name: Option<HostName>) -> Caller {
        let read = |file: &TokenFile| file.read().map_err(|error| format!("{error:#}"));
        let tokens = self.token.as_ref().map_or(Ok(Vec::new()), read);
        Caller { role, name, tokens }
    }
}

/// A name that cannot be resolved now is dialled in vain anyway.
fn is_loopback(address: &str) -> bool {
    let found = address.to_socket_addrs();
    found.is_ok_and(|mut found| found.all(|address| address.ip().is_loopback()))
}
