//! Who waits for whom: the queued commits of each project, and its runners that have nothing to do.

use std::collections::{BTreeMap, BTreeSet};

use pontus_proto::{BranchName, CommitId, Label, ProjectName};

use crate::config::SessionId;
use crate::scheduler::{Commit, Runner};

/// What a runner has, or what a commit asks for.
pub(crate) type Labels = BTreeSet<Label>;

/// The queues of all projects. One is kept only while somebody is in it: projects are names that any peer may make up.
#[derive(Debug, Default)]
pub(crate) struct Queues(BTreeMap<ProjectName, Queue>);

/// One project's queue. Between two steps nobody in it has a match on the other side, unless we are paused. Since a runner
/// has one project, no other project can take its turn.
#[derive(Debug, Default)]
struct Queue {
    /// In the order of their places: a commit that lost its runner is as old as before.
    commits: Line<CommitId>,
    /// Longest waiting first.
    runners: Line<SessionId>,
    /// The queued commits that give way to a newer one of their branch, oldest first.
    outdated: BTreeMap<BranchName, BTreeSet<(u64, CommitId)>>,
}

impl Queues {
    pub(crate) fn add_commit(&mut self, id: CommitId, commit: &Commit) {
        let queue = self.0.entry(commit.project.clone()).or_default();
        queue.commits.add(&commit.labels, commit.place, id);
        if let Some(branch) = commit.gives_way_on() {
            queue.outdated.entry(branch.clone()).or_default().insert((commit.place, id));
        }
    }

    pub(crate) fn remove_commit(&mut self, id: CommitId, commit: &Commit) {
        self.remove(&commit.project, |queue| {
            queue.commits.remove(&commit.labels, commit.place, id);
            if let Some(branch) = commit.gives_way_on() {
                remove_from(&mut queue.outdated, branch, &(commit.place, id));
            }
        });
    }

    pub(crate) fn add_runner(&mut self, session: SessionId, runner: &Runner, turn: u64) {
        let queue = self.0.entry(runner.project.clone()).or_default();
        queue.runners.add(&runner.labels, turn, session);
    }

    pub(crate) fn remove_runner(&mut self, session: SessionId, runner: &Runner, turn: u64) {
        self.remove(&runner.project, |queue| queue.runners.remove(&runner.labels, turn, session));
    }

    fn remove(&mut self, project: &ProjectName, change: impl FnOnce(&mut Queue)) {
        let Some(queue) = self.0.get_mut(project) else { return };
        change(queue);
        if queue.commits.is_empty() && queue.runners.is_empty() {
            self.0.remove(project);
        }
    }

    /// The runner that has waited longest of those that may take the commit.
    pub(crate) fn runner_for(&self, commit: &Commit) -> Option<SessionId> {
        self.0.get(&commit.project)?.runners.first(|has| commit.labels.is_subset(has))
    }

    /// The oldest commit that the runner may take.
    pub(crate) fn commit_for(&self, runner: &Runner) -> Option<CommitId> {
        self.0.get(&runner.project)?.commits.first(|wanted| wanted.is_subset(&runner.labels))
    }

    /// Every runner that waits; those of a project longest waiting first.
    pub(crate) fn runners(&self) -> Vec<SessionId> {
        self.0.values().flat_map(|queue| queue.runners.all()).collect()
    }

    /// The queued commits of a branch that give way to a newer one, oldest first.
    pub(crate) fn outdated(&self, project: &ProjectName, branch: &BranchName) -> Vec<CommitId> {
        let outdated = self.0.get(project).and_then(|queue| queue.outdated.get(branch));
        outdated.into_iter().flatten().map(|(_, id)| *id).collect()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Those who wait on one side of a queue, each with its turn, by their labels. There are few different sets of labels,
/// so a search looks at one of each, however many wait.
#[derive(Debug)]
struct Line<T>(BTreeMap<Labels, BTreeSet<(u64, T)>>);

impl<T> Default for Line<T> {
    fn default() -> Self {
        Line(BTreeMap::new())
    }
}

impl<T: Copy + Ord> Line<T> {
    fn add(&mut self, labels: &Labels, turn: u64, who: T) {
        self.0.entry(labels.clone()).or_default().insert((turn, who));
    }

    fn remove(&mut self, labels: &Labels, turn: u64, who: T) {
        remove_from(&mut self.0, labels, &(turn, who));
    }

    /// Whose turn it is among those whose labels fit.
    fn first(&self, fits: impl Fn(&Labels) -> bool) -> Option<T> {
        let fitting = self.0.iter().filter(|(labels, _)| fits(labels));
        let first = fitting.filter_map(|(_, waiting)| waiting.first()).min();
        first.map(|(_, who)| *who)
    }

    fn all(&self) -> Vec<T> {
        let all: BTreeSet<_> = self.0.values().flatten().copied().collect();
        all.into_iter().map(|(_, who)| who).collect()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes an element out of one of many sets. A set that is empty then goes, too.
fn remove_from<K: Ord, T: Ord>(sets: &mut BTreeMap<K, BTreeSet<T>>, key: &K, element: &T) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(element);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
