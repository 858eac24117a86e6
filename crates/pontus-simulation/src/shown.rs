//! The rules of what is not an answer of the scheduler: what people are shown, what the store holds, and what a verdict needs
//! beside its report.

use pontus_proto::{CommitId, Label};
use pontus_scheduler::{Overview, Record, RunnerView, Stored, Submission, Time, WaitsFor, Why};

use crate::check::{Broken, Check, hold};
use crate::disk::{Disk, Published, Try, Verdict, commit_of};
use crate::dispatcher::Batch;
use crate::ledger::{Ledger, RunId};
use crate::seen::Case;
use crate::sessions::Sessions;
use crate::store::Store;
use crate::words;

impl Check {
    /// What is shown of everything is what is on disk.
    pub fn shown(
        &self,
        disk: &Disk,
        overview: Overview,
        runners: impl Iterator<Item = RunnerView>,
    ) -> Result<(), Broken> {
        let (queued, running) = (disk.queued().count(), disk.running().count());
        let counted = (overview.queued, overview.running, overview.paused);
        hold(counted == (queued, running, disk.is_paused()), || {
            let Overview { queued: shown, running: tested, .. } = overview;
            format!(
                "{shown} queued and {tested} running is shown, and {queued} are queued and {running} run on disk"
            )
        })?;
        let views: Vec<_> = runners.collect();
        hold(views.len() == overview.runners, || format!("{overview:?}, and {views:?}"))?;
        self.roster.is_shown(&views)
    }

    /// What a commit is said to wait for.
    pub fn waits(
        &self,
        disk: &Disk,
        commit: CommitId,
        waits_for: Option<WaitsFor>,
    ) -> Result<(), Broken> {
        let queued = disk.entry(commit).filter(|entry| entry.is_queued());
        let wanted = queued.map(|entry| match disk.is_paused() {
            true => WaitsFor::Resume,
            false => self.waits_for_runner(disk, &entry.submission),
        });
        hold(waits_for == wanted, || {
            let commit = words::id(commit);
            format!("{commit} is said to wait for {waits_for:?}, and waits for {wanted:?}")
        })
    }

    /// What a queued commit waits for, where commits are handed out.
    fn waits_for_runner(&self, disk: &Disk, submission: &Submission) -> WaitsFor {
        let stay = self.roster.staying().filter_map(|(instance, holds)| {
            let known = self.questions.runner(instance);
            // One that has not been heard of since our start has the project of what it holds, and no labels that we know of.
            let held = || disk.entry(holds?).map(|entry| (&entry.submission.project, &[][..]));
            known.map(|known| (known.project(), known.labels())).or_else(held)
        });
        let mut of_project = stay.filter(|(project, _)| **project == submission.project).peekable();
        if of_project.peek().is_none() {
            return WaitsFor::Runner;
        }
        let has_all = |labels: &[Label]| submission.labels.iter().all(|it| labels.contains(it));
        let fits = of_project.any(|(_, labels)| has_all(labels));
        if fits { WaitsFor::Turn } else { WaitsFor::Labels }
    }

    /// The store holds of each commit of a batch what it should.
    pub fn is_stored(&self, disk: &Disk, store: &dyn Store, batch: &Batch) -> Result<(), Broken> {
        let commits = batch.records.iter().filter_map(|(record, _)| commit_of(record));
        commits.into_iter().try_for_each(|commit| {
            let wanted = disk.entry(commit).map(|entry| entry.stored());
            is_same(commit, store.stored_one(commit).as_ref(), wanted.as_ref())?;
            is_decided_by(disk, store, commit)
        })
    }

    /// The next dispatcher finds all that was made durable, and nothing else; and no result that is there in part.
    pub fn is_found(&self, disk: &Disk, store: &dyn Store) -> Result<(), Broken> {
        let (found, wanted) = (store.stored(), disk.stored());
        hold(store.is_paused() == disk.is_paused(), || "the pause is not as it was".to_owned())?;
        hold(found.len() == wanted.len(), || {
            format!("{} commits are found after a restart, not {}", found.len(), wanted.len())
        })?;
        for (found, wanted) in found.iter().zip(&wanted) {
            is_same(wanted.commit, Some(found), Some(wanted))?;
            is_decided_by(disk, store, wanted.commit)?;
        }
        disk.entries().try_for_each(|entry| {
            let commit = entry.submission.commit;
            let is_in_part = entry.published == Published::InPart;
            hold(!is_in_part, || format!("the result of {} is there in part", words::id(commit)))
        })
    }

    /// A verdict by report comes when all that its run has printed is here.
    pub fn output_is_here(
        &self,
        record: &Record,
        run: Option<RunId>,
        ledger: &Ledger,
        sessions: &Sessions,
    ) -> Result<(), Broken> {
        let Record::Decided { commit, attempt, why: Why::Report } = record else { return Ok(()) };
        let wanted = run.map_or(0, |run| ledger.run(run).output_bytes);
        let there = sessions.bytes((*commit, *attempt));
        hold(there >= wanted, || {
            let attempt = words::try_of(*commit, *attempt);
            format!("{attempt} has its verdict with {there} of {wanted} bytes of its output")
        })
    }

    /// For the count of cases: how the attempt of a record was lost, if it was, and whether it began before the restart.
    pub fn how_ended(&self, now: Time, disk: &Disk, record: &Record) -> (Case, bool) {
        let running = commit_of(record).and_then(|commit| disk.entry(commit)?.running());
        let Some(running) = running else { return (Case::LostSilent, false) };
        let is_spent = now >= running.since.after(self.config.attempt_ms_max);
        let lost = match is_spent {
            true => Case::LostSpent,
            false if self.is_gone(running) => Case::LostGone,
            false => Case::LostSilent,
        };
        (lost, running.since < self.started)
    }

    fn is_gone(&self, running: &Try) -> bool {
        let known = self.questions.runner(&running.instance);
        known.is_some_and(|known| known.ended.is_some())
    }
}

fn is_same(
    commit: CommitId,
    found: Option<&Stored>,
    wanted: Option<&Stored>,
) -> Result<(), Broken> {
    hold(found == wanted, || {
        format!("{} is stored as {found:?}, and should be {wanted:?}", words::id(commit))
    })
}

fn is_decided_by(disk: &Disk, store: &dyn Store, commit: CommitId) -> Result<(), Broken> {
    let wanted = match disk.entry(commit).and_then(|entry| entry.verdict) {
        Some(Verdict::Ran(_, run)) => Some(run),
        _ => None,
    };
    let found = store.decided_by(commit);
    hold(found == wanted, || {
        let commit = words::id(commit);
        format!("the stored verdict of {commit} is that of {found:?}, and should be of {wanted:?}")
    })
}
