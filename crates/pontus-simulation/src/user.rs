//! A user: an agent that cancels, retries, drains, pauses and resumes, waits for verdicts, and looks how things are.

use std::collections::VecDeque;

use pontus_proto::RunnerName;
use pontus_scheduler::{Answer, SessionId};

use crate::asker::Asker;
use crate::faults::Fault;
use crate::network::{Client, Reply, Request};
use crate::runner::DIAL_MS_MAX;
use crate::stage::{Happening, Stage};
use crate::world::any_commit;

/// How long a user thinks before it wants something again, at most, in milliseconds.
pub const THINK_MS_MAX: u64 = 1_500;
/// For how long a user has nothing handed out, at most, in milliseconds.
const PAUSE_MS_MAX: u64 = 4_000;
/// What a user wants at once. More would only wait behind a verdict.
const WISHES_MAX: usize = 2;

/// What a user does of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Dial,
    /// It looks what there is to do.
    Think,
    Resume,
}

/// See the module.
#[derive(Debug)]
pub struct User {
    number: usize,
    asker: Asker,
    /// What it wants; the first is asked next, or has been.
    wishes: VecDeque<Request>,
    /// Whether all that it does from now on is to resume.
    is_healing: bool,
}

impl User {
    pub fn new(stage: &mut Stage, number: usize) -> User {
        let (asker, wishes) = (Asker::default(), VecDeque::new());
        let user = User { number, asker, wishes, is_healing: false };
        user.plan_within(stage, DIAL_MS_MAX, Act::Dial);
        user.plan_within(stage, THINK_MS_MAX, Act::Think);
        user
    }

    pub fn act(&mut self, stage: &mut Stage, act: Act) {
        match act {
            Act::Dial => self.dial(stage),
            Act::Resume => self.wish(stage, Request::Pause(false)),
            Act::Think => {
                if let Some(wish) = self.draw(stage) {
                    self.wish(stage, wish);
                }
                self.plan_within(stage, THINK_MS_MAX, Act::Think);
            }
        }
    }

    /// Nothing goes wrong any more, and no user meddles; whoever finds that we are paused resumes.
    pub fn heal(&mut self) {
        self.is_healing = true;
    }

    /// Whether it waits for no verdict.
    pub fn is_done(&self) -> bool {
        !self.wishes.iter().any(|wish| matches!(wish, Request::Watch { .. }))
    }

    fn draw(&self, stage: &mut Stage) -> Option<Request> {
        if self.is_healing {
            return Some(Request::Pause(false));
        }
        if self.wishes.len() >= WISHES_MAX {
            return None;
        }
        if stage.strikes(Fault::UserPauses) {
            self.plan_within(stage, PAUSE_MS_MAX, Act::Resume);
            return Some(Request::Pause(true));
        }
        if stage.strikes(Fault::UserDrains) {
            return Some(Request::Drain(any_runner(stage)));
        }
        let commit = any_commit(stage);
        if stage.strikes(Fault::UserCancels) {
            return Some(Request::Cancel(commit));
        }
        if stage.strikes(Fault::UserRetries) {
            return Some(Request::Retry(commit));
        }
        match stage.rng.u8(0..4) {
            0 => Some(Request::Look(commit)),
            1 | 2 => Some(Request::Watch { commit, wait_ms: any_wait_ms(stage) }),
            _ => None,
        }
    }

    fn wish(&mut self, stage: &mut Stage, wish: Request) {
        self.wishes.push_back(wish);
        self.go_on(stage);
    }

    fn go_on(&mut self, stage: &mut Stage) {
        self.asker.ask(stage, self.wishes.front().cloned());
    }

    pub fn answered(&mut self, stage: &mut Stage, session: SessionId, reply: &Reply) {
        if !self.asker.hears(session) {
            return;
        }
        let wish = self.wishes.pop_front();
        if matches!(reply, Reply::Said(Answer::Idle)) {
            // It waits on, now for as long as may be, and meanwhile asks what else it wants to.
            self.wishes.extend(wish.map(Request::wait_on));
        }
        self.go_on(stage);
    }

    /// Its connection is gone. What it has asked last is asked again.
    pub fn notices(&mut self, stage: &mut Stage, session: SessionId) {
        if self.asker.loses(stage, session) {
            self.plan_within(stage, DIAL_MS_MAX, Act::Dial);
        }
    }

    fn dial(&mut self, stage: &mut Stage) {
        if self.asker.dial(stage, Client::User(self.number)) {
            self.go_on(stage);
        } else {
            self.plan_within(stage, DIAL_MS_MAX, Act::Dial);
        }
    }

    fn plan_within(&self, stage: &mut Stage, ms_max: u64, act: Act) {
        let ms = stage.ms(1..=ms_max);
        stage.plan_in(ms, Happening::User { number: self.number, act });
    }
}

/// Mostly as long as may be, sometimes less, or not at all.
fn any_wait_ms(stage: &mut Stage) -> u64 {
    match stage.rng.u8(0..6) {
        0 => 0,
        1 => stage.ms(1..=stage.config.poll_ms),
        _ => u64::MAX,
    }
}

/// One of the names that runners may have.
fn any_runner(stage: &mut Stage) -> RunnerName {
    let host = if stage.rng.u8(0..4) == 0 { "elm" } else { "oak" };
    format!("{host}/{}", stage.rng.u8(1..=3)).parse().expect("a name")
}
