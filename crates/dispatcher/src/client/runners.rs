//! `runners`: who tests, and what.

use std::time::Duration;

use anyhow::Result;
use pontus_proto::{ClientError, Reply, Request, RunnerLine, escaped, seconds};

use super::ask::Dispatcher;
use super::json;
use super::screen::{Paint, Screen};
use super::status::SHORT_DIGITS;
use super::table::{Cell, heads, plain, table};
use crate::clock;
use crate::exit::Ended;
use pontus_cli::Server;

/// Each runner, and what it is testing
///
/// Its project, its labels, what it is testing and since when, and when it was last heard.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print [{"runner", "project", "labels", "testing", "since", "last_heard_ms", "connected", "draining"}]
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: Server,
}

/// Asks and says it.
///
/// # Errors
/// Whatever keeps us from asking or saying.
pub fn run(args: &Args) -> Result<Ended> {
    let runners = all(&mut Dispatcher::dial(&args.server)?)?;
    let mut screen = Screen::new();
    screen.put(match args.json {
        true => json::line(&runners.iter().map(json::Runner::from).collect::<Vec<_>>()),
        false => listed(&runners, screen.paint),
    })?;
    Ok(Ended::Done)
}

/// An answer has as many as fit; the next question goes on after the last of them.
fn all(dispatcher: &mut Dispatcher) -> Result<Vec<RunnerLine>> {
    let mut all: Vec<RunnerLine> = Vec::new();
    loop {
        let after = all.last().map(|line| line.runner.clone());
        let Reply::Runners { runners, more } = dispatcher.ask(&Request::Runners { after })? else {
            return Err(ClientError::Unfitting.into());
        };
        let is_last = !more || runners.is_empty();
        all.extend(runners);
        if is_last {
            return Ok(all);
        }
    }
}

fn listed(runners: &[RunnerLine], paint: Paint) -> String {
    if runners.is_empty() {
        return "no runners\n".to_owned();
    }
    let head = [heads(["RUNNER", "PROJECT", "LABELS", "TESTING", "SINCE", "LAST HEARD"])];
    let rows: Vec<_> = head.into_iter().chain(runners.iter().map(row)).collect();
    table(&rows, paint)
}

fn row(line: &RunnerLine) -> [Cell; 6] {
    let labels: Vec<_> = line.labels.iter().map(|label| escaped(label.as_str())).collect();
    let testing = line.testing.map(|commit| commit.to_string()[..SHORT_DIGITS].to_owned());
    let heard = seconds(Duration::from_millis(line.last_heard_ms));
    let is_gone = if line.connected { "" } else { ", not connected" };
    let leaves = if line.draining { ", draining" } else { "" };
    [
        plain(escaped(line.runner.as_str())),
        plain(escaped(line.project.as_str())),
        plain(labels.join(" ")),
        plain(testing.unwrap_or_default()),
        plain(line.since_ms.map(clock::shown).unwrap_or_default()),
        plain(format!("{heard} ago{is_gone}{leaves}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<RunnerLine> {
        let busy = RunnerLine {
            runner: "oak/1".parse().unwrap(),
            project: "test_repo".parse().unwrap(),
            labels: vec!["gpu".parse().unwrap(), "os=linux".parse().unwrap()],
            testing: Some("ab".repeat(20).parse().unwrap()),
            since_ms: Some(1_795_356_843_250),
            last_heard_ms: 812,
            connected: false,
            draining: true,
        };
        let idle = RunnerLine {
            runner: "oak/2".parse().unwrap(),
            labels: vec![],
            testing: None,
            since_ms: None,
            connected: true,
            draining: false,
            ..busy.clone()
        };
        vec![busy, idle]
    }

    #[test]
    fn each_runner_has_a_line() {
        let expected = "\
RUNNER  PROJECT    LABELS        TESTING       SINCE                 LAST HEARD
oak/1   test_repo  gpu os=linux  abababababab  2026-11-22T14:14:03Z  0.812s ago, not connected, draining
oak/2   test_repo                                                    0.812s ago
";
        assert_eq!(listed(&lines(), Paint::default()), expected);
        assert_eq!(listed(&[], Paint::default()), "no runners\n");
    }

    #[test]
    fn what_scripts_are_told() {
        let runners: Vec<_> = lines().iter().map(json::Runner::from).collect();
        let commit = "ab".repeat(20);
        let expected = format!(
            "[{{\"runner\":\"oak/1\",\"project\":\"test_repo\",\"labels\":[\"gpu\",\"os=linux\"],\
             \"testing\":\"{commit}\",\"since\":\"2026-11-22T14:14:03.250Z\",\"last_heard_ms\":812,\
             \"connected\":false,\"draining\":true}},\
             {{\"runner\":\"oak/2\",\"project\":\"test_repo\",\"labels\":[],\"testing\":null,\"since\":null,\
             \"last_heard_ms\":812,\"connected\":true,\"draining\":false}}]\n"
        );
        assert_eq!(json::line(&runners), expected);
    }
}
