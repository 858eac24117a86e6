//! The roster: which runner has which name, for as long as it is known, and which of them are to leave.

use std::collections::{BTreeMap, BTreeSet};

use pontus_proto::{CommitId, InstanceId, RunnerName};
use pontus_scheduler::{Record, RunnerView};

use crate::check::{Broken, hold};
use crate::disk::Disk;

/// A runner is known while it is connected or holds a commit, in the scheduler's eyes.
#[derive(Debug, Default)]
pub struct Roster {
    names: BTreeMap<RunnerName, InstanceId>,
    holds: BTreeMap<CommitId, InstanceId>,
    drained: BTreeSet<InstanceId>,
}

impl Roster {
    pub fn restored(disk: &Disk) -> Roster {
        let mut roster = Roster::default();
        for (commit, running) in disk.running() {
            roster.names.insert(running.runner.clone(), running.instance.clone());
            roster.holds.insert(commit, running.instance.clone());
        }
        roster
    }

    pub fn register(&mut self, runner: &RunnerName, instance: &InstanceId) {
        self.names.insert(runner.clone(), instance.clone());
    }

    /// The scheduler wants this on disk.
    pub fn follow(&mut self, record: &Record) -> Result<(), Broken> {
        match record {
            Record::Assigned { commit, instance, runner, .. } => {
                let is_drained = self.drained.contains(instance);
                hold(!is_drained, || {
                    format!("{commit:?} is assigned to {runner}, which is drained")
                })?;
                self.holds.insert(*commit, instance.clone());
            }
            Record::Lost { commit, .. }
            | Record::GivenBack { commit, .. }
            | Record::Decided { commit, .. } => {
                self.holds.remove(commit);
            }
            Record::Submitted { .. } | Record::Retried { .. } | Record::Paused(_) => {}
        }
        Ok(())
    }

    /// Forgets who is gone.
    pub fn sweep(&mut self, is_connected: impl Fn(&InstanceId) -> bool) {
        let Roster { names, holds, drained } = self;
        let is_known = |instance: &InstanceId| {
            is_connected(instance) || holds.values().any(|holder| holder == instance)
        };
        names.retain(|_, instance| is_known(instance));
        drained.retain(is_known);
    }

    /// The answer to a user who drains a runner was that this is done, or that there is none.
    pub fn drain(&mut self, runner: &RunnerName, done: bool) -> Result<(), Broken> {
        let known = self.names.get(runner);
        hold(known.is_some() == done, || {
            let (said, is) = (if done { "drained" } else { "unknown" }, known.is_some());
            format!("{runner} is said to be {said}, and that it is known is {is}")
        })?;
        self.drained.extend(known.cloned());
        Ok(())
    }

    /// Who is shown is who is known, each with what it tests, and whether it is to leave.
    pub fn is_shown(&self, views: &[RunnerView]) -> Result<(), Broken> {
        let names: BTreeSet<_> = views.iter().map(|view| &view.runner).collect();
        hold(names.iter().copied().eq(self.names.keys()), || {
            format!("{names:?} are shown, and known are {:?}", self.names)
        })?;
        views.iter().try_for_each(|view| {
            let instance = &self.names[&view.runner];
            let held = self.holds.iter().find(|(_, holder)| *holder == instance);
            let is_true = view.testing.map(|(commit, _)| commit) == held.map(|(commit, _)| *commit)
                && view.is_draining == self.is_drained(instance);
            hold(is_true, || format!("{view:?} is shown, and it has {held:?}"))
        })
    }

    /// Who is known and not to leave, each with what it holds.
    pub fn staying(&self) -> impl Iterator<Item = (&InstanceId, Option<CommitId>)> {
        let stay = self.names.values().filter(|instance| !self.is_drained(instance));
        stay.map(|instance| {
            let mut held = self.holds.iter().filter(|(_, holder)| *holder == instance);
            (instance, held.next().map(|(commit, _)| *commit))
        })
    }

    pub fn is_drained(&self, instance: &InstanceId) -> bool {
        self.drained.contains(instance)
    }
}
