//! How a result comes to be there whole or not at all.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use pontus_proto::Attempt;
use pontus_scheduler::planted::{self, Bug};
use rustix::fs::{Advice, fadvise};

use super::{Facts, compose, ending, holds};
use crate::exit;
use crate::folder::{Folder, make_in_outputs, sync_folder};

/// Result files that are open at once: a part of the descriptors that the dispatcher keeps for itself.
pub(super) const OPEN_MAX: usize = 128;

/// Files that are synced at once. A disk makes one write of what is asked of it meanwhile, so a few are as good as many.
const SYNCS_AT_ONCE: usize = 4;

/// Why there is no result. Nothing is half there.
#[derive(Debug, thiserror::Error)]
pub enum NotPublished {
    /// It was not taken, which may pass.
    #[error(transparent)]
    Refused(#[from] io::Error),
    /// It was taken, and cannot be relied on: nor can the disk.
    #[error(transparent)]
    Unsynced(io::Error),
}

/// Writes result files, durably, and gives them their names. Whatever had such a name before, a planted link included, is
/// replaced. The names themselves are durable after [`settle`]. What came of each, in their order.
pub fn publish(folder: &Folder, all: &[Facts]) -> Vec<Result<(), NotPublished>> {
    let together = |facts: &[Facts]| {
        let (written, files) = write_all(folder, facts);
        let mut synced = sync_all(&files).into_iter();
        let published = facts.iter().zip(written).map(|(facts, written)| {
            let made = written?;
            synced.next().expect("each file that was written is synced").map_err(unsynced)?;
            name(folder, facts, made)
        });
        published.collect::<Vec<_>>()
    };
    all.chunks(OPEN_MAX).flat_map(together).collect()
}

/// What a result was made of.
#[derive(Debug, Clone, Copy)]
enum Made {
    /// A file of its own.
    Anew,
    /// The file that the attempt was printed into.
    OfOutput,
}

/// Writes the files. What came of each, and those that are there.
fn write_all(folder: &Folder, all: &[Facts]) -> (Vec<io::Result<Made>>, Vec<File>) {
    let mut files = Vec::new();
    let mut write_one = |facts| {
        let (made, file) = write(folder, facts)?;
        // The disk begins with it at once: then a single entry in the file system's journal is enough for all of them.
        fadvise(&file, 0, None, Advice::DontNeed).ok();
        files.push(file);
        Ok(made)
    };
    (all.iter().map(&mut write_one).collect(), files)
}

fn write(folder: &Folder, facts: &Facts) -> io::Result<(Made, File)> {
    let output = open_output(folder, facts)?;
    match output {
        Some(output) if complete(folder, facts, &output)? => Ok((Made::OfOutput, output)),
        output => Ok((Made::Anew, write_anew(folder, facts, output)?)),
    }
}

/// Makes the result of the very file that the attempt was printed into, where nothing is missing in it but the last line: what was
/// long is not copied, and for what was short no other file is made. Says whether it did.
fn complete(folder: &Folder, facts: &Facts, output: &File) -> io::Result<bool> {
    let (header, bytes) = (facts.header.to_string(), facts.output_bytes.unwrap_or(0));
    let (end, there) = (header.len() as u64 + bytes, output.metadata()?.len());
    let has_all = there >= end && holds(output, 0, header.as_bytes());
    let is_file = fs::symlink_metadata(output_path(folder, facts))?.is_file();
    if bytes == 0 || !has_all || !is_file || planted::has(Bug::InPlaceResults) {
        return Ok(false);
    }
    let mut last = [0];
    output.read_exact_at(&mut last, end - 1)?;
    let ending = ending(facts, last);
    // It may have its ending already, and even its name.
    let is_ended = there == end + ending.len() as u64 && holds(output, end, ending.as_bytes());
    if !is_ended && there > end {
        output.set_len(end)?;
    }
    if !is_ended {
        output.write_all_at(ending.as_bytes(), end)?;
    }
    Ok(true)
}

/// Gives what is durable the result's name. An output keeps its own until that name is durable, too.
fn name(folder: &Folder, facts: &Facts, made: Made) -> Result<(), NotPublished> {
    let (output, commit) = (output_path(folder, facts), facts.header.commit);
    let unfinished = folder.unfinished(commit);
    let link = || replace(&unfinished, || fs::hard_link(&output, &unfinished));
    if matches!(made, Made::OfOutput) && link().is_err() {
        // Not all file systems give a file two names.
        let file = write_anew(folder, facts, open_output(folder, facts)?)?;
        file.sync_all().map_err(unsynced)?;
    }
    Ok(fs::rename(unfinished, folder.result(commit))?)
}

/// Puts the result together in a file of its own.
fn write_anew(folder: &Folder, facts: &Facts, mut output: Option<File>) -> io::Result<File> {
    let unfinished = folder.unfinished(facts.header.commit);
    let create = || make_in_outputs(&unfinished, || File::create_new(&unfinished));
    let mut file = replace(&unfinished, create)?;
    let composed = compose(facts, output.as_mut(), &mut file);
    if composed.is_err() {
        // What little room there is, others need.
        fs::remove_file(&unfinished).ok();
    }
    composed.map(|()| file)
}

/// Makes something that has this name. What has it now is not written to, for that may be an output: it is only called so no more.
fn replace<T>(name: &Path, make: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match make() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(name).and_then(|()| make())
        }
        made => made,
    }
}

/// Syncs all of them, several at a time: the disk answers those together.
fn sync_all(files: &[File]) -> Vec<io::Result<()>> {
    let each = |files: &[File]| files.iter().map(File::sync_all).collect::<Vec<_>>();
    let share = files.len().div_ceil(SYNCS_AT_ONCE).max(1);
    let Some((own, others)) = files.split_at_checked(share) else { return each(files) };
    thread::scope(|scope| {
        let spawn = |files| thread::Builder::new().spawn_scoped(scope, move || each(files));
        let others: Vec<_> = others.chunks(share).map(|files| (files, spawn(files))).collect();
        let mut synced = each(own);
        for (files, thread) in others {
            // Where there is no thread to be had, it takes longer.
            let of_others = thread.map_or_else(|_| each(files), join);
            synced.extend(of_others);
        }
        synced
    })
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().expect("a panic in any thread ends the process")
}

/// Some file systems only find out now that there is no room.
fn unsynced(error: io::Error) -> NotPublished {
    if exit::is_full_kind(error.kind()) {
        NotPublished::Refused(error)
    } else {
        NotPublished::Unsynced(error)
    }
}

/// Makes the names of published results durable.
///
/// # Errors
/// What the file system says.
pub fn settle(folder: &Folder) -> io::Result<()> {
    sync_folder(folder.results())
}

/// Removes what the attempts of a published commit printed: it is in the result, or belongs to an attempt that was lost.
pub fn forget_output(folder: &Folder, facts: &Facts) {
    for attempt in 1..=facts.newest.0 {
        // What cannot be removed now is found at the next start.
        fs::remove_file(folder.output(facts.header.commit, Attempt(attempt))).ok();
    }
}

fn open_output(folder: &Folder, facts: &Facts) -> io::Result<Option<File>> {
    if facts.output_bytes == Some(0) {
        return Ok(None);
    }
    match File::options().read(true).write(true).open(output_path(folder, facts)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the attempt that decided has printed.
fn output_path(folder: &Folder, facts: &Facts) -> PathBuf {
    folder.output(facts.header.commit, facts.header.attempt)
}
