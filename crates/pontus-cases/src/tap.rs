//! TAP: the Test Anything Protocol, versions 13 and 14, as bats, Perl's Test::More, `node --test` and others print it.
//!
//! Source of the rules: <https://testanything.org/tap-version-14-specification.html>.

mod plan;
mod point;

use crate::CaseOutcome::{self, Failed, Skipped};
use crate::tally::{Counts, Tally, clean, milliseconds};
use plan::Plan;
use point::{Dialect, Point, unescape};

/// Subtests may be nested so deep; what is indented further is not TAP.
const DEPTH_MAX: usize = 32;

/// One step of nesting.
const INDENT: usize = 4;

/// The points of one stream: the document itself, or the subtests that wait for the point that sums them up.
#[derive(Debug, Default)]
struct Level {
    counts: Counts,
    /// Where its cases begin among all.
    first_case: usize,
    /// What the last comment `# Subtest: name` said.
    subtest: Option<String>,
}

/// The last point, for as long as a YAML block may follow.
#[derive(Debug)]
struct Last {
    indent: usize,
    /// The case that it is, if it is one and was kept.
    case: Option<usize>,
    /// What it would be as a case, where it sums up subtests.
    parent: Option<(usize, String, CaseOutcome)>,
    yaml: Option<Yaml>,
}

/// What a YAML block told.
#[derive(Debug, Default)]
struct Yaml {
    duration_ms: Option<u64>,
    is_suite: bool,
}

/// Reads a TAP stream.
///
/// The cases are the leaves: a point that sums up subtests only repeats what they said. That is so for Perl; `node
/// --test` counts a test that has subtests as a test too, unless it is a suite, and says which it is in the YAML block
/// behind it, so such a point is a case as well.
///
/// The point that sums up subtests is the authority on them ("Subtest Parsing/Generating Rules", 4.2): where it is `ok`,
/// or a TODO, what failed in them was not held against the run and counts as skipped, as a failing TODO does; where it is
/// `not ok` and none of them has failed, it is a failed case itself.
#[derive(Debug, Default)]
pub struct Tap {
    /// Its counts are not used: those of the levels are.
    tally: Tally,
    levels: Vec<Level>,
    last: Option<Last>,
    plan: Plan,
    dialect: Dialect,
    bailed_out: Option<String>,
}

impl Tap {
    pub fn line(&mut self, line: &str) {
        if self.bailed_out.is_some() {
            return;
        }
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        if self.yaml(indent, body) || !indent.is_multiple_of(INDENT) || indent / INDENT > DEPTH_MAX
        {
            return;
        }
        self.tap(indent / INDENT, body.trim_end());
    }

    /// A line that is TAP, at its depth.
    fn tap(&mut self, depth: usize, body: &str) {
        if let Some(comment) = body.strip_prefix('#') {
            let name = comment.strip_prefix(" Subtest: ").map(unescape);
            name.into_iter().for_each(|name| self.level(depth).subtest = Some(name));
        } else if let Some(reason) = bail_out(body) {
            self.bailed_out = Some(clean(&format!("Bail out! {}", unescape(reason.trim()))));
        } else if let Some(planned) = plan::parse(body) {
            self.end_yaml();
            if depth == 0 {
                self.plan.planned(planned);
            }
        } else if let Some(point) = Point::parse(body, self.dialect) {
            self.end_yaml();
            self.point(depth, point);
        } else if depth == 0 && body == "TAP version 14" {
            self.dialect = Dialect::Fourteen;
        }
    }

    /// The level at `depth`, with those above it.
    fn level(&mut self, depth: usize) -> &mut Level {
        let first_case = self.tally.cases.len();
        while self.levels.len() <= depth {
            self.levels.push(Level { first_case, ..Level::default() });
        }
        &mut self.levels[depth]
    }

    /// What is nested deeper than `depth`, as one level.
    fn take_deeper(&mut self, depth: usize) -> Option<Level> {
        let at = self.levels.len().min(depth + 1);
        let deeper = self.levels.split_off(at);
        deeper.into_iter().reduce(|mut outer, inner| {
            outer.counts.all(inner.counts);
            outer
        })
    }

    fn point(&mut self, depth: usize, point: Point) {
        let number = if depth == 0 { Some(self.plan.point(point.number)) } else { point.number };
        let subtests = self.take_deeper(depth).filter(|level| level.counts.total() > 0);
        let announced = self.level(depth).subtest.take();
        let name =
            [Some(point.name), announced].into_iter().flatten().find(|name| !name.is_empty());
        let name =
            name.unwrap_or_else(|| number.map_or("test".to_owned(), |n| format!("test {n}")));
        let mut last = Last { indent: depth * INDENT, case: None, parent: None, yaml: None };
        match subtests {
            Some(level) => {
                let has_failed = self.sum_up(depth, level, &name, point.outcome);
                if point.outcome == Failed && !has_failed {
                    last.case = self.case(depth, &name, Failed, None);
                } else {
                    last.parent = Some((depth, name, point.outcome));
                }
            }
            None => last.case = self.case(depth, &name, point.outcome, point.duration_ms),
        }
        self.last = Some(last);
    }

    fn case(
        &mut self,
        depth: usize,
        name: &str,
        outcome: CaseOutcome,
        duration_ms: Option<u64>,
    ) -> Option<usize> {
        let at = self.tally.name(name, outcome, duration_ms);
        self.level(depth).counts.one(outcome);
        at
    }

    /// Takes the subtests of the point `name` into its own level; whether one of them has failed.
    fn sum_up(&mut self, depth: usize, mut level: Level, name: &str, outcome: CaseOutcome) -> bool {
        let is_forgiven = outcome != Failed;
        if is_forgiven {
            level.counts.skipped = level.counts.skipped.saturating_add(level.counts.failed);
            level.counts.failed = 0;
        }
        for case in &mut self.tally.cases[level.first_case..] {
            case.name = clean(&format!("{name} > {}", case.name));
            if is_forgiven && case.outcome == Failed {
                case.outcome = Skipped;
            }
        }
        self.level(depth).counts.all(level.counts);
        level.counts.failed > 0
    }

    /// Whether the line is one of a YAML block, or its first or last.
    fn yaml(&mut self, indent: usize, body: &str) -> bool {
        let Some(last) = &mut self.last else { return false };
        let Some(yaml) = &mut last.yaml else {
            let begins = body.trim_end() == "---" && indent == last.indent + 2;
            last.yaml = begins.then(Yaml::default);
            return begins;
        };
        // A block that never ends hides nothing that is indented less, as all that matters is.
        if indent < last.indent + 2 {
            self.end_yaml();
            return false;
        }
        if indent == last.indent + 2 {
            match body.trim_end().split_once(": ") {
                Some(("duration_ms", number)) => yaml.duration_ms = milliseconds(number, 1.0),
                Some(("type", kind)) => yaml.is_suite = kind.trim_matches(['\'', '"']) == "suite",
                Some(_) => {}
                None if body.trim_end() == "..." => self.end_yaml(),
                None => {}
            }
        }
        true
    }

    /// The last point is complete.
    fn end_yaml(&mut self) {
        let Some(last) = self.last.take() else { return };
        let yaml = last.yaml.unwrap_or_default();
        let Some(duration_ms) = yaml.duration_ms else { return };
        if let Some((depth, name, outcome)) = last.parent.filter(|_| !yaml.is_suite) {
            self.case(depth, &name, outcome, Some(duration_ms));
        } else if let Some(case) = last.case.and_then(|at| self.tally.cases.get_mut(at)) {
            case.duration_ms = Some(duration_ms);
        }
    }

    pub fn so_far(&self) -> Counts {
        self.levels.iter().fold(Counts::default(), |mut sum, level| {
            sum.all(level.counts);
            sum
        })
    }

    /// The cases, and what is wrong with the stream. Subtests that no point has summed up are not TAP (rule 10), but
    /// where the stream broke off they are the last that was heard of it.
    pub fn finish(mut self) -> (Tally, Option<String>) {
        self.end_yaml();
        let complaint = self.bailed_out.take().or_else(|| self.plan.complaint());
        let unfinished = self.take_deeper(0);
        let mut counts = self.level(0).counts;
        if let Some(level) = unfinished {
            if complaint.is_some() {
                counts.all(level.counts);
            } else {
                self.tally.cases.truncate(level.first_case);
            }
        }
        (Tally { cases: self.tally.cases, counts }, complaint)
    }
}

/// What follows the words, which may be written in either case.
fn bail_out(body: &str) -> Option<&str> {
    const WORDS: &str = "Bail out!";
    let is_it = body.get(..WORDS.len()).is_some_and(|start| start.eq_ignore_ascii_case(WORDS));
    is_it.then(|| &body[WORDS.len()..])
}
