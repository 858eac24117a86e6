//! The cast: the three programs, each behind a link of its own, killed, frozen and started again.

use std::path::PathBuf;
use std::process::Command;

use pontus_tests::{Process, SmallDisk, Yard};
use rustix::process::Signal;

use crate::ledger::{LEDGER, RUNNER};
use crate::plan::{Actor, LINES, Line, RUNNERS};
use crate::proxy::Link;
use crate::stage::Setting;

/// The environment variable by which whatever we have started is known.
pub const MARK: &str = "CHAOS_MARK";

/// The exit status of a dispatcher whose disk fails.
const DISK_FAILED: i32 = 74;

/// Everybody who plays.
#[derive(Debug)]
pub struct Cast {
    /// Where.
    pub yard: Yard,
    /// The dispatcher's own, where one could be mounted.
    pub disk: Option<SmallDisk>,
    /// Of the observer, of each runner, of the user.
    pub links: Vec<Link>,
    /// What marks the processes of this run.
    pub mark: String,
    setting: Setting,
    /// None while it is not to be there, or cannot start.
    dispatcher: Option<Process>,
    others: Vec<Option<Process>>,
    /// The dispatcher is to be there, and could not start on a disk that is full.
    is_owed: bool,
    /// Those that were killed, for their logs.
    gone: Vec<Process>,
}

impl Cast {
    /// Everybody, started.
    pub fn new(setting: &Setting, mark: String) -> Cast {
        let yard = Yard::new();
        let disk = setting.disk_bytes.and_then(|bytes| SmallDisk::new(&yard, bytes));
        let links = (0..LINES).map(|_| Link::new(&yard.server())).collect();
        std::fs::create_dir(yard.path().join("tmp")).unwrap();
        for clone in 1..CLONES {
            let to = format!("{}_{clone}", yard.runners().display());
            let from = yard.master().display().to_string();
            pontus_tests::git(yard.path(), &["clone", "-q", "--no-checkout", &from, &to]);
        }
        let setting = setting.clone();
        let others = (0..=RUNNERS).map(|_| None).collect();
        let (dispatcher, is_owed, gone) = (None, false, Vec::new());
        let mut cast = Cast { yard, disk, links, mark, setting, dispatcher, others, is_owed, gone };
        cast.start(Actor::Dispatcher);
        cast.start(Actor::Observer);
        (0..RUNNERS).for_each(|runner| cast.start(Actor::Runner(runner)));
        cast
    }

    /// Starts somebody who is not there.
    pub fn start(&mut self, actor: Actor) {
        match actor {
            Actor::Dispatcher => {
                self.is_owed = true;
                self.tend().unwrap();
            }
            Actor::Observer => self.others[0] = Some(self.observer()),
            Actor::Runner(number) => self.others[number + 1] = Some(self.runner(number)),
        }
    }

    /// Ends somebody as `kill -9` does.
    pub fn kill(&mut self, actor: Actor) {
        if actor == Actor::Dispatcher {
            self.is_owed = false;
        }
        if let Some(mut process) = self.seat(actor).take() {
            process.kill();
            self.gone.push(process);
        }
    }

    /// Sends a signal to whoever is there.
    pub fn signal(&mut self, actor: Actor, signal: Signal) {
        if let Some(process) = self.seat(actor) {
            process.signal(signal);
        }
    }

    /// Starts the dispatcher again where it has ended on a disk that was full, as a service manager does.
    ///
    /// # Errors
    /// Where it has ended for another reason.
    pub fn tend(&mut self) -> Result<(), String> {
        if let Some(ended) = self.dispatcher.as_mut().and_then(Process::try_wait) {
            self.gone.extend(self.dispatcher.take());
            if ended.code() != Some(DISK_FAILED) || self.disk.is_none() {
                return Err(format!("the dispatcher has ended by itself: {ended}"));
            }
            self.is_owed = true;
        }
        if self.is_owed {
            let command = self.dispatcher_command();
            let args = self.setting.dispatcher_args();
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            let process = self.yard.try_dispatcher_by(command, &args);
            self.is_owed = !process.says_before_its_end("listening on ");
            self.dispatcher = Some(process);
        }
        Ok(())
    }

    /// Everybody who is there, with a name.
    pub fn present(&self) -> Vec<(Actor, &Process)> {
        let others = self.others.iter().enumerate().filter_map(|(seat, process)| {
            let actor = if seat == 0 { Actor::Observer } else { Actor::Runner(seat - 1) };
            Some((actor, process.as_ref()?))
        });
        let dispatcher = self.dispatcher.iter().map(|process| (Actor::Dispatcher, process));
        dispatcher.chain(others).collect()
    }

    /// How many runners there are, in the dispatcher's eyes.
    pub fn slots(&self) -> usize {
        (0..RUNNERS).map(slots_of).sum()
    }

    /// The lines of all logs in which a text occurs.
    pub fn said(&self, text: &str) -> Vec<String> {
        let present = self.present().into_iter().map(|(_, process)| process);
        let lines = self.gone.iter().chain(present).flat_map(Process::log);
        lines.filter(|line| line.contains(text)).collect()
    }

    /// The runners' clones.
    pub fn clones(&self) -> Vec<PathBuf> {
        let runners = self.yard.runners();
        let more = (1..CLONES).map(|clone| format!("{}_{clone}", runners.display()).into());
        [runners.clone()].into_iter().chain(more).collect()
    }

    /// Ends everybody in order.
    pub fn stop(&mut self) {
        let seats = self.others.iter_mut().chain([&mut self.dispatcher]);
        for mut process in seats.filter_map(Option::take) {
            process.stop();
            self.gone.push(process);
        }
    }

    /// Where something lies in the results folder.
    pub fn results(&self, name: &str) -> PathBuf {
        match &self.disk {
            Some(disk) => disk.path(&self.yard, name),
            None => self.yard.path().join("test_results").join(name),
        }
    }

    fn seat(&mut self, actor: Actor) -> &mut Option<Process> {
        match actor {
            Actor::Dispatcher => &mut self.dispatcher,
            Actor::Observer => &mut self.others[0],
            Actor::Runner(number) => &mut self.others[number + 1],
        }
    }

    fn marked(&self, mut command: Command) -> Command {
        command.env(MARK, &self.mark).env("TMPDIR", self.yard.path().join("tmp"));
        command
    }

    fn dispatcher_command(&self) -> Command {
        let command = match &self.disk {
            Some(disk) => disk.command(&self.yard, &self.setting.dispatcher),
            None => self.yard.command_of(&self.setting.dispatcher),
        };
        let mut command = self.marked(command);
        command.envs(self.setting.planted.iter().map(|bug| ("PONTUS_PLANTED", *bug)));
        command
    }

    fn observer(&self) -> Process {
        let mut command = self.marked(self.yard.command("observer"));
        command.args(["--dispatcher-server", &self.address(0), "--interval", "100ms"]);
        command.arg("--every-commit").arg(self.yard.observers());
        Process::start("observer", &mut command)
    }

    /// A runner is called after its clone: what it finds finished there it delivers as whoever had it before.
    fn runner(&self, number: usize) -> Process {
        let name = format!("clone{}", number % CLONES);
        let mut command = self.marked(self.yard.command("runner"));
        command.env(RUNNER, &name).env(LEDGER, self.ledger());
        command.args(["--dispatcher-server", &self.address(number + 1), "--name", &name]);
        command.args(["--slots", &slots_of(number).to_string()]);
        command.args(["--project", "test_repo"]).args(self.setting.runner_args());
        command.arg(&self.clones()[number % CLONES]);
        Process::start(&format!("runner {number}"), &mut command)
    }

    fn address(&self, line: usize) -> String {
        self.link(Line(line)).address()
    }

    /// One of the links.
    pub fn link(&self, line: Line) -> &Link {
        &self.links[line.0]
    }

    /// Where tests tell what they do.
    pub fn ledger(&self) -> PathBuf {
        self.yard.path().join("ledger")
    }
}

/// How many clones the runners share.
const CLONES: usize = 2;

/// The first runner has two slots.
fn slots_of(runner: usize) -> usize {
    if runner == 0 { 2 } else { 1 }
}
