//! Answers what clients ask without changing anything, from the database, the files, and what the scheduler knows alone.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pontus_proto::limits::{OUTPUT_BYTES_MAX, POLL_MS_MAX};
use pontus_proto::{Attempt, Bytes, Code, CommitId, CommitPrefix, Reply, Request, State, Status};

use crate::engine::{Message, Question, Told};
use crate::output;
use crate::results;
use crate::shared::Shared;
use crate::store::{LazyReader, Reader, Standing};
use crate::translate::{self, refusal};

/// The engine does not answer any more.
#[derive(Debug, thiserror::Error)]
#[error("the dispatcher is leaving")]
struct Leaving;

/// What one session looks with.
#[derive(Debug)]
pub struct Look<'a> {
    shared: &'a Shared,
    engine: Sender<Message>,
    reader: LazyReader,
}

impl<'a> Look<'a> {
    /// A look that has seen nothing yet.
    pub fn new(shared: &'a Shared, engine: Sender<Message>) -> Self {
        Look { shared, engine, reader: LazyReader::new(&shared.places) }
    }

    /// The answer to a question; none where the request is no question.
    pub fn answer(&mut self, request: &Request) -> Option<Reply> {
        let answer = match request {
            Request::Status { commits } => self.status(*commits),
            Request::Runners { after } => {
                self.ask(Question::Runners { after: after.clone() }).map(|told| match told {
                    Told::Runners(runners, more) => Reply::Runners { runners, more },
                    Told::Overview(..) => unreachable!("the engine tells what it was asked"),
                })
            }
            Request::Find { prefix } => Ok(self.find(prefix)),
            Request::Show { commit } => self.show(*commit),
            Request::Units { commit, attempt } => self
                .reader()
                .and_then(|reader| Ok(Reply::Units { units: reader.units(*commit, *attempt)? })),
            Request::Log { commit, attempt, offset, wait_ms } => {
                self.log(*commit, *attempt, *offset, *wait_ms)
            }
            _ => return None,
        };
        Some(answer.unwrap_or_else(|error| {
            if error.is::<Leaving>() {
                return translate::leaving();
            }
            refusal(Code::StorageFull, format!("{error:#}"))
        }))
    }

    /// How things are with a commit that is waited for.
    pub fn waited(&mut self, commit: CommitId) -> Reply {
        match self.reader().and_then(|reader| reader.standing(commit)) {
            Ok(Some(Standing { state, verdict, .. })) => {
                let progress = (state == State::Running).then(|| self.shared.board.read(commit));
                Reply::Waited { state, verdict, progress: progress.flatten() }
            }
            Ok(None) => unknown(),
            Err(error) => refusal(Code::StorageFull, format!("{error:#}")),
        }
    }

    fn status(&mut self, count: u32) -> Result<Reply> {
        let mut commits = self.reader()?.newest(count)?;
        let queued = |line: &&mut pontus_proto::CommitLine| line.state == State::Queued;
        let queued: Vec<_> = commits.iter_mut().filter(queued).collect();
        let asked = queued.iter().map(|line| line.commit).collect();
        let Told::Overview(overview, waits) = self.ask(Question::Overview { queued: asked })?
        else {
            unreachable!("the engine tells what it was asked")
        };
        for (line, waits_for) in queued.into_iter().zip(waits) {
            line.waits_for = waits_for;
        }
        Ok(Reply::Status(Status {
            queued: overview.queued as u64,
            running: overview.running as u64,
            runners: overview.runners as u64,
            paused: overview.paused,
            commits,
        }))
    }

    fn find(&self, prefix: &CommitPrefix) -> Reply {
        match self.shared.places.beginning_with(prefix)[..] {
            [] => refusal(Code::UnknownCommit, format!("no commit begins with {prefix}")),
            [commit] => Reply::Found { commit },
            _ => refusal(Code::Ambiguous, format!("several commits begin with {prefix}")),
        }
    }

    fn show(&mut self, commit: CommitId) -> Result<Reply> {
        let Some(mut shown) = self.reader()?.shown(commit)? else { return Ok(unknown()) };
        if shown.state == State::Queued
            && let Told::Overview(_, waits) =
                self.ask(Question::Overview { queued: vec![commit] })?
        {
            shown.waits_for = waits.into_iter().next().flatten();
        }
        Ok(Reply::Shown(Box::new(shown)))
    }

    /// Output from `offset` on; where there is none, the answer waits for it.
    fn log(
        &mut self,
        commit: CommitId,
        attempt: Option<Attempt>,
        offset: u64,
        wait_ms: u64,
    ) -> Result<Reply> {
        let until = Instant::now() + Duration::from_millis(wait_ms.min(POLL_MS_MAX));
        loop {
            let seen = self.shared.tide.height();
            let Some(standing) = self.reader()?.standing(commit)? else { return Ok(unknown()) };
            let attempt = attempt.unwrap_or(standing.attempt);
            // Asked before the output is read: what comes between the two is not missed.
            let is_over = standing.state == State::Done || attempt < standing.attempt;
            let data =
                self.read(commit, attempt, &standing, offset).context("cannot read output")?;
            let ended = is_over && data.len() < OUTPUT_BYTES_MAX;
            if ended || !data.is_empty() || !self.shared.tide.wait_above(seen, until) {
                return Ok(Reply::Logged { attempt, data: Bytes(data), ended });
            }
        }
    }

    /// What is kept of an attempt's output: in a file of its own until the result is published, then in that.
    fn read(
        &mut self,
        commit: CommitId,
        attempt: Attempt,
        standing: &Standing,
        offset: u64,
    ) -> Result<Vec<u8>> {
        let folder = &self.shared.folder;
        if let Some(file) = found(File::open(folder.output(commit, attempt)))? {
            let start = output::start_in(&file, commit)?;
            let mut data = read_at(&file, start.saturating_add(offset), u64::MAX)?;
            // What makes it a result may stand behind it by now, but not before there is a verdict: so that is asked for last.
            let bytes = self.reader()?.output_bytes(commit, attempt)?.unwrap_or(u64::MAX);
            data.truncate(usize::try_from(bytes.saturating_sub(offset)).unwrap_or(usize::MAX));
            return Ok(data);
        }
        let decided_it = standing.state == State::Done && attempt == standing.attempt;
        match found(File::open(folder.result(commit)))?.filter(|_| decided_it) {
            Some(file) => {
                let output = results::output_range(&file, commit)?;
                Ok(read_at(&file, output.start.saturating_add(offset), output.end)?)
            }
            None => Ok(Vec::new()),
        }
    }

    fn ask(&self, question: Question) -> Result<Told> {
        let (answer, told) = channel();
        self.engine.send(Message::Asked(question, answer)).map_err(|_| Leaving)?;
        told.recv().map_err(|_| Leaving.into())
    }

    fn reader(&mut self) -> Result<&Reader> {
        self.reader.of(&self.shared.folder.database())
    }
}

fn unknown() -> Reply {
    refusal(Code::UnknownCommit, "no commit is called that")
}

fn found(opened: io::Result<File>) -> io::Result<Option<File>> {
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// At most as much as one answer takes, from `start`, and nothing from `end` on.
fn read_at(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let there = file.metadata()?.len().min(end).saturating_sub(start);
    let mut data = vec![0; usize::try_from(there).unwrap_or(usize::MAX).min(OUTPUT_BYTES_MAX)];
    file.read_exact_at(&mut data, start)?;
    Ok(data)
}
