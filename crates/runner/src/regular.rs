//! Reads files that a commit or a test has made: only regular ones, and never more than a limit of them. Opening a pipe would wait
//! for its other end, and a device may have no end.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// The first `bytes_max` bytes of a regular file; `None` where there is no such file, or it cannot be read.
pub fn read(path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).ok()?;
    let file = File::options().read(true).custom_flags(flags).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "hello").unwrap();
        assert_eq!(read(&path("file"), 3), Some(b"hel".to_vec()));
        assert_eq!(read(&path("file"), 100), Some(b"hello".to_vec()));
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(made.success());
        std::os::unix::fs::symlink("/dev/zero", path("device")).unwrap();
        for name in ["pipe", "device", ".", "missing"] {
            assert_eq!(read(&path(name), 100), None, "{name}");
        }
    }
}
