//! What remains: processes, descriptors, threads and files that nobody wants any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pontus_tests::Process;

use crate::cast::{Cast, MARK};
use crate::plan::Actor;

/// How long what is about to end may take: a test that does not want to end has five seconds, and the machine is busy.
const SOON: Duration = Duration::from_secs(20);

/// How long everybody is watched to learn what they need while they wait.
const LOOKS: u32 = 20;

/// Descriptors and threads of each while there was nothing to do.
#[derive(Debug)]
pub struct Idle(Vec<(Actor, usize, usize)>);

impl Idle {
    /// Of a cast that has done everything once.
    pub fn of(cast: &Cast) -> Idle {
        let mut most: Vec<_> = cast.present().into_iter().map(|(actor, _)| (actor, 0, 0)).collect();
        for _ in 0..LOOKS {
            for ((_, process), most) in cast.present().into_iter().zip(&mut most) {
                most.1 = most.1.max(open_in(process).len());
                most.2 = most.2.max(process.threads());
            }
            pause(Duration::from_millis(25));
        }
        Idle(most)
    }

    fn exceeded_by(&self, actor: Actor, process: &Process) -> Option<String> {
        let (_, descriptors, threads) = self.0.iter().find(|(idle, _, _)| *idle == actor)?;
        let open = open_in(process);
        let now = (open.len(), process.threads());
        (now.0 > *descriptors || now.1 > *threads).then(|| {
            format!("leaked: {actor:?} has {now:?}, had {descriptors}, {threads}: {open:?}")
        })
    }
}

/// What a process has open, without the database: SQLite keeps a descriptor of it for each reader that there ever was at a time,
/// and gives it to the next one, and a session has its log open from its first look until it ends. Sessions are known by
/// their threads and sockets.
fn open_in(process: &Process) -> Vec<PathBuf> {
    let links = fs::read_dir(process.proc("fd")).unwrap().flatten();
    let open = links.filter_map(|link| fs::read_link(link.path()).ok());
    let is_database = |path: &Path| {
        [".pontus/pontus.db", ".pontus/pontus.db-wal"].iter().any(|name| path.ends_with(name))
    };
    open.filter(|path| !is_database(path)).collect()
}

/// All that is too much while everybody waits.
pub fn look_round(cast: &Cast, idle: &Idle) -> Vec<String> {
    let deadline = Instant::now() + SOON;
    loop {
        let wrong = [leaks(cast, idle), orphans(cast), strays(cast)].concat();
        if wrong.is_empty() || Instant::now() > deadline {
            return wrong;
        }
        pause(Duration::from_millis(100));
    }
}

/// All that is too much when everybody has left.
pub fn after_the_end(cast: &Cast) -> Vec<String> {
    let clones = cast.clones();
    let [master, observers] = [cast.yard.master(), cast.yard.observers()];
    let all = clones.iter().chain([&master, &observers]);
    let broken = all.filter_map(|clone| fsck(clone));
    let panics = cast.said("panicked");
    [orphans(cast), strays(cast), broken.collect(), panics].concat()
}

fn leaks(cast: &Cast, idle: &Idle) -> Vec<String> {
    let present = cast.present();
    present.into_iter().filter_map(|(actor, process)| idle.exceeded_by(actor, process)).collect()
}

/// Processes of ours that are none of the cast.
fn orphans(cast: &Cast) -> Vec<String> {
    let present: BTreeSet<_> = cast.present().iter().map(|(_, process)| process.id()).collect();
    let line = |id| fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let strangers = marked(&cast.mark).into_iter().filter(|id| !present.contains(id));
    strangers.map(|id| format!("orphan: {id} {:?}", line(id))).collect()
}

/// The processes that were started with a mark, by whomever.
fn marked(mark: &str) -> Vec<u32> {
    let ours = format!("{MARK}={mark}");
    let is_ours = |id: &u32| {
        // Others' are not for us to read, and some have just ended.
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == ours.as_bytes())
    };
    processes().filter(is_ours).collect()
}

/// The ids of all processes that there are.
pub fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Files that should have been removed.
fn strays(cast: &Cast) -> Vec<String> {
    let is_result = |name: &str| name.len() == 40 || name == ".pontus";
    let is_ours = |name: &str| {
        ["boot", "lock", "output", "pontus.db", "pontus.db-wal", "pontus.db-shm"].contains(&name)
    };
    let mut strays = others(&cast.results("."), is_result);
    strays.extend(others(&cast.results(".pontus"), is_ours));
    strays.extend(others(&cast.results(".pontus/output"), |_| false));
    strays.extend(others(&cast.yard.path().join("tmp"), |_| false));
    for clone in cast.clones() {
        let work = clone.join(".git/pontus");
        strays.extend(others(&work, |name| name.starts_with("slot-")));
        for slot in names(&work) {
            let is_known = |name: &str| ["lock", "spool", "git", "tree"].contains(&name);
            strays.extend(others(&work.join(&slot), is_known));
            strays.extend(others(&work.join(slot).join("spool"), |name| name == "output"));
        }
    }
    let clones = cast.clones().into_iter().chain([cast.yard.observers()]);
    strays.extend(clones.flat_map(|clone| locks(&clone.join(".git"))));
    strays
}

fn names(folder: &Path) -> Vec<String> {
    // What is not there has nothing in it.
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn others(folder: &Path, is_known: impl Fn(&str) -> bool) -> Vec<String> {
    let strays = names(folder).into_iter().filter(|name| !is_known(name));
    strays.map(|name| format!("stray: {name} in {}", folder.display())).collect()
}

/// What git has left locked in a clone.
fn locks(git_dir: &Path) -> Vec<String> {
    let found = Command::new("find").arg(git_dir).args(["-name", "*.lock"]).output().unwrap();
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    text.lines().map(|path| format!("stray: {path}")).collect()
}

fn fsck(clone: &Path) -> Option<String> {
    let mut command = Command::new("git");
    command.args(["fsck", "--full", "--no-dangling"]).current_dir(clone);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success())
        .then(|| format!("broken: {}: {}", clone.display(), String::from_utf8_lossy(&said)))
}

/// Somebody else's turn: what is waited for here tells nobody that it has come.
pub fn pause(length: Duration) {
    std::thread::park_timeout(length);
}

#[test]
fn a_process_too_many_is_noticed_and_so_is_what_it_has_open() {
    let mark = format!("remains-{}", std::process::id());
    assert!(marked(&mark).is_empty());
    let mut command = Command::new("sh");
    command.args(["-c", "echo started; kill -STOP $$"]).env(MARK, &mark);
    let process = Process::start("sh", &mut command);
    process.wait_for("started");
    assert_eq!(marked(&mark), [process.id()]);
    let needs = |descriptors, threads| Idle(vec![(Actor::Observer, descriptors, threads)]);
    let (descriptors, threads) = (open_in(&process).len(), process.threads());
    let exceeded = |idle: Idle| idle.exceeded_by(Actor::Observer, &process).is_some();
    assert!(!exceeded(needs(descriptors, threads)));
    assert!(exceeded(needs(descriptors - 1, threads)) && exceeded(needs(descriptors, threads - 1)));
}

#[test]
fn a_file_too_many_is_noticed() {
    let yard = pontus_tests::Yard::new();
    assert!(locks(yard.path()).is_empty() && fsck(&yard.master()).is_none());
    fs::write(yard.master().join(".git/index.lock"), "").unwrap();
    assert_eq!(locks(&yard.master()).len(), 1);
    assert_eq!(others(&yard.master(), |name| name == ".git").len(), 0);
    assert_eq!(others(&yard.master(), |_| false).len(), 1);
    let object = pontus_tests::git(&yard.master(), &["rev-parse", "HEAD"]);
    let path = yard.master().join(".git/objects").join(&object[..2]).join(&object[2..]);
    fs::remove_file(path).unwrap();
    assert!(fsck(&yard.master()).is_some());
}
