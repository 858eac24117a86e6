//! The stage: one run from its first commit to its last look round, act by act.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use pontus_tests::{git, program};
use rustix::process::Signal;
use serde_json::json;

use crate::cast::Cast;
use crate::gallery::Gallery;
use crate::ledger::{self, Lot, Made};
use crate::oracle::{self, Evidence};
use crate::plan::{self, Actor, Deed, LINES, Step, Taste};
use crate::user::User;
use crate::{archive, remains};

/// How one run is played.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The dispatcher.
    pub dispatcher: PathBuf,
    /// What is wrong with it.
    pub planted: Option<&'static str>,
    /// What befalls the cast.
    pub taste: Taste,
    /// How often the faults begin and stop.
    pub acts: usize,
    /// How many commits are made in each act.
    pub commits: usize,
    /// How large the dispatcher's own disk is; none where it shares ours.
    pub disk_bytes: Option<usize>,
    /// How long a test stays before it ends, at most, in milliseconds.
    pub stay_ms_max: u64,
}

/// Silence after which a runner has lost its commit.
const LEASE: Duration = Duration::from_millis(1500);

/// The same, once its connection has ended.
const GRACE: Duration = Duration::from_millis(400);

/// Lost runners that give a commit up.
const ATTEMPTS_MAX: usize = 3;

/// How long a test may take.
const UNIT_TIMEOUT: Duration = Duration::from_secs(3);

/// What else an attempt may take: git and a shell on a busy machine, and the end of a test that does not want to.
const AROUND: Duration = Duration::from_secs(6);

/// What may pass before a runner or an observer has heard that all is well: they wait longer and longer before they try again, an
/// observer that was refused as long as it was refused for.
const BACK: Duration = Duration::from_secs(5);

/// How often it is judged what has been decided, while the rest is waited for.
const JUDGEMENT: Duration = Duration::from_secs(3);

/// When everything has to be decided after the faults have stopped. Everybody has to find the dispatcher again; whoever died with a
/// commit keeps it for a lease; then each slot tests its share, and each test may take as long as it may. A healthy run is done
/// long before.
fn bound(undecided: usize, slots: usize) -> Duration {
    let rounds = u32::try_from(undecided.div_ceil(slots)).unwrap();
    BACK + LEASE + rounds.max(1) * (UNIT_TIMEOUT + AROUND)
}

impl Setting {
    /// All faults against the ordinary programs.
    pub fn all(acts: usize, commits: usize) -> Setting {
        let disk = 48 * 1024 * 1024 + acts * commits * 96 * 1024;
        Setting {
            dispatcher: program("dispatcher"),
            planted: None,
            taste: Taste::all(),
            acts,
            commits,
            disk_bytes: Some(disk),
            stay_ms_max: 900,
        }
    }

    /// What the dispatcher is started with.
    pub fn dispatcher_args(&self) -> [String; 3] {
        let shown = |time: Duration| format!("{}ms", time.as_millis());
        [
            format!("--lease={}", shown(LEASE)),
            format!("--reconnect-grace={}", shown(GRACE)),
            format!("--max-attempts={ATTEMPTS_MAX}"),
        ]
    }

    /// What each runner is started with.
    pub fn runner_args(&self) -> [String; 1] {
        [format!("--unit-timeout={}ms", UNIT_TIMEOUT.as_millis())]
    }
}

/// What was counted in a run.
#[derive(Debug, Default)]
pub struct Figures {
    /// What was done to the cast.
    faults: BTreeMap<String, usize>,
    /// How long it took in each act after the faults until everything was decided.
    recoveries: Vec<Duration>,
}

/// A run.
struct Stage {
    setting: Setting,
    rng: Rng,
    gallery: Gallery,
    user: User,
    cast: Cast,
    made: Vec<Made>,
    figures: Figures,
    /// When dispatchers were started, in milliseconds since 1970.
    restarts_ms: Vec<u64>,
}

/// Plays a run.
///
/// # Errors
/// All that is wrong, a sentence each.
pub fn play(seed: u64, setting: &Setting) -> Result<String, Vec<String>> {
    let begun = Instant::now();
    let mut stage = Stage::new(seed, setting);
    stage.warm_up().map_err(|wrong| vec![wrong])?;
    let idle = remains::Idle::of(&stage.cast);
    for _ in 0..setting.acts {
        stage.act()?;
        some_or_none(stage.judge(true))?;
        some_or_none(remains::look_round(&stage.cast, &idle))?;
    }
    stage.cast.stop();
    some_or_none(remains::after_the_end(&stage.cast))?;
    Ok(stage.told(seed, begun.elapsed()))
}

impl Stage {
    fn new(seed: u64, setting: &Setting) -> Stage {
        let cast = Cast::new(setting, format!("chaos-{seed}-{}", std::process::id()));
        let gallery = Gallery::new(cast.results("."));
        let address = cast.links[LINES - 1].address();
        let user = User::new(seed, address, cast.yard.token());
        let (made, restarts_ms) = Default::default();
        let (setting, rng, figures) = (setting.clone(), Rng::with_seed(seed), Figures::default());
        Stage { setting, rng, gallery, user, cast, made, figures, restarts_ms }
    }

    /// What the master began with, and one commit for each slot: everybody has done everything once.
    fn warm_up(&mut self) -> Result<(), String> {
        // Otherwise the observer may look between it and the first of ours.
        let first = git(&self.cast.yard.master(), &["rev-parse", "HEAD"]);
        let has_begun = self.gallery.wait_for(1, bound(1, 1));
        let slots = self.cast.slots();
        self.commit(slots);
        let is_warm = has_begun && self.gallery.wait_for(slots + 1, bound(slots, slots));
        is_warm.then_some(()).ok_or(format!("never: not even before the faults, after {first}"))
    }

    /// Faults, and then none until everything is decided.
    fn act(&mut self) -> Result<(), Vec<String>> {
        let plan = plan::draw(&mut self.rng, &self.setting.taste, self.setting.commits);
        self.suffer(&plan).map_err(|wrong| vec![wrong])?;
        self.cast.links.iter().for_each(super::proxy::Link::heal);
        let healed = Instant::now();
        // With the one that the master began with.
        let all = self.made.len() + 1;
        let time = bound(all - self.gallery.count(), self.cast.slots());
        let mut judged = healed;
        while !self.gallery.wait_for(all, Duration::from_millis(100)) && healed.elapsed() < time {
            self.cast.tend().map_err(|wrong| vec![wrong])?;
            // What is wrong already need not wait for what may never come.
            if judged.elapsed() > JUDGEMENT {
                some_or_none(self.judge(false))?;
                judged = Instant::now();
            }
        }
        self.figures.recoveries.push(healed.elapsed());
        Ok(())
    }

    fn suffer(&mut self, plan: &[Step]) -> Result<(), String> {
        // Faults come in time and not on a cue, and nobody says anything here.
        let (_silence, nobody) = channel::<()>();
        let begun = Instant::now();
        for step in plan {
            nobody.recv_timeout(step.at.saturating_sub(begun.elapsed())).ok();
            self.cast.tend()?;
            self.perform(step.deed);
        }
        Ok(())
    }

    fn perform(&mut self, deed: Deed) {
        if let Some(name) = deed.name().filter(|_| deed != Deed::Fill || self.cast.disk.is_some()) {
            *self.figures.faults.entry(name).or_default() += 1;
        }
        match deed {
            Deed::Commit(count) => self.commit(count),
            Deed::Kill(actor) => self.cast.kill(actor),
            Deed::Start(actor) => {
                if actor == Actor::Dispatcher {
                    self.restarts_ms.push(now_ms());
                }
                self.cast.start(actor);
            }
            Deed::Freeze(actor) => self.cast.signal(actor, Signal::STOP),
            Deed::Thaw(actor) => self.cast.signal(actor, Signal::CONT),
            Deed::Break(line, how) => self.cast.link(line).end(how),
            Deed::Set(line, weather, length) => self.cast.link(line).set(weather, length),
            Deed::Heal(line) => self.cast.link(line).heal(),
            Deed::Fill => self.with_disk(|disk, yard| disk.fill(yard, 0)),
            Deed::Empty => self.with_disk(|disk, yard| disk.empty(yard)),
        }
    }

    fn with_disk(&self, change: impl FnOnce(&pontus_tests::SmallDisk, &pontus_tests::Yard)) {
        if let Some(disk) = &self.cast.disk {
            change(disk, &self.cast.yard);
        }
    }

    /// Makes so many commits upstream, at once.
    fn commit(&mut self, count: usize) {
        let mut stream = String::new();
        let lots: Vec<_> =
            (0..count).map(|_| Lot::draw(&mut self.rng, self.setting.stay_ms_max)).collect();
        for (number, lot) in lots.iter().enumerate() {
            let from = if number == 0 { "from refs/heads/main^0\n" } else { "" };
            stream += &commit_of(&lot.text(self.made.len() + number), from);
        }
        let master = self.cast.yard.master();
        import(&master, &stream);
        let range = format!("-{count}");
        let ids = git(&master, &["rev-list", "--reverse", "--first-parent", &range, "main"]);
        let ids: Vec<_> = ids.lines().map(str::to_owned).collect();
        self.user.knows(&ids);
        self.made.extend(ids.into_iter().zip(lots).map(|(commit, lot)| Made { commit, lot }));
    }

    /// All that is wrong until now: with what has been decided, or with all that was made.
    fn judge(&self, with_all: bool) -> Vec<String> {
        // In the order in which one of them cannot know more than the next.
        let (mut heard, mut results) = (self.user.heard(), self.gallery.results());
        let mut accounts = archive::read(&self.cast);
        let is_pending = |made: &&Made| !with_all && !results.contains_key(&made.commit);
        let pending = self.made.iter().filter(is_pending).map(|made| made.commit.clone()).collect();
        // It has no tests.
        let first = git(&self.cast.yard.master(), &["rev-list", "--max-parents=0", "main"]);
        heard.acknowledged.remove(&first);
        accounts.remove(&first);
        results.remove(&first);
        let evidence = Evidence {
            made: self.made.clone(),
            pending,
            executions: ledger::read(&self.cast.ledger()),
            accounts,
            results,
            acknowledged: heard.acknowledged,
            told: heard.told,
            attempts_max: ATTEMPTS_MAX,
            unit_timeout_ms: UNIT_TIMEOUT.as_millis() as u64,
            restarts_ms: self.restarts_ms.clone(),
            grace_ms: GRACE.as_millis() as u64,
        };
        let panics = self.cast.said("panicked");
        [oracle::judge(&evidence), self.gallery.wrong(), heard.wrong, panics].concat()
    }

    /// The figures, as one line of JSON.
    fn told(&self, seed: u64, took: Duration) -> String {
        let accounts = archive::read(&self.cast);
        let mut verdicts = BTreeMap::<String, usize>::new();
        for verdict in accounts.values().flat_map(|account| &account.verdicts) {
            *verdicts.entry(verdict.word.clone()).or_default() += 1;
        }
        let executions = ledger::read(&self.cast.ledger()).len();
        let slowest = self.figures.recoveries.iter().max().unwrap();
        let (asked, answered) = self.user.heard().questions;
        json!({
            "seed": seed,
            "commits": self.made.len(),
            "verdicts": verdicts,
            "faults": self.figures.faults,
            "small_disk": self.cast.disk.is_some(),
            "questions": asked,
            "answers": answered,
            "executions": executions,
            "executions_per_verdict": executions as f64 / self.made.len() as f64,
            "slowest_recovery_ms": slowest.as_millis() as u64,
            "seconds": took.as_secs(),
        })
        .to_string()
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn some_or_none(wrong: Vec<String>) -> Result<(), Vec<String>> {
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// A commit for `git fast-import`.
fn commit_of(lot: &str, from: &str) -> String {
    let files = [("100755", "truth", ledger::SCRIPT), ("100644", "lot.txt", lot)];
    let files = files.map(|(mode, name, text)| {
        format!("M {mode} inline tests/{name}\ndata {}\n{text}\n", text.len())
    });
    let who = "committer Tester <tester@example.org> now";
    format!("commit refs/heads/main\n{who}\ndata 1\nx\n{from}{}\n", files.concat())
}

fn import(master: &std::path::Path, stream: &str) {
    let mut command = Command::new("git");
    command.args(["fast-import", "--quiet", "--date-format=now"]).current_dir(master);
    let mut import = command.stdin(Stdio::piped()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
}
