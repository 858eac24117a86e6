//! `show`: everything known of one commit.

use anyhow::{Result, bail};
use clap::ValueEnum;
use pontus_proto::{Decided, Shown, UnitReport};

use super::json;
use super::report::{junit, tap};
use super::screen::{Paint, Screen};
use super::text;
use super::which::Which;
use crate::exit::Ended;

/// Everything known of one commit
///
/// Reports for other tools (junit, tap) there are once the commit has its verdict; before that, they are an error (3). Answers 0
/// whatever the verdict.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to say it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,

    /// The same as --format json: one line, {"commit", "project", "branch", "state", "waits_for", "verdict", "reason",
    /// "counts": {"passed", "failed", "skipped"}, "duration_ms", "usual_ms", "previous", "skipped_commits": [...],
    /// "skipped_unnamed", "labels": [...], "about": {"tree", "subject", "author", "committed"}, "timings": {"queued", "assigned",
    /// "checked_out", "first_output", "done"}, "attempts": [{"attempt", "runner", "fate", "verdict", "started",
    /// "checked_out_ms", "first_output_ms", "ended"}], "units": [{"unit", "outcome", "exit", "duration_ms", "counts", "cases":
    /// [{"name", "outcome", "duration_ms"}]}]}. What is not known is null
    #[arg(long, conflicts_with = "format")]
    json: bool,

    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For scripts
    Json,
    /// For CI tools
    Junit,
    /// For test harnesses
    Tap,
}

/// Asks and says it.
///
/// # Errors
/// Whatever keeps us from asking or saying; a report of a commit without a verdict.
pub fn run(args: &Args) -> Result<Ended> {
    let format = if args.json { Format::Json } else { args.format };
    let (mut dispatcher, commit) = args.which.find()?;
    let shown = dispatcher.show(commit)?;
    let units = dispatcher.units(&shown)?;
    let mut screen = Screen::new();
    screen.put(said(&shown, &units, format, screen.paint)?)?;
    Ok(Ended::Done)
}

fn said(shown: &Shown, units: &[UnitReport], format: Format, paint: Paint) -> Result<String> {
    Ok(match format {
        Format::Text => text::show(shown, units, paint),
        Format::Json => json::line(&json::Show::new(shown, units)),
        Format::Junit => junit::junit(shown, decided(shown)?, units)?,
        Format::Tap => tap::tap(decided(shown)?, units),
    })
}

/// A report without a verdict would have no bad news in it yet, and be taken for good news.
fn decided(shown: &Shown) -> Result<&Decided> {
    let Some(decided) = &shown.decided else {
        let commit = shown.submission.commit;
        bail!("cannot report on {commit}: it has no verdict yet; wait for it");
    };
    Ok(decided)
}
