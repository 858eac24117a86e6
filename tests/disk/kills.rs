//! The dispatcher is killed at each single thing that it asks of its disk, and started again.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use fastrand::Rng;
use pontus_tests::{Failing, Process, Yard};

use crate::oracle::{Judgement, judge, judge_end};
use crate::record::{Recording, options, record};
use crate::story::{Exchange, Interlude, Pause, Teller};
use crate::trace::Call;
use crate::two_at_a_time;

/// A call at whose beginning the dispatcher is killed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Moment {
    /// Of which of the story's processes.
    process: usize,
    call: String,
    /// Where in its yard; everywhere, where no path is told to the call that is not also its folder's.
    path: Option<PathBuf>,
    /// The how manieth of the thread's such calls there it is, from 1.
    number: usize,
}

/// Every moment of a recording at which it makes a difference.
fn moments(recording: &Recording) -> Vec<Moment> {
    let mut moments = Vec::new();
    for (process, calls) in recording.processes.iter().enumerate() {
        let mut seen: BTreeMap<(u32, &str, Option<PathBuf>), usize> = BTreeMap::new();
        for call in calls {
            let Some(path) = place(call, &recording.root) else { continue };
            let number = seen.entry((call.thread, &call.name, path.clone())).or_default();
            *number += 1;
            let moment = Moment { process, call: call.name.clone(), path, number: *number };
            let matters = recording.lines().contains(&call.begun) && changes_something(call);
            if matters && !moments.contains(&moment) {
                moments.push(moment);
            }
        }
    }
    moments
}

/// Where below the results a call works; none where it does not.
fn place(call: &Call, root: &Path) -> Option<Option<PathBuf>> {
    let at = match call.name.as_str() {
        "sendto" => return None,
        "openat" => 1,
        // Into the result.
        "copy_file_range" => 2,
        _ => 0,
    };
    let path = call.path(at).strip_prefix(root).ok()?;
    let is_ours = path.starts_with("test_results") && !path.to_str()?.ends_with("-shm");
    // A folder that is made is not there yet, so strace does not know its path.
    is_ours.then(|| (call.name != "mkdir").then(|| path.to_owned()))
}

fn changes_something(call: &Call) -> bool {
    let creates = || call.word(2).contains("O_CREAT") && !call.path(1).ends_with("pontus.db");
    call.name != "openat" || creates()
}

/// One telling of the story in which the dispatcher is killed once.
struct Telling<'a> {
    yard: &'a Yard,
    command: &'a dyn Fn(&Yard) -> Command,
    teller: Teller<'a>,
    process: usize,
}

impl Telling<'_> {
    /// Goes on until the story is over or the dispatcher was killed. None where it was not killed.
    fn until_killed(&mut self, moment: &Moment) -> Result<Option<()>, String> {
        loop {
            let is_here = self.process == moment.process;
            let mut dispatcher = self.start(is_here.then_some(moment));
            if !dispatcher.says_before_its_end("listening on ") {
                return killed(&mut dispatcher).map(Some);
            }
            match self.teller.tell() {
                Pause::Gone => return killed(&mut dispatcher).map(Some),
                Pause::Wrong(why) => return Err(why),
                pause => {
                    dispatcher.signal(rustix::process::Signal::TERM);
                    if !dispatcher.wait().success() {
                        return killed(&mut dispatcher).map(Some);
                    }
                    if pause == Pause::Over {
                        return Ok(None);
                    }
                }
            }
            self.process += 1;
            self.teller.hang_up();
        }
    }

    /// Starts it again, and has the story told to its end.
    fn go_on(&mut self, reference: &[Exchange]) -> Judgement {
        let mut is_judged = false;
        loop {
            self.teller.hang_up();
            let mut dispatcher = self.start(None);
            if !dispatcher.says_before_its_end("listening on ") {
                return Err(format!("it does not start again: {:?}", dispatcher.log()));
            }
            if !is_judged {
                let heard = &self.teller.heard;
                judge(self.yard, heard, &reference[heard.len()..])?;
                is_judged = true;
            }
            match self.teller.tell() {
                Pause::Over => return judge_end(self.yard),
                Pause::Restart => dispatcher.stop(),
                other => return Err(format!("{other:?}")),
            }
        }
    }

    fn start(&self, moment: Option<&Moment>) -> Process {
        let mut command = (self.command)(self.yard);
        if let Some(Moment { call, path, number, .. }) = moment {
            let how = format!("signal=KILL:when={number}");
            let paths: Vec<_> = path.iter().map(|path| self.yard.path().join(path)).collect();
            let failing = Failing { calls: call, how: &how, paths: &paths };
            let program = PathBuf::from(command.get_program());
            let set: Vec<_> = owned_environment(&command);
            command = failing.command(self.yard, &program).expect("strace was there before");
            command.envs(set);
        }
        let options = options(self.yard);
        self.yard.try_dispatcher_by(command, &options.each_ref().map(String::as_str))
    }
}

fn owned_environment(command: &Command) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    let set = command.get_envs().filter_map(|(name, value)| Some((name.into(), value?.into())));
    set.collect()
}

/// It may end in no other way.
fn killed(dispatcher: &mut Process) -> Judgement {
    let status = dispatcher.wait();
    let is_killed = status.signal() == Some(9);
    is_killed
        .then_some(())
        .ok_or_else(|| format!("it ended by itself: {status}, {:?}", dispatcher.log()))
}

/// Kills it once. Says whether it came to that.
fn kill_at(
    moment: &Moment,
    command: &dyn Fn(&Yard) -> Command,
    recording: &Recording,
) -> Result<bool, String> {
    let yard = Yard::bare();
    let teller = Teller::new(&yard, recording.interlude);
    let mut telling = Telling { yard: &yard, command, teller, process: 0 };
    let was_killed = telling.until_killed(moment)?.is_some();
    telling.go_on(&recording.heard)?;
    Ok(was_killed)
}

/// What came of all the kills.
#[derive(Debug, Default)]
struct Toll {
    /// Moments that there are.
    moments: usize,
    /// Those at which it was killed.
    killed: usize,
    /// What went wrong, moment by moment.
    wrong: Vec<String>,
}

/// Kills the dispatcher that `command` makes at every moment of its own, one after the other until something is wrong. None
/// where nothing can be traced here.
fn kill_all(interlude: Interlude, command: &(dyn Fn(&Yard) -> Command + Sync)) -> Option<Toll> {
    let yard = Yard::bare();
    let recording = record(&yard, interlude, || command(&yard))?;
    let mut moments = moments(&recording);
    // Neighbours are much alike: so what is wrong shows soon.
    Rng::with_seed(0).shuffle(&mut moments);
    let mut toll = Toll { moments: moments.len(), ..Toll::default() };
    for outcome in two_at_a_time(&moments, |moment| kill_at(moment, command, &recording)) {
        match outcome {
            (_, Ok(was_killed)) => toll.killed += usize::from(was_killed),
            (moment, Err(why)) => toll.wrong.push(format!("{moment:?}: {why}")),
        }
    }
    Some(toll)
}

/// Has it killed at `least` moments, and nothing be wrong.
fn hold(interlude: Interlude, least: usize) {
    let Some(toll) = kill_all(interlude, &|yard| yard.command("dispatcher")) else { return };
    eprintln!("{interlude:?}: killed at {} of {} moments", toll.killed, toll.moments);
    assert_eq!(toll.wrong, Vec::<String>::new());
    // Its threads may take turns in another way than they did when it was watched.
    assert!(toll.moments > least && toll.killed * 10 > toll.moments * 9, "{toll:?}");
}

#[test]
fn killed_at_each_write_it_has_what_it_acknowledged() {
    hold(Interlude::Restart, 150);
}

#[test]
fn killed_while_it_makes_its_database_anew_it_has_what_it_acknowledged() {
    hold(Interlude::Meddling, 20);
}

#[test]
fn kills_find_what_is_planted() {
    for bug in ["acknowledge-first", "in-place-results", "forget-running"] {
        let toll = kill_all(Interlude::Restart, &|yard| yard.planted(bug));
        let Some(toll) = toll else { return };
        eprintln!("{bug}: found by {} kills: {:.200}", toll.killed + 1, toll.wrong.concat());
        assert!(!toll.wrong.is_empty(), "{bug}: not by {} kills", toll.killed);
    }
}
