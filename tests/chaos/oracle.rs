//! The oracle: whether what the system says is what happened. It only reads.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::{Execution, Made, Outcome};

/// One try of a commit, as the dispatcher remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its number.
    pub number: u32,
    /// Who had it: the process's name and a number.
    pub runner: String,
    /// What became of it; empty while it runs.
    pub fate: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
    /// When it ended, in the same; 0 while it runs.
    pub ended_ms: u64,
}

/// A verdict, as the dispatcher remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The attempt that it stands on.
    pub attempt: u32,
    /// Whether a report decided.
    pub reported: bool,
    /// Its word.
    pub word: String,
    /// Why, where the counts do not say it.
    pub reason: String,
}

/// A commit, as the dispatcher remembers it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// `queued`, `running` or `done`.
    pub state: String,
    /// The highest number that was given to a try.
    pub attempts_given: usize,
    /// The tries, in order.
    pub attempts: Vec<Attempt>,
    /// The verdicts.
    pub verdicts: Vec<Verdict>,
}

/// All that is known at the end.
#[derive(Debug, Default)]
pub struct Evidence {
    /// What was committed.
    pub made: Vec<Made>,
    /// Of these, what need not have its verdict yet.
    pub pending: BTreeSet<String>,
    /// What really ran.
    pub executions: Vec<Execution>,
    /// What the dispatcher remembers.
    pub accounts: BTreeMap<String, Account>,
    /// What is in the results folder.
    pub results: BTreeMap<String, String>,
    /// What the dispatcher has acknowledged to a user.
    pub acknowledged: BTreeSet<String>,
    /// Verdicts that it has told a user, before the end.
    pub told: BTreeMap<String, String>,
    /// How many lost runners give a commit up.
    pub attempts_max: usize,
    /// How long a test may take, in milliseconds.
    pub unit_timeout_ms: u64,
    /// When dispatchers were started again, in milliseconds since 1970.
    pub restarts_ms: Vec<u64>,
    /// How long a runner's connection may be gone before it has lost its commit.
    pub grace_ms: u64,
}

/// Lines that a pipe takes of a test whose reader is frozen.
const PIPE_LINES: usize = 1000;

/// All that is wrong, a sentence each.
pub fn judge(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for made in evidence.made.iter().filter(|made| !evidence.pending.contains(&made.commit)) {
        if let Err(why) = judge_one(evidence, made) {
            wrong.push(format!("{} ({:?}): {why}", made.commit, made.lot));
        }
    }
    let made: BTreeSet<_> = evidence.made.iter().map(|made| &made.commit).collect();
    let invented = evidence.accounts.keys().chain(evidence.results.keys());
    wrong.extend(invented.filter(|id| !made.contains(id)).map(|id| format!("invented: {id}")));
    let lost = evidence.acknowledged.iter().filter(|id| !evidence.accounts.contains_key(*id));
    wrong.extend(lost.map(|id| format!("lost: {id} was acknowledged, and is not known")));
    wrong
}

fn judge_one(evidence: &Evidence, made: &Made) -> Result<(), String> {
    let account = evidence.accounts.get(&made.commit).ok_or("never: it is not known")?;
    let [verdict] = &account.verdicts[..] else {
        return Err(format!("never or twice: {account:?}"));
    };
    if account.state != "done" {
        return Err(format!("never: {account:?}"));
    }
    let told = evidence.told.get(&made.commit).unwrap_or(&verdict.word);
    if *told != verdict.word {
        return Err(format!("changed: it was told to be {told}, and is {}", verdict.word));
    }
    judge_losses(evidence, account)?;
    let ran: Vec<_> = evidence.executions.iter().filter(|ran| ran.commit == made.commit).collect();
    if ran.len() > account.attempts_given {
        return Err(format!("twice: {} executions of {account:?}", ran.len()));
    }
    let result = evidence.results.get(&made.commit).ok_or("never: it has no result")?;
    let result = Parts::of(result, &made.commit).ok_or_else(|| format!("torn: {result:?}"))?;
    if !result.verdict.starts_with(&format!("{}: ", verdict.word)) {
        return Err(format!("changed: {verdict:?} is in the result {:?}", result.verdict));
    }
    if verdict.reported {
        judge_reported(evidence, made, account, &result, &ran)
    } else {
        judge_given_up(evidence, account, verdict)
    }
}

/// A dispatcher that has just been started cannot know yet that a runner is gone: whoever was there before it has a whole lease, or,
/// once it has been back and gone again, the grace.
fn judge_losses(evidence: &Evidence, account: &Account) -> Result<(), String> {
    let is_hasty = |attempt: &&Attempt| {
        let mut since = evidence.restarts_ms.iter().filter(|ms| attempt.started_ms < **ms);
        let soon = |ms: &u64| (*ms..*ms + evidence.grace_ms).contains(&attempt.ended_ms);
        attempt.fate == "lost" && since.any(soon)
    };
    match account.attempts.iter().find(is_hasty) {
        Some(attempt) => Err(format!("hasty: lost as soon as it was restored: {attempt:?}")),
        None => Ok(()),
    }
}

/// The only verdict that nobody reports, in a run in which nobody cancels.
fn judge_given_up(evidence: &Evidence, account: &Account, verdict: &Verdict) -> Result<(), String> {
    let lost = account.attempts.iter().filter(|attempt| attempt.fate == "lost").count();
    let is_ours = verdict.word == "error" && verdict.reason.starts_with("runners lost: ");
    let is_so = is_ours && lost == evidence.attempts_max;
    if is_so { Ok(()) } else { Err(format!("invented: {account:?}")) }
}

fn judge_reported(
    evidence: &Evidence,
    made: &Made,
    account: &Account,
    result: &Parts,
    ran: &[&Execution],
) -> Result<(), String> {
    let verdict = &account.verdicts[0];
    let reported: Vec<_> =
        account.attempts.iter().filter(|attempt| attempt.fate == "reported").collect();
    let [attempt] = reported[..] else {
        return Err(format!("twice: several reports count in {account:?}"));
    };
    if attempt.number != verdict.attempt || result.attempt != attempt.number.to_string() {
        return Err(format!("wrong: the result of attempt {} for {account:?}", result.attempt));
    }
    let nonce = result
        .nonce
        .ok_or_else(|| format!("torn: no test speaks in {:?}: {verdict:?}", result.output))?;
    let execution = ran.iter().find(|execution| execution.nonce == nonce);
    let execution = execution.ok_or("invented: nobody has run what its result tells of")?;
    // It was begun for this attempt, by whom that was handed to: anything else would be a lost attempt's output or report.
    let is_its = attempt.runner == result.runner
        && result.runner.starts_with(&format!("{}/", execution.runner))
        && (attempt.started_ms..=attempt.ended_ms).contains(&execution.begun_ms);
    if !is_its {
        return Err(format!("wrong: {execution:?} for {attempt:?}"));
    }
    judge_output(made, result, nonce)?;
    if result.verdict.starts_with(made.lot.outcome.verdict()) && has_ended_so(execution, made) {
        return Ok(());
    }
    let timed_out = result.verdict.starts_with(Outcome::Stays.verdict());
    if timed_out && has_taken_long(execution, evidence.unit_timeout_ms) {
        return Ok(());
    }
    Err(format!("wrong: {:?} after {execution:?}", result.verdict))
}

/// Whether the test has come to the end that the commit wants of it.
fn has_ended_so(execution: &Execution, made: &Made) -> bool {
    execution.ended.map(|(_, status)| status) == made.lot.outcome.status()
}

/// A runner that is frozen may keep even a short test for long. The test only begins to count when its shell has been started, so
/// half of the time is enough.
fn has_taken_long(execution: &Execution, unit_timeout_ms: u64) -> bool {
    let took = |ended_ms: u64| ended_ms.saturating_sub(execution.begun_ms);
    execution.ended.is_none_or(|(ended_ms, _)| took(ended_ms) >= unit_timeout_ms / 2)
}

/// All that the test has printed is there, in its order, once.
fn judge_output(made: &Made, result: &Parts, nonce: &str) -> Result<(), String> {
    let marks = (1..=made.lot.lines).map(|line| format!("mark {nonce} {line}"));
    let last = made.lot.outcome.status().map(|_| format!("last {nonce}"));
    let expected: Vec<_> = marks.chain(last).collect();
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    let found: Vec<_> = result.output.lines().filter(|line| line.contains('-')).collect();
    // A test that took too long was stopped anywhere, where a frozen runner did not take what it had to say.
    let may_be_cut = result.verdict.starts_with(Outcome::Stays.verdict())
        && (made.lot.outcome != Outcome::Stays || made.lot.lines > PIPE_LINES);
    let is_so = if may_be_cut { expected.starts_with(&found) } else { expected == found };
    if is_so { Ok(()) } else { Err(format!("torn: {} of {} lines", found.len(), expected.len())) }
}

/// The parts of a result.
struct Parts<'a> {
    runner: &'a str,
    attempt: &'a str,
    output: &'a str,
    /// Who speaks in the output.
    nonce: Option<&'a str>,
    /// The last line, without `verdict: `.
    verdict: &'a str,
}

impl Parts<'_> {
    /// None where it is not whole.
    fn of<'a>(text: &'a str, commit: &str) -> Option<Parts<'a>> {
        let (header, rest) = text.split_once("\n\n")?;
        if header.lines().next()? != format!("commit    {commit}") {
            return None;
        }
        let field = |name: &str| {
            let line = header.lines().find(|line| line.starts_with(name));
            line.map_or("", |line| line[name.len()..].trim())
        };
        let whole = rest.strip_suffix('\n')?;
        let (output, last) = whole.rsplit_once('\n').unwrap_or(("", whole));
        let verdict = last.strip_prefix("verdict: ")?;
        let mark = output.lines().find_map(|line| line.strip_prefix("mark "));
        let nonce = mark.and_then(|mark| mark.split(' ').next());
        Some(Parts { runner: field("runner"), attempt: field("attempt"), output, nonce, verdict })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Lot;

    const COMMIT: &str = "c0ffee";
    const NONCE: &str = "1-2-3";

    /// One commit that was tested, lost, and tested again.
    fn evidence() -> Evidence {
        let lot = Lot { outcome: Outcome::Fails, lines: 2, stay_ms: 0 };
        let execution = |nonce: &str, begun_ms, ended| Execution {
            commit: COMMIT.to_owned(),
            nonce: nonce.to_owned(),
            runner: "r0".to_owned(),
            begun_ms,
            ended,
        };
        let attempt = |number, fate: &str, started_ms, ended_ms| {
            let (runner, fate) = ("r0/1".to_owned(), fate.to_owned());
            Attempt { number, runner, fate, started_ms, ended_ms }
        };
        let (word, reason) = ("failed".to_owned(), String::new());
        let account = Account {
            state: "done".to_owned(),
            attempts_given: 2,
            attempts: vec![attempt(1, "lost", 100, 200), attempt(2, "reported", 200, 300)],
            verdicts: vec![Verdict { attempt: 2, reported: true, word, reason }],
        };
        let result = format!(
            "commit    {COMMIT}\nrunner    r0/1\nattempt   2\n\n=== tests/truth\nmark {NONCE} 1\nmark {NONCE} 2\n\
             last {NONCE}\n=== tests/truth: failed in 1s\n\n\
             verdict: failed: 0 passed, 1 failed, 0 skipped in 1s\n"
        );
        Evidence {
            made: vec![Made { commit: COMMIT.to_owned(), lot }],
            pending: BTreeSet::new(),
            executions: vec![execution("0-0", 110, None), execution(NONCE, 210, Some((290, 1)))],
            accounts: [(COMMIT.to_owned(), account)].into(),
            results: [(COMMIT.to_owned(), result)].into(),
            acknowledged: [COMMIT.to_owned()].into(),
            told: [(COMMIT.to_owned(), "failed".to_owned())].into(),
            attempts_max: 3,
            unit_timeout_ms: 3000,
            restarts_ms: vec![150],
            grace_ms: 40,
        }
    }

    /// What is said once something has been changed.
    fn judged(change: impl FnOnce(&mut Evidence)) -> String {
        let mut evidence = evidence();
        change(&mut evidence);
        judge(&evidence).join("\n")
    }

    fn account(evidence: &mut Evidence) -> &mut Account {
        evidence.accounts.get_mut(COMMIT).unwrap()
    }

    fn in_result(evidence: &mut Evidence, from: &str, to: &str) {
        let result = evidence.results.get_mut(COMMIT).unwrap();
        assert!(result.contains(from), "{result}");
        *result = result.replace(from, to);
    }

    #[test]
    fn the_truth_is_not_objected_to() {
        assert_eq!(judged(|_| {}), "");
    }

    #[test]
    fn each_lie_is_found() {
        type Lie = (&'static str, fn(&mut Evidence));
        let lies: [Lie; 17] = [
            ("never: it is not known", |said| said.accounts.clear()),
            ("lost: c0ffee", |said| said.accounts.clear()),
            ("never: it has no result", |said| said.results.clear()),
            ("never or twice", |said| account(said).verdicts.clear()),
            ("invented: c0ffee", |said| said.made.clear()),
            ("invented: nobody has run", |said| said.executions.truncate(1)),
            ("twice: 2 executions", |said| account(said).attempts_given = 1),
            ("twice: several reports", |said| account(said).attempts[0].fate = "reported".into()),
            ("changed: it was told", |said| {
                said.told.insert(COMMIT.into(), "passed".into());
            }),
            ("changed: ", |said| account(said).verdicts[0].word = "passed".into()),
            ("wrong: the result of attempt", |said| in_result(said, "attempt   2", "attempt   1")),
            ("wrong: Execution", |said| said.executions[1].begun_ms = 190),
            ("wrong: \"failed", |said| said.executions[1].ended = Some((290, 0))),
            ("torn: 2 of 3 lines", |said| in_result(said, "mark 1-2-3 2\n", "")),
            ("torn: no test speaks", |said| in_result(said, "mark", "mork")),
            ("torn: ", |said| in_result(said, " skipped in 1s\n", " skipped in 1s")),
            ("hasty: ", |said| said.restarts_ms.push(180)),
        ];
        for (word, lie) in lies {
            let found = judged(lie);
            assert!(found.contains(word), "{word}: {found}");
        }
    }

    #[test]
    fn a_commit_is_given_up_for_lost_runners_alone() {
        let give_up = |evidence: &mut Evidence, lost: usize| {
            evidence.attempts_max = 2;
            evidence.told.clear();
            let account = account(evidence);
            account.attempts.iter_mut().take(lost).for_each(|attempt| attempt.fate = "lost".into());
            let verdict = &mut account.verdicts[0];
            verdict.reported = false;
            verdict.word = "error".to_owned();
            verdict.reason = "runners lost: 2 attempts, none was reported".to_owned();
            in_result(evidence, "verdict: failed: ", "verdict: error: ");
        };
        assert_eq!(judged(|evidence| give_up(evidence, 2)), "");
        assert!(judged(|evidence| give_up(evidence, 1)).contains("invented: "));
    }
}
