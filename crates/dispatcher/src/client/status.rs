//! `status`: how things are.

use anyhow::Result;
use pontus_proto::limits::STATUS_COMMITS_MAX;
use pontus_proto::{ClientError, CommitLine, Reply, Request, State, Status, escaped};

use super::ask::Dispatcher;
use super::json;
use super::screen::{Paint, Screen, of_state};
use super::table::{Cell, heads, plain, styled, table};
use super::text;
use crate::exit::Ended;
use pontus_cli::Server;

/// Digits of a commit's id in a table. A repository has to be huge before two begin with the same.
pub const SHORT_DIGITS: usize = 12;

/// Queue, running commits, runners, and the last verdicts
#[derive(Debug, clap::Args)]
pub struct Args {
    /// List so many commits, the newest
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(0..=STATUS_COMMITS_MAX as i64))]
    commits: u32,

    /// Print {"queued", "running", "runners", "paused", "commits": [{"commit", "project", "branch", "state", "waits_for",
    /// "verdict"}]}
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
    let request = Request::Status { commits: args.commits };
    let Reply::Status(status) = Dispatcher::dial(&args.server)?.ask(&request)? else {
        return Err(ClientError::Unfitting.into());
    };
    let mut screen = Screen::new();
    screen.put(match args.json {
        true => json::line(&json::Overview::from(&status)),
        false => overview(&status, screen.paint),
    })?;
    Ok(Ended::Done)
}

fn overview(status: &Status, paint: Paint) -> String {
    let Status { queued, running, runners, paused, commits } = status;
    let noun = if *runners == 1 { "runner" } else { "runners" };
    let held = if *paused { "; paused: nothing is handed out until resume" } else { "" };
    let totals = format!("{queued} queued, {running} running, {runners} {noun}{held}\n");
    if commits.is_empty() {
        return totals;
    }
    let head = [heads(["COMMIT", "PROJECT", "BRANCH", "STATE"])];
    let rows: Vec<_> = head.into_iter().chain(commits.iter().map(row)).collect();
    format!("{totals}\n{}", table(&rows, paint))
}

fn row(line: &CommitLine) -> [Cell; 4] {
    let state = match (line.state, line.verdict) {
        (State::Queued, _) => text::queued(line.waits_for),
        (State::Done, Some(verdict)) => verdict.word().to_owned(),
        (state, _) => state.word().to_owned(),
    };
    let branch = line.branch.as_ref().map_or(String::new(), |branch| escaped(branch.as_str()));
    [
        plain(&line.commit.to_string()[..SHORT_DIGITS]),
        plain(escaped(line.project.as_str())),
        plain(branch),
        styled(state, of_state(line.state, line.verdict)),
    ]
}

#[cfg(test)]
mod tests {
    use pontus_proto::{Verdict, WaitsFor};

    use super::*;

    #[test]
    fn totals_and_the_newest_commits() {
        let line = |commit: &str, state, verdict, waits_for| CommitLine {
            commit: commit.repeat(20).parse().unwrap(),
            project: "test_repo".parse().unwrap(),
            branch: (commit != "cc").then(|| "main".parse().unwrap()),
            state,
            verdict,
            waits_for,
        };
        let mut status =
            Status { queued: 1, running: 1, runners: 1, paused: false, commits: vec![] };
        assert_eq!(overview(&status, Paint::default()), "1 queued, 1 running, 1 runner\n");
        status.paused = true;
        status.runners = 0;
        status.commits = vec![
            line("aa", State::Queued, None, Some(WaitsFor::Runner)),
            line("bb", State::Running, None, None),
            line("cc", State::Done, Some(Verdict::TimedOut), None),
        ];
        let expected = "\
1 queued, 1 running, 0 runners; paused: nothing is handed out until resume

COMMIT        PROJECT    BRANCH  STATE
aaaaaaaaaaaa  test_repo  main    queued: no runner for its project
bbbbbbbbbbbb  test_repo  main    running
cccccccccccc  test_repo          timed_out
";
        assert_eq!(overview(&status, Paint::default()), expected);
        let coloured = overview(&status, Paint { on: true });
        assert!(coloured.contains("\u{1b}[31mtimed_out\u{1b}[0m"), "{coloured:?}");
        let json = json::line(&json::Overview::from(&status));
        assert_eq!(json, json_expected());
    }

    fn json_expected() -> String {
        let line = |commit: &str, rest: &str| {
            format!("{{\"commit\":\"{}\",\"project\":\"test_repo\",{rest}}}", commit.repeat(20))
        };
        let commits = [
            line(
                "aa",
                "\"branch\":\"main\",\"state\":\"queued\",\"waits_for\":\"runner\",\"verdict\":null",
            ),
            line(
                "bb",
                "\"branch\":\"main\",\"state\":\"running\",\"waits_for\":null,\"verdict\":null",
            ),
            line(
                "cc",
                "\"branch\":null,\"state\":\"done\",\"waits_for\":null,\"verdict\":\"timed_out\"",
            ),
        ];
        let counts = "\"queued\":1,\"running\":1,\"runners\":0,\"paused\":true";
        format!("{{{counts},\"commits\":[{}]}}\n", commits.join(","))
    }
}
