//! Signal dispositions: a supervisor that signals do not end, and a child that inherits none of ours.
//!
//! An ignored signal stays ignored across `exec`, which is how `nohup` and `&` reach into every test. A handled one
//! does not: `exec` makes it default. So a supervisor handles every signal that there is, with a handler that does
//! nothing, and whatever it starts begins with the defaults. The mask of blocked signals is inherited too, and so is each
//! descriptor that whoever started us has left open; `std` leaves both alone.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::signal::SigSet;
use signal_hook::consts::{FORBIDDEN, SIGABRT, SIGBUS, SIGCHLD, SIGSYS, SIGTRAP};

/// One past the last signal on Linux.
const SIGNALS_END: i32 = 65;

/// Signals by which the kernel says that a process is broken. To handle those with nothing would be to run in circles,
/// so they are handled only where they would be inherited as ignored.
const FAULTS: [i32; 4] = [SIGABRT, SIGBUS, SIGSYS, SIGTRAP];

/// Blocks no signal, and closes what is open beyond the standard three. For a process that owns nothing yet.
pub fn shed() {
    // It cannot fail: the set is a valid one.
    let _ = SigSet::empty().thread_set_mask();
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> =
        open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in numbers.into_iter().filter(|fd| *fd > 2) {
        // One of them was the folder's own, which is closed already.
        let _ = nix::unistd::close(fd);
    }
}

/// Handles all signals from now on; what is returned becomes readable when a child has died.
///
/// # Errors
/// When the handler of SIGCHLD cannot be set.
pub fn handle_all() -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    reader.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGCHLD, writer)?;
    let ignored = ignored();
    let unread = Arc::new(AtomicBool::new(false));
    for signal in 1..SIGNALS_END {
        let is_fault = FAULTS.contains(&signal) && ignored & bit(signal) == 0;
        if signal != SIGCHLD && !FORBIDDEN.contains(&signal) && !is_fault {
            // It fails for those that the C library keeps for itself, which nobody can ignore either.
            let _ = signal_hook::flag::register(signal, Arc::clone(&unread));
        }
    }
    Ok(reader)
}

/// The signals that we ignore, as the kernel's mask; all of them where it does not say.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(u64::MAX)
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_itself_ignores_the_broken_pipe_and_we_read_it() {
        assert_ne!(ignored() & bit(signal_hook::consts::SIGPIPE), 0);
        assert_eq!(ignored() & bit(signal_hook::consts::SIGKILL), 0);
    }
}
