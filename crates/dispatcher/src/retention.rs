//! Which result files are kept. Verdicts stay in the database for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pontus_proto::CommitId;

/// How many are kept, and for how long; where nothing is said, all of them, for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// The newest so many.
    pub count: Option<usize>,
    /// Those that were decided no longer ago.
    pub age: Option<Duration>,
}

/// The results that are kept now, by when they were decided, in milliseconds since 1970.
#[derive(Debug)]
pub struct Retention {
    keep: Keep,
    by_time: BTreeSet<(i64, CommitId)>,
    times: BTreeMap<CommitId, i64>,
}

impl Retention {
    /// What was decided, and when, in milliseconds since 1970.
    pub fn of(keep: Keep, decided: impl IntoIterator<Item = (CommitId, i64)>) -> Retention {
        let mut retention = Retention { keep, by_time: BTreeSet::new(), times: BTreeMap::new() };
        decided.into_iter().for_each(|(commit, decided_ms)| retention.add(commit, decided_ms));
        retention
    }

    /// A commit's newest verdict is there.
    pub fn add(&mut self, commit: CommitId, decided_ms: i64) {
        if self.keep == Keep::default() {
            return;
        }
        if let Some(before) = self.times.insert(commit, decided_ms) {
            self.by_time.remove(&(before, commit));
        }
        self.by_time.insert((decided_ms, commit));
    }

    /// Whether the result of a commit's newest verdict is still kept.
    pub fn keeps(&self, commit: CommitId) -> bool {
        self.keep == Keep::default() || self.times.contains_key(&commit)
    }

    /// One that is kept no longer; ask until there is none.
    pub fn take_expired(&mut self, now_ms: i64) -> Option<CommitId> {
        let (decided_ms, commit) = *self.by_time.first()?;
        let is_too_many = self.keep.count.is_some_and(|count| self.by_time.len() > count);
        let is_too_old = self.expires_ms(decided_ms).is_some_and(|expires_ms| expires_ms <= now_ms);
        if !is_too_many && !is_too_old {
            return None;
        }
        self.by_time.pop_first();
        self.times.remove(&commit);
        Some(commit)
    }

    /// How long it is until the oldest expires, if it does.
    pub fn next_in(&self, now_ms: i64) -> Option<Duration> {
        let expires_ms = self.expires_ms(self.by_time.first()?.0)?;
        Some(Duration::from_millis(u64::try_from(expires_ms - now_ms).unwrap_or(0)))
    }

    fn expires_ms(&self, decided_ms: i64) -> Option<i64> {
        let age_ms = u64::try_from(self.keep.age?.as_millis()).unwrap_or(u64::MAX);
        Some(decided_ms.saturating_add_unsigned(age_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(number: u8) -> CommitId {
        format!("{number:040x}").parse().unwrap()
    }

    fn expired(keep: Keep, now_ms: i64) -> Vec<CommitId> {
        let mut retention = Retention::of(keep, []);
        for number in 1..=4 {
            retention.add(commit(number), i64::from(number) * 1_000);
        }
        // A retry decided it anew.
        retention.add(commit(1), 5_000);
        assert!((1..=4).all(|number| retention.keeps(commit(number))));
        std::iter::from_fn(|| retention.take_expired(now_ms)).collect()
    }

    #[test]
    fn all_are_kept_unless_something_is_said() {
        assert_eq!(expired(Keep::default(), i64::MAX), []);
    }

    #[test]
    fn the_newest_are_kept() {
        let keep = |count| Keep { count: Some(count), age: None };
        assert_eq!(expired(keep(4), 0), []);
        assert_eq!(expired(keep(2), 0), [commit(2), commit(3)]);
        assert_eq!(expired(keep(0), 0).len(), 4);
        let mut retention = Retention::of(keep(1), [(commit(1), 1_000), (commit(2), 2_000)]);
        assert_eq!(retention.take_expired(0), Some(commit(1)));
        assert_eq!([1, 2].map(|number| retention.keeps(commit(number))), [false, true]);
    }

    #[test]
    fn the_young_are_kept() {
        let keep = Keep { count: None, age: Some(Duration::from_secs(2)) };
        assert_eq!(expired(keep, 4_999), [commit(2)]);
        assert_eq!(expired(keep, 5_000), [commit(2), commit(3)]);
    }

    #[test]
    fn the_next_to_expire_is_known() {
        let mut retention =
            Retention::of(Keep { count: None, age: Some(Duration::from_secs(2)) }, []);
        assert_eq!(retention.next_in(0), None);
        retention.add(commit(1), 1_000);
        assert_eq!(retention.next_in(2_500), Some(Duration::from_millis(500)));
        assert_eq!(retention.next_in(9_000), Some(Duration::ZERO));
    }
}
