//! How a scheduler comes back after a restart: from what was remembered, and with nothing held against anybody for a
//! silence that was ours.

use pontus_proto::{Attempt, BranchName, CommitId, InstanceId, Label, ProjectName, RunnerName};

use crate::config::{Config, Time};
use crate::planted::{self, Bug};
use crate::queue::Labels;
use crate::scheduler::{Commit, Decided, Runner, Scheduler};

/// What the disk knows of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Which one.
    pub commit: CommitId,
    /// Whose it is.
    pub project: ProjectName,
    /// Where it was seen.
    pub branch: Option<BranchName>,
    /// What its runner has to have.
    pub labels: Vec<Label>,
    /// Its place in the queue.
    pub place: u64,
    /// The highest number that was given to a try; 0 where there was none.
    pub attempts: u32,
    /// How many of them were lost; since its last retry, where there was one.
    pub lost: u32,
    /// Whether a user ever had it queued again. Such a commit does not give way to a newer one.
    pub is_retried: bool,
    /// What it was doing.
    pub state: StoredState,
}

/// What a commit was doing when the dispatcher stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredState {
    /// Waiting for a runner.
    Queued,
    /// Being tested, in the try with the highest number.
    Running {
        /// By whom, for people.
        runner: RunnerName,
        /// By whom.
        instance: InstanceId,
    },
    /// It has its verdict.
    Done {
        /// The try whose report it is; `None` where no report decided it.
        reported: Option<Attempt>,
    },
}

impl Scheduler {
    /// A scheduler that goes on where the records end, paused or not. Every running commit gets a whole lease.
    pub fn restore(
        config: Config,
        records: impl IntoIterator<Item = Stored>,
        paused: bool,
        now: Time,
    ) -> Scheduler {
        let mut scheduler = Scheduler::new(config, paused, now);
        for stored in records {
            scheduler.restore_one(stored, now);
        }
        scheduler
    }

    fn restore_one(&mut self, stored: Stored, now: Time) {
        let Stored { commit: id, place, attempts, state, .. } = stored;
        self.next_place = self.next_place.max(place + 1);
        if planted::has(Bug::ForgetRunning) && matches!(state, StoredState::Running { .. }) {
            return;
        }
        if let StoredState::Done { reported } = state {
            self.decided.insert(id, Decided { attempts, reported });
            return;
        }
        let commit = Commit {
            project: stored.project.clone(),
            branch: stored.branch,
            labels: stored.labels.into_iter().collect(),
            place,
            attempts,
            lost: stored.lost,
            is_retried: stored.is_retried,
            lease: None,
        };
        self.commits.insert(id, commit);
        match state {
            StoredState::Running { runner, instance } => {
                self.restore_runner(runner, instance.clone(), stored.project, id, now);
                self.lend(now, id, instance);
                if planted::has(Bug::NoRestartGrace) {
                    self.shorten(now, id);
                }
            }
            _ => self.queues.add_commit(id, &self.commits[&id]),
        }
    }

    /// Its runner comes back by the name that it had. What else it says of itself it will say again.
    fn restore_runner(
        &mut self,
        name: RunnerName,
        instance: InstanceId,
        project: ProjectName,
        testing: CommitId,
        now: Time,
    ) {
        self.names.insert(name.clone(), instance.clone());
        let runner = Runner {
            name,
            project,
            labels: Labels::new(),
            session: None,
            testing: Some(testing),
            waiting: None,
            heard: now,
            is_draining: false,
        };
        self.runners.insert(instance, runner);
    }
}
