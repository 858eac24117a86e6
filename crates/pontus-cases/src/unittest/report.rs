//! Unittest's report: behind the tests, what failed, each under a rule with its description.

use std::collections::HashSet;

use super::id::Id;
use crate::tally::{CASES_MAX, clean};

const RULE: &str = "======================================================================";

/// The names of what failed, as the report has them.
#[derive(Debug, Default)]
pub struct Report {
    is_under_rule: bool,
    is_open: bool,
    /// Tests, fixtures and subtests, as cases are named.
    pub cases: HashSet<String>,
    /// Tests and fixtures, also for their subtests.
    pub tests: HashSet<String>,
}

impl Report {
    /// Whether the line is part of the report. It begins with a rule and a heading; a test may print a rule too.
    pub fn line(&mut self, line: &str) -> bool {
        let headings = ["FAIL: ", "ERROR: ", "UNEXPECTED SUCCESS: "];
        let heading = headings.iter().find_map(|heading| line.strip_prefix(heading));
        if let Some(description) = heading.filter(|_| self.is_under_rule) {
            self.is_open = true;
            self.named(description);
        }
        // Unexpected successes stand together under one rule.
        self.is_under_rule = line == RULE || self.is_under_rule && line.starts_with(headings[2]);
        self.is_open || line == RULE
    }

    fn named(&mut self, description: &str) {
        // A subtest's description is indented among the tests and not here.
        let id = Id::parse(description).or_else(|| Id::parse(&format!("  {description}")));
        let Some(id) = id.filter(|_| self.cases.len() < CASES_MAX) else { return };
        self.cases.insert(clean(id.subtest.as_ref().unwrap_or(&id.name)));
        self.tests.insert(clean(&id.name));
    }
}
