//! One attempt, tested from checkout to report. It runs on a thread of its own and knows nothing of the dispatcher.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{error, info};
use pontus_exec::Stop;
use pontus_proto::{Attempt, BranchName, CommitId, InstanceId, ProjectName, Report};

use crate::checkout::Checkout;
use crate::clone::Clone;
use crate::config::Limits;
use crate::spool::Writer;
use crate::suite::{self, Unit};
use crate::summary;
use crate::unit::{self, UnitEnd};

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

impl Tester {
    /// Tests a commit. What came of it is in the spool.
    pub fn test(&self, assignment: &Assignment, mut writer: Writer) {
        let started = Instant::now();
        let mut report = match self.prepare(assignment) {
            Ok(units) => self.run_units(assignment, &units, started, &mut writer),
            Err(reason) => summary::of_error(&reason, started.elapsed()),
        };
        if let Some(failure) = writer.failure() {
            let reason = format!("the runner's disk failed: {failure}");
            report =
                Report { units: report.units, ..summary::of_error(&reason, started.elapsed()) };
        }
        let Assignment { commit, attempt, .. } = *assignment;
        if self.stop.is_set() {
            // Nobody wants to hear of tests that were ended half-way, now or after a restart.
            return writer.abandon(report);
        }
        info!("{commit}: {}", report.verdict.word());
        if let Err(error) = writer.finish(commit, attempt, self.instance.clone(), report) {
            error!("{commit}: cannot keep the report over a restart: {error}");
        }
    }

    fn prepare(&self, assignment: &Assignment) -> Result<Vec<Unit>, String> {
        let commit = assignment.commit;
        self.clone.bring(commit, &self.stop)?;
        let tracked = self.clone.tests_of(commit, &self.stop)?;
        let units = suite::units(&tracked)?;
        self.checkout.update(commit, &self.stop)?;
        Ok(units)
    }

    fn run_units(
        &self,
        assignment: &Assignment,
        units: &[Unit],
        started: Instant,
        writer: &mut Writer,
    ) -> Report {
        let env = self.environment(assignment);
        let mut ends: Vec<UnitEnd> = Vec::new();
        for unit in units {
            let left = assignment.timeout.saturating_sub(started.elapsed());
            let timeout = self.limits.unit_timeout.min(left);
            if left.is_zero() || self.stop.is_set() {
                break;
            }
            if !ends.is_empty() {
                writer.write(b"\n");
            }
            let tree = self.checkout.tree();
            ends.push(unit::run(unit, tree, &env, timeout, &self.stop, writer));
        }
        let took = started.elapsed();
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
