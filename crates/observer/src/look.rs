//! One clone's observer, and one look of it: what came, what of it is new, and handing that in.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Context, Result};
use log::{debug, info, warn};
use pontus_exec::{Git, GitError, Stop, name_in_url};
use pontus_proto::{About, BranchName, Client, ClientError, CommitId, ProjectName};

use crate::branches;
use crate::config::{Config, Repo};
use crate::desk::Desk;
use crate::history::{DESCRIBED_MAX, History};
use crate::memory::Memory;
use crate::mood::{Outcome, Subject};
use crate::pattern::Pattern;
use crate::plan::{self, Step};
use crate::upstream::{Upstream, fetch_early};

/// The observer of one clone.
#[derive(Debug)]
pub struct Observer {
    name: String,
    git: Git,
    stop: Stop,
    once: bool,
    every_commit: bool,
    upstream: Upstream,
    /// A branch that is fetched already, and how far it was handed in then.
    early: Option<(BranchName, CommitId)>,
    memory: Memory,
    history: History,
    desk: Desk,
}

/// Whether a look is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Done,
    Again,
}

impl Observer {
    /// Finds out what the clone is, and what was handed in of it before.
    ///
    /// # Errors
    /// Where it is no clone, or nobody can tell what it is called.
    pub fn open(config: &Config, repo: &Repo) -> Result<Observer> {
        let git = Git::in_clone(&repo.path).with_stop(config.stop.clone());
        let cannot_watch = || format!("cannot watch {}", repo.path.display());
        let mut memory = Memory::default();
        // Two processes at a time take hardly longer than one.
        let (mut early, read, url) = thread::scope(|scope| {
            let url = thread::Builder::new().spawn_scoped(scope, || git.origin_url());
            let early = config.once.then(|| fetch_early(&git, &config.branches)).flatten();
            // What was fetched will have it read anew.
            let read = if early.is_some() { Ok(()) } else { memory.read(&git) };
            let join = |url: thread::ScopedJoinHandle<'_, _>| {
                url.join().expect("a panic in any thread ends the process")
            };
            // Where there is no thread to be had, it takes longer.
            (early, read, url.map_or_else(|_| git.origin_url(), join))
        });
        read.with_context(cannot_watch)?;
        let url = url?;
        if url.is_none() && early.take().is_some() {
            // Git took a folder of that name for it.
            memory.read(&git).with_context(cannot_watch)?;
        }
        let project = match &config.project {
            Some(project) => project.clone(),
            None => project_of(&git, url.as_deref())?,
        };
        let upstream = Upstream::open(&repo.name, &git, url.is_some(), &config.branches)?;
        let history = History::new(&repo.name, &git);
        let desk = Desk::new(&config.dispatcher, project.clone(), config.interval);
        if !config.once {
            let (name, dispatcher) = (&repo.name, &config.dispatcher.address);
            info!("{name}watching {} of {project}, for {dispatcher}", upstream.shown());
        }
        let (name, stop) = (repo.name.clone(), config.stop.clone());
        let Config { once, every_commit, .. } = *config;
        Ok(Observer { name, git, stop, once, every_commit, upstream, early, memory, history, desk })
    }

    /// The user cannot wait: whatever was put off is tried at the next look.
    pub fn hurry(&mut self) {
        self.desk.open_now();
    }

    /// Looks once. One git process where nothing has changed, however many branches there are; called once, it may fetch instead.
    pub fn look(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        // A branch that was held back is let go by what follows, so there is no third time.
        if self.look_and_hand_in(&mut outcome) == Then::Again {
            self.look_and_hand_in(&mut outcome);
        }
        outcome
    }

    fn look_and_hand_in(&mut self, outcome: &mut Outcome) -> Then {
        match self.see(outcome) {
            Ok((patterns, held_back)) => {
                self.hand_in(&patterns, outcome);
                let is_free = |branch| self.memory.submitted(branch).is_some();
                return if held_back.iter().any(is_free) { Then::Again } else { Then::Done };
            }
            // Whether it is origin that is broken or the clone is seen by asking something that concerns the clone alone.
            Err(error) => match self.memory.read(&self.git) {
                Ok(()) => outcome.trouble(Subject::Origin, error),
                Err(error) => outcome.trouble(Subject::Clone, error),
            },
        }
        Then::Done
    }

    /// Sees what is there, and has it here. Returns what is watched, and which branches have more than is here.
    fn see(&mut self, outcome: &mut Outcome) -> Result<(Vec<Pattern>, Vec<BranchName>)> {
        if let Some(pattern) = self.see_at_once()? {
            return Ok((vec![pattern], Vec::new()));
        }
        let heads = self.upstream.heads()?;
        let patterns = match self.upstream.patterns(&heads) {
            Ok(patterns) => patterns,
            Err(error) => {
                outcome.trouble(Subject::Origin, error);
                return Ok((Vec::new(), Vec::new()));
            }
        };
        let chosen = branches::choose(&heads, &patterns);
        for (branch, why) in chosen.troubles {
            outcome.trouble(Subject::Branch(branch), anyhow::Error::msg(why));
        }
        let mut held_back = Vec::new();
        if self.upstream.is_elsewhere() {
            held_back = self.fetch(chosen.tips, outcome)?;
        } else {
            self.memory.see(chosen.tips);
        }
        if let Err(error) = self.memory.forget(&self.git, &heads) {
            outcome.trouble(Subject::Clone, error);
        }
        Ok((patterns, held_back))
    }

    /// Who is called once is likely to have been called because something came. So it is fetched without asking first, where it is
    /// clear of which branch, and that is not about to begin. Returns what is watched; none where it is not as easy as that.
    fn see_at_once(&mut self) -> Result<Option<Pattern>, GitError> {
        let fetched = match self.early.take() {
            None => self.fetch_at_once()?,
            early => early,
        };
        let Some((branch, after)) = fetched else { return Ok(None) };
        let (git, memory, history) = (&self.git, &mut self.memory, &mut self.history);
        thread::scope(|scope| {
            // Where there is no thread to be had, it is asked for later.
            let ahead = || history.look_ahead(&branch, after);
            thread::Builder::new().spawn_scoped(scope, ahead).ok();
            memory.read(git)
        })?;
        Ok(Some(Pattern::of(branch.as_str())))
    }

    fn fetch_at_once(&self) -> Result<Option<(BranchName, CommitId)>, GitError> {
        let Some(branch) = self.upstream.only().filter(|_| self.once) else { return Ok(None) };
        let Some(after) = self.memory.submitted(&branch) else { return Ok(None) };
        debug!("{}fetching {branch}", self.name);
        Ok(self.upstream.fetch_one(&branch)?.then_some((branch, after)))
    }

    /// Has the branches here that are not at what was last seen of them. One of which nothing has been handed in yet is held
    /// back, and returned: what was first seen of it is where its history begins, and would be forgotten.
    fn fetch(
        &mut self,
        tips: BTreeMap<BranchName, CommitId>,
        outcome: &mut Outcome,
    ) -> Result<Vec<BranchName>, GitError> {
        let mut changed = tips;
        changed.retain(|branch, tip| self.memory.seen(branch) != Some(*tip));
        let is_begun = |branch: &BranchName| {
            self.memory.seen(branch).is_none() || self.memory.submitted(branch).is_some()
        };
        let held_back: Vec<_> =
            changed.keys().filter(|branch| !is_begun(branch)).cloned().collect();
        changed.retain(|branch, _| is_begun(branch));
        if changed.is_empty() {
            return Ok(held_back);
        }
        let names: Vec<_> = changed.keys().map(BranchName::as_str).collect();
        debug!("{}fetching {}", self.name, names.join(", "));
        let mut fetched = self.upstream.fetch(&changed);
        if !matches!(&fetched, Ok(failed) if failed.is_empty()) && self.mend()? {
            fetched = self.upstream.fetch(&changed);
        }
        // What came may be newer than what was listed, and another observer of this clone may have been faster.
        self.memory.read(&self.git)?;
        for (branch, error) in fetched? {
            if self.memory.seen(&branch) != changed.get(&branch).copied() {
                outcome.trouble(Subject::Branch(branch.to_string()), error);
            }
        }
        Ok(held_back)
    }

    /// Forgets what stands in the way of every fetch: refs of ours to commits that are not here. Says whether there were any.
    fn mend(&mut self) -> Result<bool, GitError> {
        let lost = self.memory.forget_lost(&self.git)?;
        for branch in &lost {
            warn!(
                "{}{branch}: what was remembered of it is not here any more; beginning anew",
                self.name
            );
        }
        Ok(!lost.is_empty())
    }

    fn hand_in(&mut self, patterns: &[Pattern], outcome: &mut Outcome) {
        let pending = self.pending(patterns);
        // While the dispatcher is away, nothing more is found out than that.
        if !pending.is_empty() && !self.desk.is_closed() {
            outcome.dispatcher_was_asked();
            debug!("{}something to hand in of {} branches", self.name, pending.len());
            match self.desk.connect() {
                Ok(client) => self.hand_in_to(client, pending, outcome),
                Err(error) => outcome.trouble(Subject::Dispatcher, error),
            }
        }
        if let Err(error) = self.memory.save(&self.git) {
            outcome.trouble(Subject::Clone, error);
        }
    }

    /// The branches of which something is to be handed in. One that is at a commit that the dispatcher has is done, unless each
    /// commit on the way counts.
    fn pending(&mut self, patterns: &[Pattern]) -> Vec<(BranchName, CommitId)> {
        let mut pending = self.memory.pending(patterns);
        if !self.every_commit && !pending.is_empty() {
            let handed_in = self.memory.handed_in();
            let (done, left) = pending.into_iter().partition(|(_, tip)| handed_in.contains(tip));
            pending = left;
            let done: Vec<(BranchName, CommitId)> = done;
            done.iter().for_each(|(branch, tip)| self.memory.acknowledge(branch, *tip));
        }
        pending
    }

    fn hand_in_to(
        &mut self,
        mut client: Client,
        pending: Vec<(BranchName, CommitId)>,
        outcome: &mut Outcome,
    ) {
        let mut came = Vec::new();
        for (branch, tip) in pending {
            match self.history.came(&branch, self.memory.submitted(&branch), tip) {
                Ok(commits) => came.push(commits),
                Err(error) => outcome.trouble(Subject::Branch(branch.to_string()), error),
            }
        }
        let steps = plan::steps(came, self.memory.handed_in(), self.every_commit);
        for steps in steps.chunks(DESCRIBED_MAX) {
            let mut about = self.history.describe(steps);
            for step in steps {
                if self.stop.is_set() {
                    return;
                }
                if let Err(error) = self.take(&mut client, step, &mut about) {
                    return outcome.trouble(Subject::Dispatcher, error);
                }
                if self.memory.is_save_due()
                    && let Err(error) = self.memory.save(&self.git)
                {
                    outcome.trouble(Subject::Clone, error);
                }
            }
        }
    }

    fn take(
        &mut self,
        client: &mut Client,
        step: &Step,
        abouts: &mut BTreeMap<CommitId, About>,
    ) -> Result<(), ClientError> {
        match step {
            Step::Pass { branch, commit } => self.memory.acknowledge(branch, *commit),
            Step::Submit(handed) => {
                let about = abouts.remove(&handed.commit);
                let is_new = self.desk.submit(client, handed, about)?;
                let said = if is_new { "submitted" } else { "known already" };
                info!("{}{} of {}: {said}", self.name, handed.commit, handed.branch);
                self.memory.acknowledge(&handed.branch, handed.commit);
            }
        }
        Ok(())
    }
}

fn project_of(git: &Git, url: Option<&str>) -> Result<ProjectName> {
    let name = match url {
        Some(url) => name_in_url(url).to_owned(),
        None => git.origin_name()?,
    };
    name.parse().context("cannot tell the project; give --project")
}

#[cfg(test)]
#[path = "look_tests.rs"]
mod tests;
