//! Between the words on the wire and the scheduler's: two small translations, each total.

use pontus_proto::{Attempt, Code, CommitId, Progress, Reply, Request, Role, RunnerLine, WaitsFor};
use pontus_scheduler::{Answer, Event, RunnerView, SessionId, Submission, Time};

use crate::engine::Enclosed;
use crate::mailbox::Silence;
use crate::trust::Peer;

/// What a request means to the scheduler, or why it cannot be said by this role. `hello`, `output` and what only asks mean
/// nothing to it: the session deals with them.
pub fn event(
    session: SessionId,
    peer: &Peer,
    request: Request,
) -> Result<(Event, Enclosed), Reply> {
    match (peer.role, request) {
        (Role::Client, ref request) if let Some(event) = client_event(session, request) => {
            Ok((event, Enclosed::Nothing))
        }
        (Role::Observer | Role::Client, Request::Submit(enclosed)) => {
            let submission = Submission {
                commit: enclosed.commit,
                project: enclosed.project.clone(),
                branch: enclosed.branch.clone(),
                labels: enclosed.labels.clone(),
            };
            let enclosed = Enclosed::Submission(Box::new(enclosed));
            Ok((Event::Submitted { session, submission }, enclosed))
        }
        (Role::Runner, Request::Register { instance, project, labels }) => {
            let Some(name) = peer.name.clone() else {
                return Err(refusal(Code::Unexpected, "a runner says its name in hello"));
            };
            Ok((Event::Registered { session, name, instance, project, labels }, Enclosed::Nothing))
        }
        (Role::Runner, Request::Ready {}) => Ok((Event::Ready { session }, Enclosed::Nothing)),
        (Role::Runner, Request::Beat { commit, attempt, progress: _ }) => {
            Ok((Event::Beat { session, commit, attempt }, Enclosed::Nothing))
        }
        (Role::Runner, Request::Report { commit, attempt, report }) => {
            let enclosed = Enclosed::Report(Box::new(report));
            Ok((Event::Reported { session, commit, attempt }, enclosed))
        }
        (Role::Runner, Request::GiveBack { commit, attempt }) => {
            Ok((Event::GaveBack { session, commit, attempt }, Enclosed::Nothing))
        }
        (role, request) => Err(refusal(Code::Unexpected, unexpected(role, &request))),
    }
}

/// What a client wants done; none where the scheduler has nothing to do with it.
fn client_event(session: SessionId, request: &Request) -> Option<Event> {
    Some(match *request {
        Request::Wait { commit, wait_ms } => Event::Watched { session, commit, wait_ms },
        // The engine adds what the disk knows of it.
        Request::Retry { commit } => Event::Retried { session, commit, stored: None },
        Request::Cancel { commit } => Event::Cancelled { session, commit },
        Request::Drain { ref runner } => Event::Drained { session, runner: runner.clone() },
        Request::Pause {} => Event::Paused { session, paused: true },
        Request::Resume {} => Event::Paused { session, paused: false },
        _ => return None,
    })
}

/// What an answer of the scheduler is on the wire.
pub fn reply(answer: Answer, context: &Context) -> Reply {
    match answer {
        Answer::Accepted { commit, new } => Reply::Accepted { commit, new },
        Answer::Full { undecided_max } => {
            let message = format!("{undecided_max} commits wait for a verdict, no more may");
            refusal(Code::QueueFull, message)
        }
        Answer::Registered { runner } => Reply::Registered { runner, lease_ms: context.lease_ms },
        Answer::Assigned { commit, attempt, branch } => {
            Reply::Assigned { commit, attempt, branch, timeout_ms: context.attempt_timeout_ms }
        }
        Answer::Idle => Reply::Idle {},
        Answer::Kept => Reply::Kept { output_bytes: context.output_bytes },
        Answer::Recorded => Reply::Recorded {},
        Answer::Returned => Reply::Returned {},
        Answer::Stale => stale(),
        Answer::Unregistered => refusal(Code::Unexpected, "register first"),
        Answer::Leave => Reply::Leave {},
        Answer::Done => Reply::Done {},
        Answer::Unknown if context.is_about_runner => {
            refusal(Code::UnknownRunner, "no runner is called that")
        }
        Answer::Unknown => refusal(Code::UnknownCommit, "no commit is called that"),
        Answer::Undecided => refusal(Code::Undecided, "the commit has no verdict yet"),
        Answer::Decided => refusal(Code::Decided, "the commit has its verdict already"),
        Answer::Replaced => refusal(Code::Unexpected, "this runner has dialled again"),
    }
}

/// What the wire says beyond the scheduler's answer.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// How long a lease is, in milliseconds.
    pub lease_ms: u64,
    /// How long an attempt may take, in milliseconds.
    pub attempt_timeout_ms: u64,
    /// How much of the attempt's output is here.
    pub output_bytes: u64,
    /// Whether the question was about a runner, not a commit.
    pub is_about_runner: bool,
}

/// What a queued commit waits for.
pub fn waits_for(waits_for: pontus_scheduler::WaitsFor) -> WaitsFor {
    match waits_for {
        pontus_scheduler::WaitsFor::Resume => WaitsFor::Resume,
        pontus_scheduler::WaitsFor::Runner => WaitsFor::Runner,
        pontus_scheduler::WaitsFor::Labels => WaitsFor::Labels,
        pontus_scheduler::WaitsFor::Turn => WaitsFor::Turn,
    }
}

/// A runner as clients are told of it, `now` and at the time of day `wall_ms`.
pub fn runner_line(view: RunnerView, now: Time, wall_ms: i64) -> RunnerLine {
    let ago_ms = |time: Time| now.0.saturating_sub(time.0);
    let since_ms = |time| wall_ms.saturating_sub_unsigned(ago_ms(time));
    RunnerLine {
        runner: view.runner,
        project: view.project,
        labels: view.labels,
        testing: view.testing.map(|(commit, _)| commit),
        since_ms: view.testing.map(|(_, since)| since_ms(since)),
        last_heard_ms: ago_ms(view.heard),
        connected: view.is_connected,
        draining: view.is_draining,
    }
}

/// What a request is about, as far as its session draws conclusions from the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An attempt that its runner is at work on, and how far it has come.
    Beat(CommitId, Attempt, Option<Progress>),
    /// A commit whose verdict is waited for.
    Watched(CommitId),
    /// A runner.
    Runner,
    /// Nothing of these.
    Other,
}

impl Subject {
    /// Whether the session has nothing to add to the answer: neither what the database knows, nor how much output is here.
    pub fn is_answered_by_the_engine_alone(&self) -> bool {
        !matches!(self, Subject::Watched(_) | Subject::Beat(..))
    }

    /// What `request` is about.
    pub fn of(request: &Request) -> Subject {
        match request {
            Request::Beat { commit, attempt, progress } => {
                Subject::Beat(*commit, *attempt, progress.clone())
            }
            Request::Wait { commit, .. } => Subject::Watched(*commit),
            Request::Drain { .. } => Subject::Runner,
            _ => Subject::Other,
        }
    }
}

/// An `error` reply.
pub fn refusal(code: Code, message: impl Into<String>) -> Reply {
    Reply::Error { code, message: message.into() }
}

/// What is said where no answer comes.
pub fn silence(silence: Silence) -> Reply {
    match silence {
        Silence::StartedOver => {
            refusal(Code::StorageFull, "the dispatcher's disk did not take it; try again")
        }
        Silence::Left => leaving(),
    }
}

/// The attempt is somebody else's, or nobody's.
pub fn stale() -> Reply {
    refusal(Code::Stale, "the attempt is not yours any more")
}

/// The dispatcher ends.
pub fn leaving() -> Reply {
    refusal(Code::Stopping, "the dispatcher is leaving")
}

fn unexpected(role: Role, request: &Request) -> &'static str {
    match (role, request) {
        (_, Request::Hello { .. } | Request::Prove { .. }) => "the greeting is over",
        (Role::Observer, _) => "an observer may only submit",
        (Role::Runner, _) => "a runner may not say that",
        (Role::Client, _) => "a client may not speak for a runner",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId(7);

    fn request(line: &str) -> Request {
        pontus_proto::decode_request(line.as_bytes()).unwrap()
    }

    fn requests() -> Vec<Request> {
        let id = "0".repeat(40);
        [
            r#"{"type":"hello","protocol":1,"role":"runner"}"#.to_owned(),
            format!(r#"{{"type":"submit","commit":"{id}","project":"p"}}"#),
            format!(r#"{{"type":"register","instance":"{}","project":"p"}}"#, "a".repeat(32)),
            r#"{"type":"ready"}"#.to_owned(),
            format!(r#"{{"type":"beat","commit":"{id}","attempt":1}}"#),
            format!(r#"{{"type":"output","commit":"{id}","attempt":1,"offset":0,"data":""}}"#),
            format!(r#"{{"type":"give_back","commit":"{id}","attempt":1}}"#),
        ]
        .iter()
        .map(|line| request(line))
        .collect()
    }

    #[test]
    fn a_role_may_say_its_own_lines_only() {
        let allowed = |role| {
            let say = |request| {
                event(SESSION, &Peer { role, name: Some("oak".parse().unwrap()) }, request).is_ok()
            };
            requests().into_iter().map(say).collect::<Vec<_>>()
        };
        assert_eq!(allowed(Role::Observer), [false, true, false, false, false, false, false]);
        assert_eq!(allowed(Role::Runner), [false, false, true, true, true, false, true]);
    }
}
