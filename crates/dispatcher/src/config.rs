//! What is needed, made of what was typed.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use pontus_cli::TokenFile;
use pontus_cli::exit::Usage;
use pontus_proto::limits::POLL_MS_MAX;
use pontus_scheduler::Policy;

use crate::args::{Queue, ServeArgs};
use crate::retention::Keep;

/// What the dispatcher adds to an attempt's time before it takes the commit from a runner that goes on beating: the
/// runner ends its tests by itself, and then has output to deliver.
const ATTEMPT_MARGIN: Duration = Duration::from_secs(120);

/// A shorter lease would expire between two beats on a loaded machine.
const LEASE_MIN: Duration = Duration::from_millis(100);

/// How the dispatcher is to run.
#[derive(Debug)]
pub struct Config {
    /// Where to listen: the first of these that can be bound.
    pub addresses: Vec<SocketAddr>,
    /// Where the results go.
    pub results_dir: PathBuf,
    /// How many connections there may be.
    pub connections_max: usize,
    /// Where the token is; none where nobody has to prove anything.
    pub token: Option<TokenFile>,
    /// Which results are kept.
    pub keep: Keep,
    /// How long one attempt may take, in milliseconds.
    pub attempt_timeout_ms: u64,
    /// When to give up on whom.
    pub scheduler: pontus_scheduler::Config,
}

impl TryFrom<ServeArgs> for Config {
    type Error = anyhow::Error;

    fn try_from(args: ServeArgs) -> Result<Config> {
        if args.lease < LEASE_MIN {
            let why =
                format!("cannot keep a lease of {:?}: give at least {LEASE_MIN:?}", args.lease);
            return Err(Usage(why).into());
        }
        Ok(Config {
            addresses: addresses(&args.host, args.port, args.trust.no_auth)?,
            results_dir: args.results_dir,
            connections_max: args.max_connections as usize,
            token: args.trust.token()?,
            keep: Keep { count: args.keep, age: args.keep_for },
            attempt_timeout_ms: ms(args.commit_timeout),
            scheduler: pontus_scheduler::Config {
                lease_ms: ms(args.lease),
                reconnect_grace_ms: ms(args.reconnect_grace),
                undecided_max: args.max_undecided as usize,
                attempts_max: args.max_attempts,
                attempt_ms_max: ms(args.commit_timeout.saturating_add(ATTEMPT_MARGIN)),
                poll_ms: POLL_MS_MAX,
                policy: match args.queue {
                    Queue::All => Policy::All,
                    Queue::Newest => Policy::Newest,
                },
            },
        })
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The addresses of `host`, IPv4 first: that is what people type when they mean this machine.
fn addresses(host: &str, port: u16, no_auth: bool) -> Result<Vec<SocketAddr>> {
    let found = (host, port).to_socket_addrs();
    let mut addresses: Vec<_> =
        found.with_context(|| format!("cannot find host {host}"))?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    if no_auth && addresses.iter().any(|address| !address.ip().is_loopback()) {
        let why = format!("cannot do without a token on {host}: only loopback is safe then");
        return Err(Usage(why).into());
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn config(line: &[&str]) -> Result<Config> {
        ServeArgs::parse_from([&["dispatcher"], line].concat()).try_into()
    }

    #[test]
    fn the_defaults_are_the_contract() {
        let config = config(&[]).unwrap();
        assert_eq!(config.addresses[0].to_string(), "127.0.0.1:8888");
        assert_eq!(config.results_dir, PathBuf::from("test_results"));
        assert_eq!(config.connections_max, 4096);
        assert_eq!(config.attempt_timeout_ms, 3_600_000);
        assert_eq!(config.scheduler.lease_ms, 10_000);
        assert_eq!(config.scheduler.reconnect_grace_ms, 2_000);
        assert_eq!(config.scheduler.attempts_max, 3);
    }

    #[test]
    fn only_loopback_does_without_a_token() {
        for host in ["127.0.0.1", "::1", "localhost"] {
            assert!(config(&["--no-auth", "--host", host]).is_ok());
        }
        for host in ["0.0.0.0", "::", "192.0.2.1"] {
            assert!(config(&["--host", host]).is_ok());
            let error = config(&["--no-auth", "--host", host]).unwrap_err().to_string();
            assert!(error.contains("only loopback"), "{error}");
        }
    }

    #[test]
    fn a_lease_has_a_least_length() {
        assert!(config(&["--lease", "99ms"]).is_err());
        assert!(config(&["--lease", "100ms"]).is_ok());
    }
}
