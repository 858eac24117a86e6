//! Sessions against the real scheduler, as whoever has the token may write them: any line that is a request, in any order, on
//! ten connections that end and come back, with restarts of the dispatcher in between.
//!
//! `3 {"type":"ready"}` is said on connection 3, `3 gone` ends it, `3 unheard` too, before an assignment could be written to it,
//! `+500` lets so many milliseconds pass, `restart` is one. Any other line is passed over.

use std::collections::BTreeMap;

use pontus_proto::{Attempt, CommitId, Request, decode_request};
use pontus_scheduler::{
    Answer, Config, Effect, Event, Policy, Record, Scheduler, SessionId, Stored, StoredState,
    Submission, Time, Why,
};

const CONFIG: Config = Config {
    lease_ms: 10_000,
    reconnect_grace_ms: 2_000,
    // So few that it is reached.
    undecided_max: 3,
    attempts_max: 3,
    attempt_ms_max: 60_000,
    poll_ms: 5_000,
    policy: Policy::All,
};

/// No pause is longer, so that no input takes for ever.
const PAUSE_MS_MAX: u64 = 120_000;

/// Lines that are played of one input, for the same reason.
const LINES_MAX: usize = 300;

/// Plays `data` under both policies.
pub fn run(data: &[u8]) {
    for policy in [Policy::All, Policy::Newest] {
        let mut stage = Stage::new(Config { policy, ..CONFIG });
        data.split(|byte| *byte == b'\n').take(LINES_MAX).for_each(|line| stage.play(line));
        // Whoever still waits is answered in time.
        stage.pass(2 * CONFIG.poll_ms);
        assert!(stage.open.is_empty(), "nobody answers {:?}", stage.open);
    }
}

/// The scheduler, and what is known outside of it.
struct Stage {
    config: Config,
    scheduler: Scheduler,
    now: Time,
    /// The session that each connection is at present.
    sessions: [SessionId; 10],
    next_session: u64,
    /// The questions that have no answer yet; with the attempt, where they are about one.
    open: BTreeMap<SessionId, Option<(CommitId, Attempt)>>,
    /// What the disk knows.
    disk: BTreeMap<CommitId, Stored>,
    paused: bool,
}

impl Stage {
    fn new(config: Config) -> Stage {
        Stage {
            config,
            scheduler: Scheduler::restore(config, [], false, Time(0)),
            now: Time(0),
            sessions: std::array::from_fn(|at| SessionId(at as u64)),
            next_session: 10,
            open: BTreeMap::new(),
            disk: BTreeMap::new(),
            paused: false,
        }
    }

    fn play(&mut self, line: &[u8]) {
        match line {
            b"restart" => self.restart(),
            [b'+', digits @ ..] => {
                let ms = str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
                self.pass(ms.map_or(0, |ms: u64| ms.min(PAUSE_MS_MAX)));
            }
            [at @ b'0'..=b'9', b' ', rest @ ..] => {
                let at = usize::from(at - b'0');
                match rest {
                    b"gone" => self.end(at, false),
                    b"unheard" => self.end(at, true),
                    line => self.ask(self.sessions[at], line),
                }
            }
            _ => {}
        }
    }

    /// A session hears nothing more until its question is answered.
    fn ask(&mut self, session: SessionId, line: &[u8]) {
        if self.open.contains_key(&session) {
            return;
        }
        let Ok(request) = decode_request(line) else { return };
        let Some(event) = self.event(session, request) else { return };
        let may_wait = matches!(event, Event::Ready { .. } | Event::Watched { .. });
        self.open.insert(session, about(&event));
        self.step(event);
        assert!(may_wait || !self.open.contains_key(&session), "a question without an answer");
    }

    /// What the scheduler is told, as the dispatcher's session would tell it, whatever the role.
    fn event(&self, session: SessionId, request: Request) -> Option<Event> {
        Some(match request {
            Request::Submit(said) => {
                let (commit, project) = (said.commit, said.project);
                let (branch, labels) = (said.branch, said.labels);
                let submission = Submission { commit, project, branch, labels };
                Event::Submitted { session, submission }
            }
            Request::Register { instance, project, labels } => {
                let name = "elm".parse().expect("elm is a name");
                Event::Registered { session, name, instance, project, labels }
            }
            Request::Ready {} => Event::Ready { session },
            Request::Beat { commit, attempt, .. } => Event::Beat { session, commit, attempt },
            Request::Report { commit, attempt, .. } => Event::Reported { session, commit, attempt },
            Request::GiveBack { commit, attempt } => Event::GaveBack { session, commit, attempt },
            Request::Cancel { commit } => Event::Cancelled { session, commit },
            Request::Retry { commit } => {
                Event::Retried { session, commit, stored: self.disk.get(&commit).cloned() }
            }
            Request::Drain { runner } => Event::Drained { session, runner },
            Request::Pause {} => Event::Paused { session, paused: true },
            Request::Resume {} => Event::Paused { session, paused: false },
            Request::Wait { commit, wait_ms } => Event::Watched { session, commit, wait_ms },
            _ => return None,
        })
    }

    fn end(&mut self, at: usize, unheard: bool) {
        let session = self.sessions[at];
        self.sessions[at] = SessionId(self.next_session);
        self.next_session += 1;
        self.open.remove(&session);
        self.step(Event::Ended { session, unheard });
    }

    fn pass(&mut self, ms: u64) {
        let until = self.now.after(ms);
        while let Some(at) = self.scheduler.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.step(Event::Ticked);
            let next = self.scheduler.next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "it is woken for nothing");
        }
        self.now = until;
    }

    fn restart(&mut self) {
        self.open.clear();
        for session in &mut self.sessions {
            *session = SessionId(self.next_session);
            self.next_session += 1;
        }
        let records: Vec<_> = self.disk.values().cloned().collect();
        self.scheduler = Scheduler::restore(self.config, records, self.paused, self.now);
        self.is_as_remembered();
    }

    fn step(&mut self, event: Event) {
        for effect in self.scheduler.step(self.now, event) {
            match effect {
                Effect::Remember(record) => self.remember(record),
                Effect::Publish(commit) => {
                    assert!(matches!(self.stored(commit).state, StoredState::Done { .. }));
                }
                Effect::Say(session, answer) => self.say(session, answer),
            }
        }
        self.is_as_remembered();
    }

    fn say(&mut self, session: SessionId, answer: Answer) {
        let Some(about) = self.open.remove(&session) else {
            panic!("{answer:?} to nobody's question");
        };
        match (answer, about) {
            (Answer::Accepted { commit, .. }, _) => assert!(self.disk.contains_key(&commit)),
            (Answer::Assigned { commit, attempt, .. }, _)
            | (Answer::Kept, Some((commit, attempt))) => {
                let stored = self.stored(commit);
                assert!(matches!(stored.state, StoredState::Running { .. }));
                assert_eq!(attempt, Attempt(stored.attempts), "of a lost attempt");
            }
            (Answer::Recorded, Some((commit, attempt))) => {
                let reported = Some(attempt);
                assert_eq!(self.stored(commit).state, StoredState::Done { reported });
            }
            _ => {}
        }
    }

    /// Changes the disk as the record says, which has to fit to what stands there.
    fn remember(&mut self, record: Record) {
        match record {
            Record::Submitted { submission, place } => self.insert(submission, place),
            Record::Assigned { commit, attempt, runner, instance } => {
                let stored = self.stored(commit);
                assert_eq!(stored.state, StoredState::Queued, "one commit, two leases");
                assert!(attempt.0 > stored.attempts, "a number was given out twice");
                stored.attempts = attempt.0;
                stored.state = StoredState::Running { runner, instance };
            }
            Record::Lost { commit, attempt } => self.queued_again(commit, attempt, 1),
            Record::GivenBack { commit, attempt } => self.queued_again(commit, attempt, 0),
            Record::Decided { commit, attempt, why } => {
                let stored = self.stored(commit);
                let is_done = matches!(stored.state, StoredState::Done { .. });
                assert!(!is_done, "a second verdict");
                let reported = (why == Why::Report).then_some(attempt);
                stored.state = StoredState::Done { reported };
            }
            Record::Retried { commit, place } => {
                let stored = self.stored(commit);
                assert!(matches!(stored.state, StoredState::Done { .. }));
                (stored.state, stored.place) = (StoredState::Queued, place);
                (stored.lost, stored.is_retried) = (0, true);
            }
            Record::Paused(paused) => self.paused = paused,
        }
    }

    fn insert(&mut self, submission: Submission, place: u64) {
        let Submission { commit, project, branch, labels } = submission;
        let (attempts, lost, is_retried, state) = (0, 0, false, StoredState::Queued);
        let stored =
            Stored { commit, project, branch, labels, place, attempts, lost, is_retried, state };
        assert!(self.disk.insert(commit, stored).is_none(), "a commit is new only once");
    }

    fn queued_again(&mut self, commit: CommitId, attempt: Attempt, lost: u32) {
        let stored = self.stored(commit);
        assert!(matches!(stored.state, StoredState::Running { .. }));
        assert_eq!(attempt, Attempt(stored.attempts));
        stored.state = StoredState::Queued;
        stored.lost += lost;
    }

    fn stored(&mut self, commit: CommitId) -> &mut Stored {
        self.disk.get_mut(&commit).expect("nothing is said of a commit that is not on disk")
    }

    /// What people may see agrees with the disk.
    fn is_as_remembered(&self) {
        let overview = self.scheduler.overview();
        let count = |is: fn(&StoredState) -> bool| {
            self.disk.values().filter(|stored| is(&stored.state)).count()
        };
        assert_eq!(overview.queued, count(|state| *state == StoredState::Queued));
        assert_eq!(overview.running, count(|state| matches!(state, StoredState::Running { .. })));
        assert_eq!(overview.paused, self.paused);
        assert_eq!(self.scheduler.runners().count(), overview.runners);
    }
}

/// The attempt that is spoken of.
fn about(event: &Event) -> Option<(CommitId, Attempt)> {
    match *event {
        Event::Beat { commit, attempt, .. }
        | Event::Reported { commit, attempt, .. }
        | Event::GaveBack { commit, attempt, .. } => Some((commit, attempt)),
        _ => None,
    }
}
