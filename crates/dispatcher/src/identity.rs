//! Which file a name stands for, or an open file is: the same one, or another of its name.
//!
//! Its times are not asked for. To whoever has seen a file's time the system owes another one for what is written next, and a
//! file whose time has changed takes one more write at each sync.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Statx, StatxFlags, statx};

/// A file's device and inode: no two that are there at a time have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: (u32, u32),
    inode: u64,
}

impl Identity {
    /// Of what has this name, links followed.
    ///
    /// # Errors
    /// `NotFound` where there is none; else what the file system says.
    pub fn named(path: &Path) -> io::Result<Identity> {
        Ok(statx(CWD, path, AtFlags::empty(), StatxFlags::INO)?.into())
    }

    /// Of an open file.
    ///
    /// # Errors
    /// What the file system says.
    pub fn of(file: impl AsFd) -> io::Result<Identity> {
        Ok(statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::INO)?.into())
    }
}

impl From<Statx> for Identity {
    fn from(found: Statx) -> Self {
        Identity { device: (found.stx_dev_major, found.stx_dev_minor), inode: found.stx_ino }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_the_same_by_each_of_its_names_and_another_of_its_name_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let [name, link, other] = ["name", "link", "other"].map(|name| folder.path().join(name));
        let file = File::create(&name).unwrap();
        symlink(&name, &link).unwrap();
        let held = Identity::of(&file).unwrap();
        assert_eq!(Identity::named(&name).unwrap(), held);
        assert_eq!(Identity::named(&link).unwrap(), held);
        fs::write(&other, "").unwrap();
        fs::rename(&other, &name).unwrap();
        assert_ne!(Identity::named(&name).unwrap(), held);
        fs::remove_file(&name).unwrap();
        assert_eq!(Identity::named(&name).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(Identity::of(&file).unwrap(), held, "as long as somebody has it open");
    }
}
