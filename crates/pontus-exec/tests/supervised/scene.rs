//! The scene of a test: a folder, a supervised shell in it, and a lifeline that shows whether anybody is left.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use pontus_exec::{Ended, Job, RunError, Spare, Stop, run_supervised, run_under};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Far beyond what any test takes: whoever waits this long has hung.
pub const LONG: Duration = Duration::from_secs(120);

/// How long anything may be left.
pub const SOON: Duration = Duration::from_secs(2);

/// `O_NONBLOCK`, so that a lifeline can be opened before there is anybody to hold it.
const NONBLOCK: i32 = 0o4000;

/// A folder with two named pipes: whoever holds the *lifeline* (descriptor 9 of the shell) is seen to be alive, and
/// what has got away says so to *told*.
pub struct Scene {
    pub dir: tempfile::TempDir,
    lifeline: File,
}

/// What came of a job.
pub struct Seen {
    pub result: Result<Ended, RunError>,
    pub out: String,
    /// What the call took.
    pub took: Duration,
}

impl Scene {
    pub fn new() -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let fifos = Command::new("mkfifo").args(["lifeline", "told"]).current_dir(&dir).status();
        assert!(fifos.unwrap().success());
        let path = dir.path().join("lifeline");
        let lifeline = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path).unwrap();
        Scene { dir, lifeline }
    }

    pub fn job(&self, script: &str) -> Job {
        job(self.dir.path(), script)
    }

    /// What has been written to the lifeline until now, and whether nobody holds it any more.
    pub fn look(&mut self) -> (String, bool) {
        let mut bytes = Vec::new();
        let is_ended = self.lifeline.read_to_end(&mut bytes).is_ok();
        (String::from_utf8(bytes).unwrap(), is_ended)
    }

    /// Waits until nobody holds the lifeline. It was held, or this does not prove anything.
    pub fn all_gone_within(&mut self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while !self.look().1 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let left = Timespec::try_from(left).unwrap();
            poll(&mut [PollFd::new(&self.lifeline, PollFlags::IN)], Some(&left)).unwrap();
        }
        true
    }
}

/// A shell with the lifeline at descriptor 9.
pub fn job(dir: &Path, script: &str) -> Job {
    let path = std::env::var_os("PATH").unwrap();
    Job {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), format!("exec 9>lifeline\n{script}").into()],
        dir: dir.into(),
        env: vec![("PATH".into(), path)],
        timeout: LONG,
        grace: LONG,
        merge: true,
    }
}

pub fn see(job: &Job, stop: &Stop) -> Seen {
    see_and(job, stop, &mut |_| {})
}

thread_local! {
    /// The supervisor of the last job on this thread, if it may have another: so all that jobs do is done under old ones, too.
    static LAST: Cell<Option<Spare>> = const { Cell::new(None) };
}

/// Runs `job` and calls `act` with each line of its output.
pub fn see_and(job: &Job, stop: &Stop, act: &mut dyn FnMut(&str)) -> Seen {
    let started = Instant::now();
    let (mut out, mut line) = (Vec::new(), Vec::new());
    let mut spare = LAST.take();
    let result = run_under(&mut spare, job, stop, &mut |bytes| {
        out.extend(bytes);
        for byte in bytes {
            match byte {
                b'\n' => act(&String::from_utf8(std::mem::take(&mut line)).unwrap()),
                byte => line.push(*byte),
            }
        }
    });
    LAST.set(spare);
    Seen { result, out: String::from_utf8_lossy(&out).into_owned(), took: started.elapsed() }
}

pub fn is_there(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

/// Whether there is such a process that has not ended; one of ours would not even be a zombie.
pub fn is_alive(pid: &str) -> bool {
    state(pid).is_some_and(|state| state != 'Z')
}

/// Another process that supervises a script, to be treated badly. Its output is that of the script, then a last line.
pub struct Helper {
    pub child: Child,
    pub out: BufReader<ChildStdout>,
}

impl Helper {
    /// `before` is a program with arguments that starts the helper in its own place.
    pub fn start(scene: &Scene, before: &[&str], script: &str, timeout: Duration) -> Helper {
        let ourselves = std::env::current_exe().unwrap();
        let mut words = before.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        words.extend([ourselves.to_str().unwrap().into(), "helper".into(), script.into()]);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(timeout.as_millis().to_string()).current_dir(&scene.dir);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Helper { child, out }
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The rest of its output.
    pub fn rest(mut self) -> String {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap();
        rest
    }
}

/// In place of a script: that a helper has two spare supervisors, names them, and keeps the first.
pub const SPARE: &str = "spare";

fn keep_a_spare() -> ExitCode {
    let kept = Spare::start().unwrap();
    let first = children();
    let dropped = Spare::start().unwrap();
    let mut both = children();
    both.retain(|pid| !first.contains(pid));
    drop(dropped);
    let named = [first, both].concat().join("\n");
    let mut out = std::io::stdout();
    writeln!(out, "{named}").unwrap();
    Stop::never().wait(LONG);
    drop(kept);
    ExitCode::SUCCESS
}

/// The ids of our own.
fn children() -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    let parent = std::process::id().to_string();
    let is_ours = |pid: &String| fields(pid).is_some_and(|fields| fields[1] == parent);
    entries.filter_map(|name| name.into_string().ok()).filter(is_ours).collect()
}

/// What a [`Helper`] is: a script and its timeout in milliseconds.
pub fn helper(args: &[String]) -> ExitCode {
    if args[0] == SPARE {
        return keep_a_spare();
    }
    // As the runner does, so that a signal to the whole group has a meaning for it that is not its end.
    let unread = std::sync::Arc::default();
    signal_hook::flag::register(signal_hook::consts::SIGINT, unread).unwrap();
    let here = std::env::current_dir().unwrap();
    let timeout = Duration::from_millis(args[1].parse().unwrap());
    let job = Job { timeout, ..job(&here, &args[0]) };
    let mut out = std::io::stdout();
    let ended = run_supervised(&job, &Stop::never(), &mut |bytes| {
        let _ = out.write_all(bytes);
        let _ = out.flush();
    });
    let how = ended.map_or_else(|error| error.to_string(), |ended| ended.how.to_string());
    let _ = writeln!(out, "{how}");
    ExitCode::SUCCESS
}

/// The state letter of a process, such as `T` for a stopped one.
pub fn state(pid: &str) -> Option<char> {
    fields(pid)?.first()?.chars().next()
}

/// What the kernel says of a process after its name: its state, its parent and more.
fn fields(pid: &str) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit(") ").next()?.split(' ').map(str::to_owned).collect())
}
