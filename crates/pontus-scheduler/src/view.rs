//! What people may see of the scheduler: how much there is to do, who does it, and what a commit waits for. Looking
//! changes nothing.

use pontus_proto::{CommitId, Label, ProjectName, RunnerName};

use crate::config::Time;
use crate::scheduler::Scheduler;

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
    /// A runner of its project has to come: there is none.
    Runner,
    /// A runner of its project with its labels has to come: none has them all.
    Labels,
    /// Its turn has to come: all that could take it are busy.
    Turn,
}

impl Scheduler {
    /// Everything in four numbers.
    pub fn overview(&self) -> Overview {
        let running = self.runners.values().filter(|runner| runner.testing.is_some()).count();
        let (runners, queued) = (self.runners.len(), self.commits.len() - running);
        Overview { queued, running, runners, paused: self.paused }
    }

    /// Every runner, in the order of names.
    pub fn runners(&self) -> impl Iterator<Item = RunnerView> {
        self.runners.values().map(|runner| RunnerView {
            runner: runner.name.clone(),
            project: runner.project.clone(),
            labels: Vec::new(),
            testing: None,
            heard: self.stepped,
            is_connected: runner.session.is_some(),
            is_draining: false,
        })
    }

    /// What a queued commit waits for; `None` for one that is not queued.
    pub fn waits_for(&self, commit: CommitId) -> Option<WaitsFor> {
        self.commits.get(&commit).filter(|commit| commit.lease.is_none())?;
        Some(WaitsFor::Turn)
    }
}
