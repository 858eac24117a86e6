//! The story of a seed that failed, for somebody who has never seen one: which rule broke, how to see it again, and what
//! happened before.

use crate::bug::Bug;
use crate::seen::Seen;
use crate::store::Store;
use crate::trace::Trace;
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

    /// The story of a seed, with as many of its last lines. It is played once more, with its trace kept.
    pub fn story(&self, seed: u64, bug: Option<Bug>, lines_max: usize) -> String {
        let Outcome { rules, broken, trace, .. } = run(seed, (self.store)(), bug, Trace::kept());
        let lines = trace.lines();
        let left_out = lines.len().saturating_sub(lines_max);
        let earlier = match left_out {
            0 => String::new(),
            _ => format!("... {left_out} lines before\n"),
        };
        let title = match &broken {
            Some(broken) => format!("seed {seed} breaks a rule: {}", short(&broken.0)),
            None => format!("seed {seed} breaks no rule"),
        };
        let last = match &broken {
            Some(broken) => format!("\nBROKEN: {}", short(&broken.0)),
            None => String::new(),
        };
        format!(
            "{title}\nto see it again, whole: {SEED_VARIABLE}={seed} {}\nits rules: {rules}\n\n\
             seconds   who            on  what\n{earlier}{}{last}\n",
            self.command,
            lines[left_out..].join("\n"),
        )
    }
}

/// Ids are a few digits and then zeros to their full length; only the digits tell anything.
fn short(text: &str) -> String {
    text.replace(&"0".repeat(36), "").replace(&"0".repeat(28), "")
}
