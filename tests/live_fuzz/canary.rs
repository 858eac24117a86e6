//! Somebody who speaks as it should, and has to be served within a second whatever others do.

use std::fs;
use std::time::{Duration, Instant};

use pontus_proto::{
    Bytes, Caller, Client, CommitId, ProjectName, Reply, Request, Role, State, Submission, Token,
};
use pontus_tests::{Process, Yard, last_line, passed};

/// How long it waits for anything that it asks.
const SERVED: Duration = Duration::from_secs(1);

/// How long it rests between two rounds: so long an answer may be waited for.
const REST_MS: u64 = 20;

/// What its test prints.
const PRINTED: &[u8] = b"tweet\n";

/// The canary: its own commit, of a project that nobody else knows of.
pub struct Canary {
    server: String,
    tokens: Vec<Token>,
    commit: CommitId,
    /// Its project.
    digits: &'static str,
    /// A connection that it keeps.
    kept: Client,
    rounds: u32,
    /// How long the longest round took, all of its questions together.
    slowest: Duration,
}

impl Canary {
    /// One whose commit, and whatever else it is called by, is made of these two digits. It hands its commit in.
    pub fn new(yard: &Yard, no_auth: bool, digits: &'static str) -> Canary {
        let read = || fs::read_to_string(yard.token_file()).unwrap().trim_end().parse().unwrap();
        let tokens = if no_auth { vec![] } else { vec![read()] };
        let server = yard.server();
        let kept = dial(&server, &tokens, Role::Client);
        let commit = digits.repeat(20).parse().unwrap();
        let canary =
            Canary { server, tokens, commit, digits, kept, rounds: 0, slowest: Duration::ZERO };
        assert!(canary.submits(), "the canary's commit is new");
        canary
    }

    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    pub fn slowest(&self) -> Duration {
        self.slowest
    }

    fn project(&self) -> ProjectName {
        self.digits.parse().unwrap()
    }

    /// On a connection of its own; whether the commit was new.
    fn submits(&self) -> bool {
        let mut client = dial(&self.server, &self.tokens, Role::Observer);
        let submission = Submission {
            commit: self.commit,
            project: self.project(),
            branch: None,
            previous: None,
            skipped: vec![],
            skipped_unnamed: 0,
            labels: vec![],
            about: None,
        };
        let Reply::Accepted { commit, new } = ask(&mut client, &Request::Submit(submission)) else {
            panic!("the canary's commit was not accepted")
        };
        assert_eq!(commit, self.commit);
        new
    }

    /// One round: a new connection hands the commit in once more, the old one asks for it, and for how things are.
    pub fn is_served(&mut self) {
        self.rounds += 1;
        let begun = Instant::now();
        assert!(!self.submits(), "the canary's commit was forgotten");
        let shown = ask(&mut self.kept, &Request::Show { commit: self.commit });
        assert!(matches!(shown, Reply::Shown(_)), "{shown:?}");
        let status = ask(&mut self.kept, &Request::Status { commits: 5 });
        assert!(matches!(status, Reply::Status(_)), "{status:?}");
        let wait = Request::Wait { commit: self.commit, wait_ms: REST_MS };
        let waited = ask(&mut self.kept, &wait);
        assert!(matches!(waited, Reply::Waited { .. }), "{waited:?}");
        self.slowest = self.slowest.max(begun.elapsed());
    }

    /// A runner of its own tests the commit, and prints something. What strangers did to the queue as a whole is put right first.
    pub fn gets_its_verdict(&mut self, dispatcher: &Process) {
        assert_eq!(ask(&mut self.kept, &Request::Resume {}), Reply::Done {});
        let mut runner = dial(&self.server, &self.tokens, Role::Runner);
        let instance = self.digits.repeat(16).parse().unwrap();
        let project = self.project();
        ask(&mut runner, &Request::Register { instance, project, labels: vec![] });
        let Reply::Assigned { commit, attempt, .. } = ask(&mut runner, &Request::Ready {}) else {
            panic!("the canary's runner was given nothing")
        };
        assert_eq!(commit, self.commit);
        let data = Bytes(PRINTED.to_vec());
        let output_bytes = PRINTED.len() as u64;
        let kept = ask(&mut runner, &Request::Output { commit, attempt, offset: 0, data });
        assert_eq!(kept, Reply::Kept { output_bytes });
        let recorded = ask(&mut runner, &passed((commit, attempt), output_bytes));
        assert_eq!(recorded, Reply::Recorded {});
        dispatcher.wait_for(&format!("{commit}: verdict "));
        let waited = ask(&mut self.kept, &Request::Wait { commit, wait_ms: REST_MS });
        assert!(matches!(waited, Reply::Waited { state: State::Done, .. }), "{waited:?}");
    }

    pub fn was_handed_in_once(&self, yard: &Yard) {
        let id = self.commit.to_string();
        let result = yard.result_now(&id).unwrap();
        assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
        let query = format!("SELECT count(*) FROM commits WHERE project = '{}'", self.digits);
        assert_eq!(yard.ask_database(&query), ["1"]);
    }
}

fn dial(server: &str, tokens: &[Token], role: Role) -> Client {
    let name = Some("canary".parse().unwrap());
    let caller = Caller { role, name, tokens: Ok(tokens.to_vec()) };
    let begun = Instant::now();
    let dialled = Client::connect_within(SERVED, server, &caller);
    dialled.unwrap_or_else(|error| panic!("the canary after {:?}: {error}", begun.elapsed()))
}

fn ask(client: &mut Client, request: &Request) -> Reply {
    let begun = Instant::now();
    let answer = client.ask_within(SERVED, request);
    answer.unwrap_or_else(|error| panic!("the canary after {:?}: {error}", begun.elapsed()))
}
