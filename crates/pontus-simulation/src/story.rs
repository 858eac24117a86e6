//! The story of a seed that failed, for somebody who has never seen one: which rule broke, how to see it again, and what
//! happened before.

use std::collections::BTreeSet;

use crate::bug::Bug;
use crate::seen::Seen;
use crate::store::Store;
use crate::trace::Trace;
use crate::words;
use crate::world::{Outcome, run};

/// How many of a trace's last lines are told at once.
const LAST_LINES: usize = 60;

/// The variable that names the seed to be told as a whole.
const SEED_VARIABLE: &str = "PONTUS_SEED";

/// One who plays: over which stores, and by which command a single seed is played again.
#[derive(Debug, Clone, Copy)]
pub struct Player {
    /// Makes a store with nothing in it.
    pub store: fn() -> Box<dyn Store>,
    /// The command, which runs a test that calls [`Player::play_named`].
    pub command: &'static str,
}

impl Player {
    /// Plays a seed.
    ///
    /// # Errors
    /// The story of its failure.
    pub fn play(&self, seed: u64) -> Result<Seen, String> {
        let outcome = run(seed, (self.store)(), None, Trace::silent());
        match outcome.broken {
            Some(_) => Err(self.story(seed, None, LAST_LINES)),
            None => Ok(outcome.seen),
        }
    }

    /// Plays the seed that `PONTUS_SEED` names, or none.
    ///
    /// # Errors
    /// The story of its failure, whole.
    ///
    /// # Panics
    /// Where it names no number.
    pub fn play_named(&self) -> Result<(), String> {
        let Ok(named) = std::env::var(SEED_VARIABLE) else { return Ok(()) };
        let seed = named.parse().expect("PONTUS_SEED is a number");
        match run(seed, (self.store)(), None, Trace::silent()).broken {
            Some(_) => Err(self.story(seed, None, usize::MAX)),
            None => {
                eprintln!("{}", self.story(seed, None, usize::MAX));
                Ok(())
            }
        }
    }

    /// The story of a seed, with as many of its last lines, and of those before what is about the commits that the broken rule
    /// names. It is played once more, with its trace kept.
    pub fn story(&self, seed: u64, bug: Option<Bug>, lines_max: usize) -> String {
        let Outcome { rules, broken, trace, .. } = run(seed, (self.store)(), bug, Trace::kept());
        let rule = broken.map(|broken| broken.0);
        let title = match &rule {
            Some(rule) => format!("seed {seed} breaks a rule: {rule}"),
            None => format!("seed {seed} breaks no rule"),
        };
        let again = format!("to see it again, whole: {SEED_VARIABLE}={seed} {}", self.command);
        let rule = rule.unwrap_or_default();
        let mut lines =
            vec![title, again, format!("the dispatcher's rules: {rules}"), String::new()];
        lines.push("seconds   who            on  what".to_owned());
        lines.extend(told(trace.lines(), &rule, lines_max));
        if !rule.is_empty() {
            lines.push(format!("BROKEN: {rule}"));
        }
        lines.join("\n")
    }
}

/// The last lines of a trace, and those of the others that are about a commit that the rule names.
fn told(lines: &[String], rule: &str, lines_max: usize) -> Vec<String> {
    let (before, last) = lines.split_at(lines.len().saturating_sub(lines_max));
    if before.is_empty() {
        return last.to_vec();
    }
    let named: BTreeSet<_> = rule.split(is_no_digit).filter(|word| words::is_id(word)).collect();
    let is_told = |line: &&String| named.iter().any(|id| line.contains(id));
    let mut told = vec![format!("... {} lines before", before.len())];
    if !named.is_empty() {
        let names: Vec<_> = named.iter().copied().collect();
        told[0] += &format!(", of which about {}:", names.join(" or "));
        told.extend(before.iter().filter(is_told).cloned());
        told.push("... and the last, all of them:".to_owned());
    }
    told.extend_from_slice(last);
    told
}

fn is_no_digit(found: char) -> bool {
    !found.is_ascii_alphanumeric()
}
