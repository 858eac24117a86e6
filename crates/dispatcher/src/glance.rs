//! A folder at a glance: whether a name in it may stand for something else than before.
//!
//! Each name that comes, goes, or is given to another file changes the time of the folder's last change. As long as that is what it
//! was, what was found behind the names need not be looked for again.

use std::path::Path;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use crate::identity::Identity;

/// Two changes within it may have the same time: FAT counts in steps of two seconds, all others in smaller ones.
const TICK: Duration = Duration::from_secs(2);

/// Which folder it is, and when it was last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    folder: Identity,
    /// Since 1970.
    changed: Duration,
}

impl Glance {
    /// Of the folder of this name, links followed, at a time of day in milliseconds since 1970. None where there is no such folder, and
    /// where its next change may not be seen.
    pub fn of(folder: &Path, now_ms: i64) -> Option<Glance> {
        let wanted = StatxFlags::INO | StatxFlags::CTIME;
        let found = statx(CWD, folder, AtFlags::empty(), wanted).ok()?;
        let seconds = u64::try_from(found.stx_ctime.tv_sec).ok()?;
        let changed = Duration::new(seconds, found.stx_ctime.tv_nsec);
        let now = Duration::from_millis(u64::try_from(now_ms).ok()?);
        (changed + TICK < now).then(|| Glance { folder: found.into(), changed })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::clock::wall_ms;

    #[test]
    fn a_name_that_changes_is_seen_and_what_is_behind_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        fs::write(&a, "").unwrap();
        assert_eq!(Glance::of(folder.path(), wall_ms()), None, "it has just changed");
        let later = wall_ms() + 3_000;
        let look = || Glance::of(folder.path(), later);
        let seen = look().unwrap();
        fs::write(&a, "more").unwrap();
        assert_eq!(look(), Some(seen));
        // Where the system's time goes in steps, the next one may be a while off.
        let is_seen = |_| {
            fs::rename(&a, &b).and_then(|()| fs::rename(&b, &a)).unwrap();
            look() != Some(seen)
        };
        assert!((0..1_000_000).any(is_seen));
        assert_eq!(Glance::of(&b, later), None, "nothing is there");
    }
}
