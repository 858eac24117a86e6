//! The table: what was measured, beside its limit and its goal.

use std::io::Write;

use pontus_tests::Goal;
use serde_json::json;

/// One figure.
pub struct Row {
    /// What it is a figure of.
    pub what: String,
    /// The figure, and in what.
    pub measured: f64,
    pub unit: &'static str,
    /// What it is held against, measured in the same run unless the goal is a plain number.
    pub limit: f64,
    pub limited_by: &'static str,
    /// What their ratio is to be.
    pub goal: Goal,
}

/// All of them.
pub struct Table {
    machine: Vec<(&'static str, String)>,
    rows: Vec<(&'static str, Row)>,
}

impl Table {
    pub fn new() -> Table {
        Table { machine: machine(), rows: Vec::new() }
    }

    pub fn add(&mut self, item: &'static str, rows: Vec<Row>) {
        self.rows.extend(rows.into_iter().map(|row| (item, row)));
    }

    /// Writes it to standard output.
    pub fn show(&self) {
        let mut out = std::io::stdout().lock();
        for (name, value) in &self.machine {
            writeln!(out, "{name}: {value}").ok();
        }
        writeln!(
            out,
            "\n| what | measured | limit | ratio | goal | |\n|---|---:|---:|---:|---:|---|"
        )
        .ok();
        for (item, row) in &self.rows {
            let Row { what, unit, limited_by, .. } = row;
            let (measured, limit) = (short(row.measured), short(row.limit));
            let (ratio, goal, word) = (short(row.ratio()), goal(row.goal), word(row));
            let line = format!(
                "| {measured} {unit} | {limit} {unit}, {limited_by} | {ratio} | {goal} | {word} |"
            );
            writeln!(out, "| {item}: {what} {line}").ok();
        }
    }

    /// The same for programs: the machine, and the rows in their order.
    pub fn json(&self) -> String {
        let row = |(item, row): &(&str, Row)| {
            json!({
                "item": item, "what": row.what, "measured": row.measured, "unit": row.unit, "limit": row.limit,
                "limited_by": row.limited_by, "ratio": row.ratio(), "goal": goal(row.goal), "ok": row.is_met(),
            })
        };
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        let machine: serde_json::Map<_, _> =
            self.machine.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        format!("{:#}\n", json!({ "machine": machine, "rows": rows }))
    }
}

impl Row {
    fn ratio(&self) -> f64 {
        self.measured / self.limit
    }

    fn is_met(&self) -> bool {
        self.goal.is_met(self.measured, self.limit)
    }
}

fn goal(goal: Goal) -> String {
    match goal {
        Goal::Under(ratio) => format!("under {ratio} ×"),
        Goal::AtLeast(ratio) => format!("at least {ratio} ×"),
        Goal::Shown => String::new(),
    }
}

fn word(row: &Row) -> &'static str {
    match row.goal {
        Goal::Shown => "",
        _ if row.is_met() => "ok",
        _ => "not",
    }
}

/// Three digits that count.
fn short(value: f64) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else if value >= 1.0 {
        2
    } else {
        3
    };
    format!("{value:.digits$}")
}

/// What the figures were taken on.
fn machine() -> Vec<(&'static str, String)> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("?", |(_, value)| value).trim().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    vec![
        ("processor", format!("{cores} × {}", after(&read("/proc/cpuinfo"), "model name"))),
        ("memory", after(&read("/proc/meminfo"), "MemTotal")),
        ("system", format!("Linux {}", read("/proc/sys/kernel/osrelease").trim())),
        ("disk", disk(&read("/proc/self/mountinfo"))),
    ]
}

/// The file system that temporary folders are on, and its options.
fn disk(mounts: &str) -> String {
    let folder = std::env::temp_dir().canonicalize().unwrap_or_default();
    let point = |line: &&str| line.split(' ').nth(4).unwrap_or_default().to_owned();
    let holds = |line: &&str| folder.starts_with(point(line));
    let line = mounts.lines().filter(holds).max_by_key(|line| point(line).len());
    line.and_then(|line| line.split_once(" - ")).map_or("?", |(_, kind)| kind).to_owned()
}
