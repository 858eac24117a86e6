//! A pending case: its name has been printed, its outcome has not, and whatever the test prints comes between.

use crate::CaseOutcome;

/// A case that has begun.
#[derive(Debug)]
pub struct Pending {
    pub name: String,
    said: Option<CaseOutcome>,
    heard: Option<CaseOutcome>,
}

impl Pending {
    pub fn new(name: String) -> Self {
        Self { name, said: None, heard: None }
    }

    /// A line, or the rest of one, is an outcome's word alone. The tool speaks last, so the last of them counts.
    pub fn say(&mut self, outcome: CaseOutcome) {
        self.said = Some(outcome);
    }

    /// A line ends with an outcome's word: the tool's, after a test that did not end its own line, unless a line
    /// follows that is nothing but such a word.
    pub fn hear(&mut self, outcome: CaseOutcome) {
        self.heard = Some(outcome);
    }

    /// How it ended, now that something else has begun.
    pub fn outcome(&self) -> Option<CaseOutcome> {
        self.said.or(self.heard)
    }
}

/// The outcome whose word ends `text`; a word that ends with another one stands before it in `words`.
pub fn ending(text: &str, words: &[(&str, CaseOutcome)]) -> Option<CaseOutcome> {
    let text = text.trim_end();
    words.iter().find(|(word, _)| text.ends_with(word)).map(|(_, outcome)| *outcome)
}

/// The outcome whose word `text` is.
pub fn word(text: &str, words: &[(&str, CaseOutcome)]) -> Option<CaseOutcome> {
    let text = text.trim_end();
    words.iter().find(|(word, _)| *word == text).map(|(_, outcome)| *outcome)
}
