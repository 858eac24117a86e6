//! One attempt, tested from checkout to report. It runs on a thread of its own and knows nothing of the dispatcher.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use log::{error, info};
use pontus_exec::{Git, Spare, Stop};
use pontus_proto::{Attempt, BranchName, CommitId, InstanceId, ProjectName, Report, seconds};

use crate::checkout::Checkout;
use crate::clone::Clone;
use crate::config::Limits;
use crate::course::Course;
use crate::regular;
use crate::setup::Setup;
use crate::spool::Writer;
use crate::suite::{self, Unit};
use crate::summary;
use crate::unit::{self, Surroundings, UnitEnd};

/// How much of a file is read that tells what a repository is set up for. What it tells stands near its beginning.
const SETUP_BYTES_MAX: u64 = 1024 * 1024;

/// What the dispatcher wants tested.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// What.
    pub commit: CommitId,
    /// Which try.
    pub attempt: Attempt,
    /// Where it was seen.
    pub branch: Option<BranchName>,
    /// How long it may take as a whole.
    pub timeout: Duration,
    /// When we heard of it.
    pub arrived: Instant,
}

/// All that testing needs.
#[derive(Debug)]
pub struct Tester {
    /// Where commits come from.
    pub clone: Arc<Clone>,
    /// Where they are checked out.
    pub checkout: Arc<Checkout>,
    /// Whose they are.
    pub project: ProjectName,
    /// As whom we were asked.
    pub instance: InstanceId,
    /// What each attempt may use.
    pub limits: Limits,
    /// Ends the tests early.
    pub stop: Stop,
}

/// How long git may take for an attempt: as long as the attempt has, and no longer than anybody wants it.
#[derive(Debug, Clone, Copy)]
pub struct Patience<'a> {
    /// Ends it early.
    pub stop: &'a Stop,
    /// When the attempt as a whole has to end.
    pub until: Instant,
}

impl Patience<'_> {
    /// `git`, with these limits.
    pub fn give(&self, git: Git) -> Git {
        let left = self.until.saturating_duration_since(Instant::now());
        git.with_stop(self.stop.clone()).with_deadlines(left, left)
    }

    /// Leaves time for something else to change, while anybody waits.
    pub fn pause(&self, pause: Duration) {
        let left = self.until.saturating_duration_since(Instant::now());
        self.stop.wait(pause.min(left));
    }

    /// Whether nobody waits any more.
    pub fn is_over(&self) -> bool {
        self.stop.is_set() || Instant::now() >= self.until
    }
}

impl Tester {
    /// Tests a commit. What came of it is in the spool.
    ///
    /// Its units are run by the supervisor that `coming` gives, if it does. The last one is returned, if it may have other units.
    pub fn test(
        &self,
        assignment: &Assignment,
        coming: &Receiver<Spare>,
        mut writer: Writer,
    ) -> Option<Spare> {
        let mut supervisor = None;
        let mut course = Course::new(assignment.arrived);
        let until = assignment.arrived + assignment.timeout;
        let patience = Patience { stop: &self.stop, until };
        let mut report = match self.prepare(assignment.commit, &patience, &mut course) {
            Ok(units) => {
                supervisor = coming.recv().ok();
                self.run_units(assignment, &units, &mut supervisor, &mut course, &mut writer)
            }
            Err(_) if patience.is_over() => {
                summary::of_units(Vec::new(), Some(assignment.timeout), course.lasts())
            }
            Err(reason) => summary::of_error(&reason, course.lasts()),
        };
        if let Some(failure) = writer.failure() {
            let reason = format!("the runner's disk failed: {failure}");
            report = Report { units: report.units, ..summary::of_error(&reason, course.lasts()) };
        }
        let report = course.time(report);
        let Assignment { commit, attempt, .. } = *assignment;
        if self.stop.is_set() {
            // Nobody wants to hear of tests that were ended half-way, now or after a restart.
            writer.abandon(report);
            return supervisor;
        }
        info!("{commit}: {}", report.verdict.word());
        if let Err(error) = writer.finish(commit, attempt, self.instance.clone(), report) {
            error!("{commit}: cannot keep the report over a restart: {error}");
        }
        supervisor
    }

    fn prepare(
        &self,
        commit: CommitId,
        patience: &Patience<'_>,
        course: &mut Course,
    ) -> Result<Vec<Unit>, String> {
        let mut started = Instant::now();
        let lacks = || self.checkout.lacks(commit);
        // Most trees are in order: whoever asks git first whether the commit is here takes longer.
        if !self.checkout.try_update(commit, patience) {
            self.clone.bring(commit, &lacks, patience)?;
            started = Instant::now();
            self.check_out(commit, patience)?;
        }
        course.checked_out();
        info!("{commit}: checked out in {}", seconds(started.elapsed()));
        let tests = self.checkout.tests(commit, patience)?;
        let text = |path: &str| {
            let bytes = regular::read(&self.checkout.tree().join(path), SETUP_BYTES_MAX)?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        suite::units(&tests, &Setup::of(&tests, text))
    }

    /// A commit may be in the clone without all of its files: while another process fetches it, or after one was killed in the
    /// midst of that. Git writes the commit first. Then it is fetched once more, and git brings what is missing.
    fn check_out(&self, commit: CommitId, patience: &Patience<'_>) -> Result<(), String> {
        let failed = match self.checkout.update(commit, patience) {
            Err(failed) if !patience.is_over() => failed,
            result => return result,
        };
        // Why it failed says more than why that cannot be mended.
        self.clone.fetch_again(commit, patience).map_err(|_| failed)?;
        self.checkout.update(commit, patience)
    }

    fn run_units(
        &self,
        assignment: &Assignment,
        units: &[Unit],
        supervisor: &mut Option<Spare>,
        course: &mut Course,
        writer: &mut Writer,
    ) -> Report {
        let env = self.environment(assignment);
        let surroundings = Surroundings { tree: self.checkout.tree(), env: &env, stop: &self.stop };
        let mut ends: Vec<UnitEnd> = Vec::new();
        course.begin(units.len());
        for unit in units {
            let left = assignment.timeout.saturating_sub(course.lasts());
            let timeout = self.limits.unit_timeout.min(left);
            if left.is_zero() || self.stop.is_set() {
                break;
            }
            if !ends.is_empty() {
                writer.write(b"\n");
            }
            ends.push(unit::run(unit, supervisor, &surroundings, timeout, course, writer));
        }
        let took = course.lasts();
        let timeout = Some(assignment.timeout).filter(|timeout| took >= *timeout);
        summary::of_units(ends, timeout, took)
    }

    /// What a test finds in its environment: ours, without what is only for Pontus or git, and with what the contract says.
    fn environment(&self, assignment: &Assignment) -> Vec<(OsString, OsString)> {
        let is_private = |name: &OsString| {
            let name = name.as_encoded_bytes();
            name.starts_with(b"PONTUS_") || name.starts_with(b"GIT_") || name == b"PWD"
        };
        let branch = assignment.branch.as_ref().map_or("", |branch| branch.as_str());
        let ours: [(OsString, OsString); 5] = [
            ("CI".into(), "true".into()),
            ("PONTUS_COMMIT".into(), assignment.commit.to_string().into()),
            ("PONTUS_BRANCH".into(), branch.into()),
            ("PONTUS_PROJECT".into(), self.project.as_str().into()),
            ("PWD".into(), self.checkout.tree().into()),
        ];
        let inherited = std::env::vars_os().filter(|(name, _)| !is_private(name) && name != "CI");
        inherited.chain(ours).collect()
    }
}
