//! The loop: look at each branch, hand in what came, wait for the next look.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use log::info;
use pontus_exec::Stop;
use pontus_proto::{BranchName, Client, CommitId, ProjectName, Reply, Request, Role};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::config::Config;
use crate::mood::Mood;
use crate::plan::{self, Submission};
use crate::upstream::Upstream;

/// Watches until a signal says stop, or once.
///
/// # Errors
/// When looking once, what went wrong; otherwise only what keeps it from starting.
pub fn watch(config: Config) -> Result<()> {
    let stopped = stop_on_signals(config.stop.clone())?;
    if config.once {
        let looks = config.branches.iter().map(|branch| look(&config, &mut None, branch));
        // All are looked at before the first trouble is told.
        return looks.collect::<Vec<_>>().into_iter().collect();
    }
    let names: Vec<_> = config.branches.iter().map(BranchName::as_str).collect();
    info!("watching {} of {}, for {}", names.join(", "), config.project, config.dispatcher);
    let mut watched: Vec<_> =
        config.branches.iter().map(|branch| (branch, None, Mood::default())).collect();
    let mut next = Instant::now();
    loop {
        for (branch, upstream, mood) in &mut watched {
            let result = look(&config, upstream, branch);
            if config.stop.is_set() {
                return Ok(());
            }
            mood.note(branch.as_str(), result);
        }
        next = next_look(next, config.interval, Instant::now());
        if !wait(&stopped, next) {
            return Ok(());
        }
    }
}

/// One interval after the last start. What was missed is not made up for: a look sees everything anyway.
fn next_look(last: Instant, interval: Duration, now: Instant) -> Instant {
    now.max(last + interval)
}

/// Whether the time came before the signal.
fn wait(stopped: &Receiver<()>, until: Instant) -> bool {
    let left = until.saturating_duration_since(Instant::now());
    matches!(stopped.recv_timeout(left), Err(RecvTimeoutError::Timeout))
}

/// One look at one branch.
fn look(config: &Config, upstream: &mut Option<Upstream>, branch: &BranchName) -> Result<()> {
    let upstream = match upstream {
        Some(upstream) => upstream,
        None => upstream.insert(Upstream::open(&config.git, branch)?),
    };
    let came = upstream.new_commits(config.every_commit)?;
    if came.is_empty() {
        return Ok(());
    }
    let mut dispatcher = Client::connect(&config.dispatcher, Role::Observer)?;
    for submission in plan::submissions(came, config.every_commit) {
        let commit = submission.commit;
        submit(&mut dispatcher, &config.project, branch, submission)?;
        upstream.submitted(commit)?;
    }
    Ok(())
}

/// Hands one commit in. When this returns, it is on the dispatcher's disk.
fn submit(
    dispatcher: &mut Client,
    project: &ProjectName,
    branch: &BranchName,
    submission: Submission<CommitId>,
) -> Result<()> {
    let Submission { commit, skipped } = submission;
    let request = pontus_proto::Submission {
        commit,
        project: project.clone(),
        branch: Some(branch.clone()),
        previous: None,
        skipped,
        skipped_unnamed: 0,
        labels: Vec::new(),
        about: None,
    };
    match dispatcher.ask(&Request::Submit(request))? {
        Reply::Accepted { new, .. } => {
            info!("{commit} of {branch}: {}", if new { "submitted" } else { "known already" });
            Ok(())
        }
        _ => Err(pontus_proto::ClientError::Unfitting.into()),
    }
}

/// The first signal ends the observer after the look that it is at, the second ends that as well.
fn stop_on_signals(stop: Stop) -> Result<Receiver<()>> {
    let (sender, receiver) = channel();
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("cannot listen to signals")?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut signals = signals.forever();
        signals.next();
        sender.send(()).ok();
        signals.next();
        stop.now();
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_keep_their_beat_and_never_burst() {
        let start = Instant::now();
        let after = |s| start + Duration::from_secs(s);
        let interval = Duration::from_secs(5);
        assert_eq!(next_look(start, interval, after(1)), after(5));
        assert_eq!(next_look(start, interval, after(5)), after(5));
        assert_eq!(next_look(start, interval, after(23)), after(23));
    }
}
