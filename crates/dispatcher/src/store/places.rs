//! Which place each commit has. This is the index of ids, and it is kept in memory: ids have no order, so on the disk each commit
//! that is handed in would write a page of it.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use pontus_proto::{CommitId, CommitPrefix};

/// The digits of an id, of a SHA-1 and of a SHA-256.
const DIGITS: [usize; 2] = [40, 64];

/// The places of all commits, for the one who writes and all who read. What has one here may not be committed yet.
#[derive(Debug, Default)]
pub struct Places(RwLock<BTreeMap<CommitId, u64>>);

impl Places {
    /// The place of a commit; none where it was never handed in.
    pub fn of(&self, commit: CommitId) -> Option<u64> {
        self.read().get(&commit).copied()
    }

    /// The commits that begin with these digits, at most two of them.
    pub fn beginning_with(&self, prefix: &CommitPrefix) -> Vec<CommitId> {
        let all = self.read();
        let ranges = DIGITS.into_iter().filter_map(|digits| range(prefix.as_str(), digits));
        ranges
            .flat_map(|[first, last]| all.range(first..=last))
            .map(|(id, _)| *id)
            .take(2)
            .collect()
    }

    /// A commit has this place now. Returns the one that it had before.
    pub(super) fn put(&self, commit: CommitId, place: u64) -> Option<u64> {
        self.write().insert(commit, place)
    }

    /// These are all there are. Says whether each of them is there once.
    pub(super) fn replace(&self, all: impl ExactSizeIterator<Item = (CommitId, u64)>) -> bool {
        let count = all.len();
        let places: BTreeMap<_, _> = all.collect();
        let each_once = places.len() == count;
        *self.write() = places;
        each_once
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<CommitId, u64>> {
        // A panic in any thread ends the process.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<CommitId, u64>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first and the last id of so many digits that begin with `prefix`; none where that is longer.
fn range(prefix: &str, digits: usize) -> Option<[CommitId; 2]> {
    let filled = |digit: &str| {
        let missing = digits.checked_sub(prefix.len())?;
        [prefix, &digit.repeat(missing)].concat().parse().ok()
    };
    Some([filled("0")?, filled("f")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> CommitId {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_finds_ids_of_both_lengths_and_no_others() {
        let [short, long] = [40, 64].map(|digits| id(&format!("{:0<digits$}", "ab12")));
        let other = id(&"ab13".repeat(10));
        let last = id(&format!("ab12{}", "f".repeat(36)));
        let places = Places::default();
        for (id, place) in [short, long, other].into_iter().zip(1..) {
            assert_eq!(places.put(id, place), None);
        }
        let found = |prefix: &str| places.beginning_with(&prefix.parse().unwrap());
        assert_eq!(found("ab12"), [short, long]);
        assert_eq!(found("ab13"), [other]);
        assert_eq!(found("ab14"), []);
        assert_eq!(found(&long.to_string()), [long]);
        assert_eq!(found(&short.to_string()), [short, long], "a SHA-256 may begin with it");
        places.put(last, 4);
        assert_eq!(found("ab12"), [short, last], "two are enough to be ambiguous");
        assert_eq!(found("ab12f"), [last]);
    }

    #[test]
    fn a_commit_that_is_there_twice_is_noticed() {
        let [one, other] = ["01", "02"].map(|byte| id(&byte.repeat(20)));
        let places = Places::default();
        assert!(places.replace([(one, 1), (other, 2)].into_iter()));
        assert!(!places.replace([(one, 1), (one, 3)].into_iter()));
        assert_eq!((places.of(one), places.of(other)), (Some(3), None));
    }
}
