//! The trace: what happened in a run, in words, kept only where somebody will read it.

use pontus_scheduler::Time;

/// Lines in the order of happening. A run is silent first; one that fails is run again with its trace kept.
#[derive(Debug)]
pub struct Trace(Option<Vec<String>>);

impl Trace {
    /// Keeps nothing.
    pub fn silent() -> Trace {
        Trace(None)
    }

    /// Keeps all.
    pub fn kept() -> Trace {
        Trace(Some(Vec::new()))
    }

    /// Something happened; it is put into words only where they are kept.
    pub fn note(&mut self, now: Time, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push(format!("{:>7} ms  {}", now.0, shorter(&text())));
        }
    }

    /// A line for each thing that happened.
    pub fn lines(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Ids are a few digits and then zeros to their full length; only the digits tell anything.
fn shorter(text: &str) -> String {
    text.replace(&"0".repeat(36), "…").replace(&"0".repeat(28), "…")
}
