//! What to hand in, given what came: a pure decision.

use std::collections::BTreeSet;

use pontus_proto::limits::SKIPPED_MAX;
use pontus_proto::{BranchName, CommitId};

/// What came of one branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// Which branch.
    pub branch: BranchName,
    /// How far it was handed in before.
    pub previous: Option<CommitId>,
    /// What came since, oldest first; the last one is its tip.
    pub commits: Vec<CommitId>,
}

/// One thing to be done, in the order given. After each of them the branch is handed in up to its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The dispatcher has the commit already, of another branch.
    Pass {
        /// Of which branch.
        branch: BranchName,
        /// Which commit.
        commit: CommitId,
    },
    /// The commit is handed in.
    Submit(Handed),
}

/// One commit to hand in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// What is tested.
    pub commit: CommitId,
    /// Where it was seen.
    pub branch: BranchName,
    /// What was handed in of the branch before.
    pub previous: Option<CommitId>,
    /// What is not tested, oldest first: the newest [`SKIPPED_MAX`].
    pub skipped: Vec<CommitId>,
    /// How many older ones are not tested.
    pub skipped_unnamed: u64,
}

/// What to do about all that came, given what the dispatcher has already. Each commit is handed in once, whatever number of
/// branches it is on.
pub fn steps(mut came: Vec<Came>, mut has: BTreeSet<CommitId>, every_commit: bool) -> Vec<Step> {
    // A branch that is new has its tip to show and no more; one that is known can tell what led to it.
    came.sort_by_key(|came| came.previous.is_none());
    let mut steps = Vec::new();
    for came in came {
        let each = if every_commit { one_by_one(came) } else { newest(came).into_iter().collect() };
        for handed in each {
            let is_new = has.insert(handed.commit);
            let pass = || Step::Pass { branch: handed.branch.clone(), commit: handed.commit };
            steps.push(if is_new { Step::Submit(handed) } else { pass() });
        }
    }
    steps
}

/// The tip, which stands for the others.
fn newest(came: Came) -> Option<Handed> {
    let Came { branch, previous, commits: mut skipped } = came;
    let commit = skipped.pop()?;
    let unnamed = skipped.len().saturating_sub(SKIPPED_MAX);
    skipped.drain(..unnamed);
    Some(Handed { commit, branch, previous, skipped, skipped_unnamed: unnamed as u64 })
}

/// Each commit for itself.
fn one_by_one(came: Came) -> Vec<Handed> {
    let Came { branch, mut previous, commits } = came;
    let hand = |commit| {
        let (branch, previous) = (branch.clone(), previous.replace(commit));
        Handed { commit, branch, previous, skipped: Vec::new(), skipped_unnamed: 0 }
    };
    commits.into_iter().map(hand).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> CommitId {
        format!("{number:040x}").parse().unwrap()
    }

    fn came(branch: &str, previous: Option<usize>, commits: &[usize]) -> Came {
        let commits = commits.iter().copied().map(id).collect();
        Came { branch: branch.parse().unwrap(), previous: previous.map(id), commits }
    }

    /// As `branch commit`, with `after previous`, and with `-skipped`; a step that is passed in brackets.
    fn plan(came: &[Came], has: &[usize], every_commit: bool) -> Vec<String> {
        let number = |id: &CommitId| usize::from_str_radix(&id.to_string(), 16).unwrap();
        let has = has.iter().copied().map(id).collect();
        let show = |step: Step| match step {
            Step::Pass { branch, commit } => format!("({branch} {})", number(&commit)),
            Step::Submit(Handed { commit, branch, previous, skipped, .. }) => {
                let previous = previous.map(|id| format!(" after {}", number(&id)));
                let skipped: String =
                    skipped.iter().map(|id| format!(" -{}", number(id))).collect();
                format!("{branch} {}{}{skipped}", number(&commit), previous.unwrap_or_default())
            }
        };
        steps(came.to_vec(), has, every_commit).into_iter().map(show).collect()
    }

    #[test]
    fn the_newest_stands_for_the_others() {
        assert_eq!(plan(&[], &[], false), [""; 0]);
        assert_eq!(plan(&[came("a", None, &[1])], &[], false), ["a 1"]);
        assert_eq!(plan(&[came("a", Some(1), &[2, 3, 4])], &[], false), ["a 4 after 1 -2 -3"]);
    }

    #[test]
    fn every_commit_stands_for_itself() {
        let expected = ["a 2 after 1", "a 3 after 2"];
        assert_eq!(plan(&[came("a", Some(1), &[2, 3])], &[], true), expected);
    }

    #[test]
    fn a_commit_on_two_branches_is_handed_in_once_by_the_one_that_knows_more() {
        let both = [came("a", None, &[4]), came("b", Some(1), &[2, 4])];
        assert_eq!(plan(&both, &[], false), ["b 4 after 1 -2", "(a 4)"]);
        assert_eq!(plan(&both, &[], true), ["b 2 after 1", "b 4 after 2", "(a 4)"]);
        assert_eq!(plan(&both, &[4], false), ["(b 4)", "(a 4)"]);
        // That the tip is known says nothing of what led to it.
        assert_eq!(plan(&both, &[4], true), ["b 2 after 1", "(b 4)", "(a 4)"]);
    }

    #[test]
    fn more_skipped_ones_than_can_be_named_are_counted() {
        let commits: Vec<usize> = (1..=10_000).collect();
        let steps = steps(vec![came("a", Some(0), &commits)], BTreeSet::new(), false);
        let [Step::Submit(handed)] = &steps[..] else { panic!("{} steps", steps.len()) };
        assert_eq!(handed.commit, id(10_000));
        assert_eq!((handed.skipped.len(), handed.skipped_unnamed), (SKIPPED_MAX, 8_999));
        assert_eq!(handed.skipped[0], id(9_000));
    }
}
