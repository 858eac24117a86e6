//! What has to be so, whatever happened to the dispatcher or its disk: what was answered holds, and a result is there whole or
//! not at all.

use std::fs;
use std::time::Instant;

use pontus_proto::{Attempt, Client, CommitId, Fate, Reply, Request, Role, State, Verdict};
use pontus_tests::{PATIENCE, Yard, made_up};

use crate::story::{self, Exchange, PROJECT};

/// Nothing, or what is wrong.
pub type Judgement = Result<(), String>;

/// The commits of the story.
const COMMITS: [u32; 3] = [1, 2, 3];

/// What is known of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    state: State,
    attempts: u32,
    verdict: Option<Verdict>,
}

/// What is known of the story's commits, by their numbers; nothing of one that was not handed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct World([Option<Known>; COMMITS.len()]);

impl World {
    /// What has been answered is so.
    pub fn after(heard: &[Exchange]) -> World {
        let mut world = World::default();
        heard.iter().for_each(|exchange| world.hear(exchange));
        world
    }

    fn hear(&mut self, (request, reply): &Exchange) {
        let queued = Known { state: State::Queued, attempts: 0, verdict: None };
        match (request, reply) {
            (_, Reply::Accepted { commit, new: true }) => *self.of(*commit) = Some(queued),
            (_, Reply::Assigned { commit, attempt, .. }) => {
                self.change(*commit, |known| {
                    (known.state, known.attempts) = (State::Running, attempt.0);
                });
            }
            (Request::Report { commit, report, .. }, Reply::Recorded {}) => {
                self.decide(*commit, report.verdict);
            }
            (Request::Cancel { commit }, Reply::Done {}) => {
                self.decide(*commit, Verdict::Cancelled);
            }
            (Request::GiveBack { commit, .. }, Reply::Returned {})
            | (Request::Retry { commit }, Reply::Done {}) => {
                self.change(*commit, |known| {
                    (known.state, known.verdict) = (State::Queued, None);
                });
            }
            _ => {}
        }
    }

    fn decide(&mut self, commit: CommitId, verdict: Verdict) {
        self.change(commit, |known| {
            (known.state, known.verdict) = (State::Done, Some(verdict));
        });
    }

    fn of(&mut self, commit: CommitId) -> &mut Option<Known> {
        let at = COMMITS.iter().position(|number| made_up(*number) == commit).unwrap();
        &mut self.0[at]
    }

    fn change(&mut self, commit: CommitId, change: impl FnOnce(&mut Known)) {
        self.of(commit).as_mut().map(change);
    }
}

/// Holds a dispatcher that has just started against what was answered before. What nobody has heard the answer of, the first
/// of `unheard`, may have happened or not.
pub fn judge(yard: &Yard, heard: &[Exchange], unheard: &[Exchange]) -> Judgement {
    let before = World::after(heard);
    let mut after = before.clone();
    unheard.iter().take(1).for_each(|exchange| after.hear(exchange));
    let seen = World(COMMITS.map(|number| known(yard, made_up(number))));
    if seen != before && seen != after {
        return Err(format!("{before:?}\nor {after:?} was answered, and now it is\n{seen:?}"));
    }
    judge_results(yard)
}

/// Whatever has a result's name is the whole result of one of the commit's verdicts.
pub fn judge_results(yard: &Yard) -> Judgement {
    for number in COMMITS {
        let commit = made_up(number);
        let Some(text) = result(yard, commit) else { continue };
        let whole = verdicts(number).iter().any(|verdict| text == whole(commit, *verdict));
        if !whole {
            return Err(format!("{commit}: its result is not whole: {}", ends(&text)));
        }
    }
    Ok(())
}

/// Holds the end of the story against what it should be: each commit with its one verdict, and its one more where a user asked
/// for that.
pub fn judge_end(yard: &Yard) -> Judgement {
    let reported = |number, verdict| (number, Some(Fate::Reported), Some(verdict));
    let attempts = [
        vec![reported(1, Verdict::Passed), reported(2, Verdict::Failed)],
        vec![(1, Some(Fate::GivenBack), None), reported(2, Verdict::Failed)],
        vec![],
    ];
    let mut client = story::connect(yard, Role::Client).ok_or("nobody listens")?;
    for (number, expected) in COMMITS.into_iter().zip(attempts) {
        let seen = attempts_of(&mut client, made_up(number))?;
        if seen != expected {
            return Err(format!("commit {number}: its attempts are {seen:?}, not {expected:?}"));
        }
        await_result(yard, number)?;
    }
    Ok(())
}

type AttemptSeen = (u32, Option<Fate>, Option<Verdict>);

fn attempts_of(client: &mut Client, commit: CommitId) -> Result<Vec<AttemptSeen>, String> {
    match client.ask(&Request::Show { commit }) {
        Ok(Reply::Shown(shown)) => {
            let lines = shown.attempts.into_iter();
            Ok(lines.map(|line| (line.attempt.0, line.fate, line.verdict)).collect())
        }
        other => Err(format!("{commit} is shown as {other:?}")),
    }
}

/// Results that a start has to make up for come a little later.
fn await_result(yard: &Yard, number: u32) -> Judgement {
    let (commit, last) = (made_up(number), verdicts(number).last().copied());
    let expected = whole(commit, last.unwrap());
    let deadline = Instant::now() + PATIENCE;
    while result(yard, commit).as_ref() != Some(&expected) {
        if Instant::now() > deadline {
            let there = result(yard, commit).map(|text| ends(&text));
            return Err(format!("{commit}: its result is not that of its verdict: {there:?}"));
        }
        std::thread::yield_now();
    }
    Ok(())
}

fn known(yard: &Yard, commit: CommitId) -> Option<Known> {
    match story::connect(yard, Role::Client)?.ask(&Request::Show { commit }) {
        Ok(Reply::Shown(shown)) => Some(Known {
            state: shown.state,
            attempts: shown.attempts.last().map_or(0, |line| line.attempt.0),
            verdict: shown.decided.map(|decided| decided.verdict),
        }),
        _ => None,
    }
}

/// The verdicts that a commit has in the story, one after the other, each with the attempt that decided it.
fn verdicts(number: u32) -> &'static [(Verdict, u32)] {
    match number {
        1 => &[(Verdict::Passed, 1), (Verdict::Failed, 2)],
        2 => &[(Verdict::Failed, 2)],
        _ => &[(Verdict::Cancelled, 0)],
    }
}

/// A result, without the line that tells the time.
fn result(yard: &Yard, commit: CommitId) -> Option<String> {
    let bytes = fs::read(yard.path().join("test_results").join(commit.to_string())).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("started "));
    Some(lines.collect())
}

/// What the result of a verdict says.
fn whole(commit: CommitId, (verdict, attempt): (Verdict, u32)) -> String {
    let begin = format!("commit    {commit}\nproject   {PROJECT}\n");
    if verdict == Verdict::Cancelled {
        return format!("{begin}\nverdict: cancelled: at a user's word\n");
    }
    let printed = String::from_utf8(story::printed(commit, Attempt(attempt))).unwrap();
    let end = format!("verdict: {}: 1 passed, 0 failed, 0 skipped in 0.001s", verdict.word());
    format!("{begin}runner    oak/1\nattempt   {attempt}\n\n{printed}\n{end}\n")
}

/// How a text begins and ends, for people.
fn ends(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let (first, last) = (lines.first(), lines.last());
    format!("{} bytes from {first:?} to {last:?}", text.len())
}
