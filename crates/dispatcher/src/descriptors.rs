//! How many descriptors this process may have, and how many connections they are enough for.

use std::io;

use log::warn;
use pontus_proto::limits::STRANGERS_MAX;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::strangers::LEAVING_MAX;

/// What a connection may need: itself, and for a runner the output that it brings, for a client the database that it looks
/// into, with its log.
const OF_CONNECTION: u64 = 3;

/// What the dispatcher needs for itself: its database, its folders, the results that it writes.
const OWN: u64 = 160;

/// Takes as many as the system lets it have without asking anybody, and says how many connections there may be: `wanted`, or as
/// many as that is enough for. The files that remember what was acknowledged must not want for descriptors.
pub fn connections_max(wanted: usize) -> usize {
    let Some(descriptors) = raise() else { return wanted };
    let fitting = fitting(descriptors);
    if fitting < wanted {
        warn!(
            "{descriptors} descriptors (ulimit -n) are enough for {fitting} connections, not for {wanted}"
        );
    }
    wanted.min(fitting)
}

/// Raises the soft limit to the hard one. Returns what there may be; nothing where there is no limit.
fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised: io::Result<()> =
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).map_err(Into::into);
    if raised.is_ok() { maximum } else { current }
}

/// One at least: a dispatcher that lets nobody in is of no use.
fn fitting(descriptors: u64) -> usize {
    let strangers = STRANGERS_MAX + LEAVING_MAX;
    let left = descriptors.saturating_sub(OWN + strangers as u64);
    usize::try_from(left / OF_CONNECTION).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dispatcher_keeps_what_it_needs() {
        assert_eq!(fitting(64), 1);
        assert_eq!(fitting(256), 5);
        assert_eq!(fitting(20_000), 6_586);
    }
}
