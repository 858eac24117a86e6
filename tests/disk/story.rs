//! What is said to a dispatcher while its disk is watched: by one user and one runner, one word after the other, so that it is
//! known at each moment what was answered. Both go on where they were when the dispatcher has been away.

use std::collections::VecDeque;
use std::fs;

use pontus_proto::{
    Attempt, Bytes, Caller, Client, ClientError, Code, CommitId, ReadError, Reply, Request, Role,
    Verdict,
};
use pontus_tests::{Yard, made_up, passed, submission};

/// Who tests.
const RUNNER: &str = "oak";

/// The runner's instance, over all restarts.
const INSTANCE: &str = "0123456789abcdef0123456789abcdef";

/// What the story's commits are of.
pub const PROJECT: &str = "p";

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Submit(u32),
    Take(u32),
    /// So many lines of output.
    Print(usize),
    Report(Verdict),
    GiveBack,
    Cancel(u32),
    Retry(u32),
    /// Before somebody meddles, so that what is in the write-ahead log by then is not all that there is.
    Restart,
    Interlude,
}

/// What happens to the dispatcher in the midst of the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interlude {
    /// It is restarted in order.
    Restart,
    /// Somebody removes a file that lies beside its database, and it has to make all of it anew.
    Meddling,
}

/// The whole story: each way that a commit can go, and an interlude.
const STEPS: [Step; 20] = [
    Step::Submit(1),
    Step::Submit(2),
    Step::Submit(3),
    Step::Restart,
    Step::Take(1),
    Step::Print(200),
    Step::Print(100),
    Step::Report(Verdict::Passed),
    Step::Take(2),
    Step::Print(50),
    Step::GiveBack,
    Step::Cancel(3),
    Step::Interlude,
    Step::Take(2),
    Step::Print(300),
    Step::Report(Verdict::Failed),
    Step::Retry(1),
    Step::Take(1),
    Step::Print(20),
    Step::Report(Verdict::Failed),
];

/// Where the story stops for now.
#[derive(Debug, PartialEq, Eq)]
pub enum Pause {
    /// All of it was told.
    Over,
    /// Here the dispatcher is restarted.
    Restart,
    /// The dispatcher is not there.
    Gone,
    /// The dispatcher says what it must not say.
    Wrong(String),
}

/// A request and its answer.
pub type Exchange = (Request, Reply);

/// What the runner has in hand, and keeps until its report is recorded.
#[derive(Debug)]
struct Held {
    commit: CommitId,
    attempt: Attempt,
    printed: Vec<u8>,
    /// How much of it the dispatcher says that it has.
    kept: u64,
}

/// Those who tell the story, and how far they are.
#[derive(Debug)]
pub struct Teller<'a> {
    yard: &'a Yard,
    interlude: Interlude,
    step: usize,
    /// Whether the current step was begun before the dispatcher was away.
    is_begun: bool,
    held: Option<Held>,
    client: Option<Client>,
    runner: Option<Client>,
    is_registered: bool,
    /// Whether output that was kept may be gone: it is not synced before its report.
    may_lose_output: bool,
    /// What is answered while there is nobody to ask.
    rehearsal: Option<VecDeque<Reply>>,
    /// All that was said and answered.
    pub heard: Vec<Exchange>,
}

impl<'a> Teller<'a> {
    /// From the beginning.
    pub fn new(yard: &'a Yard, interlude: Interlude) -> Teller<'a> {
        Teller {
            yard,
            interlude,
            step: 0,
            is_begun: false,
            held: None,
            client: None,
            runner: None,
            is_registered: false,
            may_lose_output: false,
            rehearsal: None,
            heard: Vec::new(),
        }
    }

    /// From where it is after these exchanges, when the power has failed.
    pub fn after(yard: &'a Yard, interlude: Interlude, heard: &[Exchange]) -> Teller<'a> {
        let replies = heard.iter().map(|(_, reply)| reply.clone()).collect();
        let mut teller = Teller { rehearsal: Some(replies), ..Teller::new(yard, interlude) };
        while teller.tell() == Pause::Restart {
            teller.hang_up();
        }
        teller.hang_up();
        Teller { rehearsal: None, may_lose_output: true, ..teller }
    }

    /// Tells it until it stops.
    pub fn tell(&mut self) -> Pause {
        while let Some(step) = STEPS.get(self.step) {
            let restarts = match self.interlude {
                Interlude::Restart => Step::Interlude,
                Interlude::Meddling => Step::Restart,
            };
            if *step == restarts {
                self.step += 1;
                return Pause::Restart;
            }
            if let Err(pause) = self.perform(*step) {
                self.is_begun = true;
                return pause;
            }
            self.is_begun = false;
            self.step += 1;
        }
        Pause::Over
    }

    /// Forgets the connections: the dispatcher was away.
    pub fn hang_up(&mut self) {
        (self.client, self.runner, self.is_registered) = (None, None, false);
    }

    fn perform(&mut self, step: Step) -> Result<(), Pause> {
        match step {
            Step::Submit(number) => {
                let (commit, request) = (made_up(number), submission(number, PROJECT));
                let reply = self.ask(Role::Client, Request::Submit(request))?;
                let is_new = |new| reply == Reply::Accepted { commit, new };
                self.expect(is_new(true) || self.is_begun && is_new(false), &reply)
            }
            Step::Take(number) => self.take(made_up(number)),
            Step::Print(lines) => self.print(lines),
            Step::Report(verdict) => self.report(verdict),
            Step::GiveBack => self.give_back(),
            Step::Cancel(number) => self.change(Request::Cancel { commit: made_up(number) }),
            Step::Retry(number) => self.change(Request::Retry { commit: made_up(number) }),
            Step::Restart => Ok(()),
            Step::Interlude => self.meddle(),
        }
    }

    /// Removes the index of the write-ahead log: nothing is lost with it, and SQLite does not notice.
    fn meddle(&mut self) -> Result<(), Pause> {
        if self.rehearsal.is_none() {
            fs::remove_file(self.yard.path().join("test_results/.pontus/pontus.db-shm")).ok();
        }
        self.hang_up();
        Ok(())
    }

    /// Has something done by the user's word. Where it was done before, and only not heard, it is refused.
    fn change(&mut self, request: Request) -> Result<(), Pause> {
        let reply = self.ask(Role::Client, request)?;
        let was_done = self.is_begun && matches!(reply, Reply::Error { .. });
        self.expect(was_done || reply == Reply::Done {}, &reply)
    }

    fn take(&mut self, expected: CommitId) -> Result<(), Pause> {
        self.come_back()?;
        let reply = self.ask(Role::Runner, Request::Ready {})?;
        let Reply::Assigned { commit, attempt, .. } = reply else { return wrong(&reply) };
        self.held = Some(Held { commit, attempt, printed: Vec::new(), kept: 0 });
        self.expect(commit == expected, &reply)
    }

    fn print(&mut self, lines: usize) -> Result<(), Pause> {
        if !self.is_begun
            && let Some(held) = &mut self.held
        {
            held.printed.extend(output(held.commit, held.attempt, lines));
        }
        self.come_back()?;
        self.deliver()
    }

    fn report(&mut self, verdict: Verdict) -> Result<(), Pause> {
        self.come_back()?;
        // Back from a break it may have learnt that only the answer was lost.
        while let Some(held) = &self.held {
            let request = report(held.commit, held.attempt, held.printed.len() as u64, verdict);
            match self.ask(Role::Runner, request)? {
                Reply::Recorded {} => self.held = None,
                Reply::Kept { output_bytes } => self.keep(output_bytes)?,
                other => return wrong(&other),
            }
            self.deliver()?;
        }
        Ok(())
    }

    fn give_back(&mut self) -> Result<(), Pause> {
        self.come_back()?;
        let Some(held) = &self.held else { return Ok(()) };
        let request = Request::GiveBack { commit: held.commit, attempt: held.attempt };
        let reply = self.ask(Role::Runner, request)?;
        self.held = None;
        self.expect(reply == Reply::Returned {}, &reply)
    }

    /// Sends what the dispatcher has not yet.
    fn deliver(&mut self) -> Result<(), Pause> {
        while let Some(held) = &self.held
            && held.kept < held.printed.len() as u64
        {
            let (commit, attempt, offset) = (held.commit, held.attempt, held.kept);
            let data = Bytes(held.printed[offset as usize..].to_vec());
            match self.ask(Role::Runner, Request::Output { commit, attempt, offset, data })? {
                Reply::Kept { output_bytes } => self.keep(output_bytes)?,
                other => return wrong(&other),
            }
        }
        Ok(())
    }

    fn keep(&mut self, output_bytes: u64) -> Result<(), Pause> {
        let Some(held) = &mut self.held else { return Ok(()) };
        let most = held.printed.len() as u64;
        let least = if self.may_lose_output { 0 } else { held.kept };
        held.kept = output_bytes;
        if !(least..=most).contains(&output_bytes) {
            let why = format!("{output_bytes} bytes of output are there, not {least} to {most}");
            return Err(Pause::Wrong(why));
        }
        Ok(())
    }

    /// Registers where the connection is new, and says `beat` before anything else of what it has.
    fn come_back(&mut self) -> Result<(), Pause> {
        if self.is_registered {
            return Ok(());
        }
        let (instance, project) = (INSTANCE.parse().unwrap(), PROJECT.parse().unwrap());
        let labels = Vec::new();
        let reply = self.ask(Role::Runner, Request::Register { instance, project, labels })?;
        self.expect(matches!(reply, Reply::Registered { .. }), &reply)?;
        self.is_registered = true;
        let Some(Held { commit, attempt, .. }) = self.held else { return Ok(()) };
        match self.ask(Role::Runner, Request::Beat { commit, attempt, progress: None })? {
            Reply::Kept { output_bytes } => self.keep(output_bytes),
            reply => {
                // It has reported or given back, and only not heard the answer.
                let step = STEPS[self.step];
                let fits = match step {
                    Step::Report(_) => reply == Reply::Recorded {},
                    _ => step == Step::GiveBack && matches!(reply, Reply::Error { .. }),
                };
                self.held = None;
                self.expect(fits && self.is_begun, &reply)
            }
        }
    }

    fn expect(&self, is_right: bool, reply: &Reply) -> Result<(), Pause> {
        if is_right { Ok(()) } else { wrong(reply) }
    }

    fn ask(&mut self, role: Role, request: Request) -> Result<Reply, Pause> {
        let reply = match &mut self.rehearsal {
            Some(replies) => replies.pop_front(),
            None => self.ask_dispatcher(role, &request),
        };
        let reply = reply.ok_or(Pause::Gone)?;
        self.heard.push((request, reply.clone()));
        Ok(reply)
    }

    /// None where there is no dispatcher any more.
    fn ask_dispatcher(&mut self, role: Role, request: &Request) -> Option<Reply> {
        let line = if role == Role::Runner { &mut self.runner } else { &mut self.client };
        if line.is_none() {
            *line = connect(self.yard, role);
        }
        match line.as_mut()?.ask(request) {
            Ok(reply) => Some(reply),
            // It starts over, and has done nothing.
            Err(ClientError::Refused { code: Code::StorageFull, .. }) => {
                *line = None;
                self.ask_dispatcher(role, request)
            }
            Err(ClientError::Refused { code, message }) => Some(Reply::Error { code, message }),
            Err(_) => None,
        }
    }
}

/// A greeted connection, if somebody listens. On a busy machine a greeting may take longer than a client has time for.
pub fn connect(yard: &Yard, role: Role) -> Option<Client> {
    let name = Some(RUNNER.parse().unwrap());
    let caller = Caller { role, name, tokens: Ok(vec![yard.token()]) };
    loop {
        match Client::connect(&yard.server(), &caller) {
            Err(ClientError::Lost(ReadError::TimedOut)) => {}
            result => return result.ok(),
        }
    }
}

fn wrong(reply: &Reply) -> Result<(), Pause> {
    Err(Pause::Wrong(format!("answered {reply:?}")))
}

fn report(commit: CommitId, attempt: Attempt, output_bytes: u64, verdict: Verdict) -> Request {
    match passed((commit, attempt), output_bytes) {
        Request::Report { commit, attempt, mut report } => {
            report.verdict = verdict;
            Request::Report { commit, attempt, report }
        }
        other => other,
    }
}

/// Lines that are nobody else's, and of which each is another, so that one that is missing or misplaced is seen.
fn output(commit: CommitId, attempt: Attempt, lines: usize) -> Vec<u8> {
    let line = |number| format!("{}: attempt {attempt} of {lines} prints line {number}\n", commit);
    (0..lines).map(line).collect::<String>().into_bytes()
}

/// All that an attempt of the story prints.
pub fn printed(commit: CommitId, attempt: Attempt) -> Vec<u8> {
    let mut taken = 0;
    let mut is_it = false;
    let mut all = Vec::new();
    for step in STEPS {
        match step {
            Step::Take(number) => {
                taken += u32::from(made_up(number) == commit);
                is_it = made_up(number) == commit && taken == attempt.0;
            }
            Step::Print(lines) if is_it => all.extend(output(commit, attempt, lines)),
            _ => {}
        }
    }
    all
}
