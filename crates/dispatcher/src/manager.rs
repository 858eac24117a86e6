//! The service manager that started us, where there is one that wants to hear how we are: sd_notify(3), which is one datagram.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// We serve.
pub const READY: &str = "READY=1";

/// We are about to end.
pub const STOPPING: &str = "STOPPING=1";

/// Says `state`, where the environment names somebody who listens. Nobody else is told, and nothing depends on it.
pub fn tell(state: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&name, state) {
        log::warn!("cannot tell the service manager: {error}");
    }
}

fn send(name: &OsStr, state: &str) -> io::Result<()> {
    let address = match name.as_bytes() {
        // Linux has sockets that lie in no folder.
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut heard = [0; 100];
        let bytes = socket.recv(&mut heard).unwrap();
        String::from_utf8(heard[..bytes].to_vec()).unwrap()
    }

    #[test]
    fn a_manager_is_told_by_either_kind_of_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), READY).unwrap();
        assert_eq!(heard(&socket), "READY=1");

        let name = format!("pontus-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{name}")), STOPPING).unwrap();
        assert_eq!(heard(&socket), "STOPPING=1");
    }

    #[test]
    fn a_manager_that_is_not_there_is_an_error_and_no_more() {
        assert!(send(OsStr::new("/no/such/socket"), READY).is_err());
        assert!(send(OsStr::new(&"x".repeat(200)), READY).is_err());
    }
}
