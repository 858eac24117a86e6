//! What people may see of the scheduler: how much there is to do, who does it, and what a commit waits for. Looking
//! changes nothing.

use pontus_proto::{CommitId, Label, ProjectName, RunnerName};

use crate::config::Time;
use crate::scheduler::{Runner, Scheduler};

/// Everything in four numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overview {
    /// Commits that wait for a runner.
    pub queued: usize,
    /// Commits that are being tested.
    pub running: usize,
    /// Runners that are connected, or were a moment ago and hold a commit.
    pub runners: usize,
    /// Whether no commit is handed out, at a user's word.
    pub paused: bool,
}

/// One runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerView {
    /// What it is called.
    pub runner: RunnerName,
    /// Whose commits it tests.
    pub project: ProjectName,
    /// What it has; empty for one that has not yet been heard of since our start.
    pub labels: Vec<Label>,
    /// What it is testing, and since when; since our start where that is later.
    pub testing: Option<(CommitId, Time)>,
    /// When its last word came; our start where none has come since.
    pub heard: Time,
    /// Whether it has a connection.
    pub is_connected: bool,
    /// Whether it is to leave.
    pub is_draining: bool,
}

/// What has to happen before a queued commit is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// Commits have to be handed out again.
    Resume,
    /// A runner of its project has to come: there is none that stays.
    Runner,
    /// A runner of its project with its labels has to come: none that stays has them all.
    Labels,
    /// Its turn has to come: all that could take it are busy.
    Turn,
}

impl Scheduler {
    /// Everything in four numbers.
    pub fn overview(&self) -> Overview {
        let running = self.runners.values().filter(|runner| runner.testing.is_some()).count();
        let (runners, queued) = (self.runners.len(), self.commits.len() - running);
        Overview { queued, running, runners, paused: self.is_paused }
    }

    /// Every runner, in the order of names.
    pub fn runners(&self) -> impl Iterator<Item = RunnerView> {
        self.names.values().filter_map(|instance| self.runners.get(instance)).map(|runner| {
            RunnerView {
                runner: runner.name.clone(),
                project: runner.project.clone(),
                labels: runner.labels.iter().cloned().collect(),
                testing: runner.testing.and_then(|commit| self.tested_since(commit)),
                heard: runner.heard,
                is_connected: runner.session.is_some(),
                is_draining: runner.is_draining,
            }
        })
    }

    fn tested_since(&self, id: CommitId) -> Option<(CommitId, Time)> {
        self.commits.get(&id)?.lease.as_ref().map(|lease| (id, lease.since))
    }

    /// What a queued commit waits for; `None` for one that is not queued.
    pub fn waits_for(&self, commit: CommitId) -> Option<WaitsFor> {
        let commit = self.commits.get(&commit).filter(|commit| commit.lease.is_none())?;
        if self.is_paused {
            return Some(WaitsFor::Resume);
        }
        let stays = |runner: &&Runner| runner.project == commit.project && !runner.is_draining;
        let mut runners = self.runners.values().filter(stays).peekable();
        if runners.peek().is_none() {
            return Some(WaitsFor::Runner);
        }
        let fits = runners.any(|runner| commit.labels.is_subset(&runner.labels));
        Some(if fits { WaitsFor::Turn } else { WaitsFor::Labels })
    }
}
