//! What to hand in, given what came: a pure decision.

/// One commit to hand in, and those that it stands for, oldest first.
#[derive(Debug, PartialEq, Eq)]
pub struct Submission<C> {
    /// What is tested.
    pub commit: C,
    /// What is not.
    pub skipped: Vec<C>,
}

/// What to hand in, oldest first, of the commits that `came` (oldest first, the tip last).
pub fn submissions<C>(mut came: Vec<C>, every_commit: bool) -> Vec<Submission<C>> {
    if every_commit {
        return came.into_iter().map(|commit| Submission { commit, skipped: Vec::new() }).collect();
    }
    let tip = came.pop();
    tip.into_iter()
        .map(|commit| Submission { commit, skipped: std::mem::take(&mut came) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(came: &[u32], every_commit: bool) -> Vec<(u32, Vec<u32>)> {
        let all = submissions(came.to_vec(), every_commit);
        all.into_iter().map(|one| (one.commit, one.skipped)).collect()
    }

    #[test]
    fn the_newest_stands_for_the_others() {
        assert_eq!(plan(&[], false), []);
        assert_eq!(plan(&[1], false), [(1, vec![])]);
        assert_eq!(plan(&[1, 2, 3], false), [(3, vec![1, 2])]);
    }

    #[test]
    fn every_commit_stands_for_itself() {
        assert_eq!(plan(&[], true), []);
        assert_eq!(plan(&[1, 2], true), [(1, vec![]), (2, vec![])]);
    }
}
