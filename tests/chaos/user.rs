//! A user who hands in again what was handed in long ago, and asks what became of it, over a link that is not to be relied on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fastrand::Rng;
use pontus_proto::limits::STATUS_COMMITS_MAX;
use pontus_proto::{Caller, Client, CommitLine, Reply, Request, Role, State, Token};
use pontus_tests::submission_of;

/// How long an answer may take. A user is less patient than our programs.
const PATIENCE: Duration = Duration::from_secs(1);

/// From one question to the next, at most, in milliseconds.
const PAUSE_MS_MAX: u64 = 80;

/// What a user has heard.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Commits that were accepted, or told of: what is told is on the disk.
    pub acknowledged: BTreeSet<String>,
    /// Verdicts that were told.
    pub told: BTreeMap<String, String>,
    /// What cannot be.
    pub wrong: Vec<String>,
    /// Questions that were asked, and those that were answered.
    pub questions: (u64, u64),
}

/// A user, for as long as it is kept.
#[derive(Debug)]
pub struct User {
    /// The commits that it knows.
    commits: Arc<Mutex<Vec<String>>>,
    heard: Arc<Mutex<Heard>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl User {
    /// Somebody who dials `address`.
    pub fn new(seed: u64, address: String, token: Token) -> User {
        let (stop, stopped) = channel();
        let (commits, heard) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<_>>::default());
        let undone = BTreeSet::new();
        let mut life =
            Life { address, token, commits: commits.clone(), heard: heard.clone(), undone };
        let thread = thread::spawn(move || {
            let mut rng = Rng::with_seed(seed);
            let mut pause = || Duration::from_millis(rng.u64(0..PAUSE_MS_MAX));
            let mut draws = Rng::with_seed(seed);
            while stopped.recv_timeout(pause()) == Err(RecvTimeoutError::Timeout) {
                life.ask_something(&mut draws);
            }
        });
        User { commits, heard, stop: Some(stop), thread: Some(thread) }
    }

    /// Tells of commits.
    pub fn knows(&self, commits: &[String]) {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(commits);
    }

    /// What it has heard until now.
    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.stop.take();
        self.thread.take().map(JoinHandle::join);
    }
}

struct Life {
    address: String,
    token: Token,
    commits: Arc<Mutex<Vec<String>>>,
    heard: Arc<Mutex<Heard>>,
    /// Commits without a verdict that were told when nothing was queued or running, the last time.
    undone: BTreeSet<String>,
}

impl Life {
    /// Hands in or asks after one of the newest commits, or any.
    fn ask_something(&mut self, rng: &mut Rng) {
        let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let back = if rng.bool() { commits.len().min(6) } else { commits.len() };
        let Some(commit) = rng.choice(&commits[commits.len() - back..]).cloned() else { return };
        drop(commits);
        let answered = match rng.u8(..5) {
            0..2 => self.submit(&commit),
            2..4 => self.show(&commit),
            _ => self.status(),
        };
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.questions.0 += 1;
        heard.questions.1 += u64::from(answered.is_some());
    }

    fn ask(&self, request: &Request) -> Option<Reply> {
        let tokens = Ok(vec![self.token.clone()]);
        let caller = Caller { role: Role::Client, name: None, tokens };
        let mut client = Client::connect_within(PATIENCE, &self.address, &caller).ok()?;
        client.ask_within(PATIENCE, request).ok()
    }

    fn submit(&self, commit: &str) -> Option<()> {
        let submission = submission_of(commit.parse().unwrap(), "test_repo");
        let reply = self.ask(&Request::Submit(submission))?;
        if let Reply::Accepted { commit, new } = reply {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            let is_first = heard.acknowledged.insert(commit.to_string());
            if new && !is_first {
                heard.wrong.push(format!("forgotten: {commit} was accepted, and is called new"));
            }
        }
        Some(())
    }

    fn show(&self, commit: &str) -> Option<()> {
        let reply = self.ask(&Request::Show { commit: commit.parse().unwrap() })?;
        let Reply::Shown(shown) = reply else { return Some(()) };
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.acknowledged.insert(commit.to_owned());
        let verdict = shown.decided.map(|decided| decided.verdict.word().to_owned());
        if (shown.state == State::Done) != verdict.is_some() {
            heard.wrong.push(format!("{commit} is told to be {:?} with {verdict:?}", shown.state));
        }
        match (heard.told.get(commit).cloned(), verdict) {
            (Some(was), is) if is.as_ref() != Some(&was) => {
                heard.wrong.push(format!("changed: {commit} was told to be {was}, then {is:?}"));
            }
            (None, Some(is)) => {
                heard.told.insert(commit.to_owned(), is);
            }
            _ => {}
        }
        Some(())
    }

    /// Where nothing is queued or running, everything is done. The commits are told a moment before the counts, so what has just
    /// been decided is asked after again.
    fn status(&mut self) -> Option<()> {
        let Reply::Status(status) =
            self.ask(&Request::Status { commits: STATUS_COMMITS_MAX as u32 })?
        else {
            return Some(());
        };
        let listed: Vec<_> = status.commits.iter().map(|line| line.commit.to_string()).collect();
        let is_undone = |line: &CommitLine| line.state != State::Done;
        let undone =
            status.commits.into_iter().filter(is_undone).map(|line| line.commit.to_string());
        let is_quiet = (status.queued, status.running) == (0, 0);
        let undone: BTreeSet<_> = undone.filter(|_| is_quiet).collect();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.acknowledged.extend(listed);
        let forgotten = self.undone.intersection(&undone);
        heard
            .wrong
            .extend(forgotten.map(|id| format!("forgotten: {id} has no verdict and no turn")));
        self.undone = undone;
        Some(())
    }
}
