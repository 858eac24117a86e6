//! The words in which a run is told to whoever reads its trace. Ids are short: commits by the digits that differ, runners'
//! processes by number and life.

use pontus_proto::{Attempt, CommitId, InstanceId, Label};
use pontus_scheduler::{Answer, Config, Event, Record, Submission, Why};

use crate::ledger::{Course, Run};
use crate::network::{Reply, Request};

/// How many digits of a commit's id tell it from the others in its world.
const COMMIT_DIGITS: usize = 4;

/// A commit.
pub fn id(commit: CommitId) -> String {
    commit.to_string()[..COMMIT_DIGITS].to_owned()
}

/// Whether a word is what [`id`] makes of a commit. Each begins with the same two digits, as the world names them.
pub fn is_id(word: &str) -> bool {
    word.len() == COMMIT_DIGITS && word.starts_with("c0")
}

/// One of its attempts; the commit alone where there is none.
pub fn try_of(commit: CommitId, attempt: Attempt) -> String {
    if attempt.0 == 0 { id(commit) } else { format!("{}/{attempt}", id(commit)) }
}

/// A runner's process.
pub fn process(instance: &InstanceId) -> String {
    // As the runners draw them: two digits are who, the next two which of its lives.
    format!("process {}", &instance.as_str()[..4])
}

pub fn submission(submission: &Submission) -> String {
    let branch = submission.branch.as_ref().map_or("no branch", |branch| branch.as_str());
    let (commit, project) = (id(submission.commit), &submission.project);
    format!("{commit} of {project} on {branch}, wants {}", listed(&submission.labels))
}

pub fn listed(labels: &[Label]) -> String {
    let labels: Vec<_> = labels.iter().map(Label::as_str).collect();
    if labels.is_empty() { "nothing".to_owned() } else { labels.join(" and ") }
}

/// A run of tests, as it really was.
pub fn run(run: &Run) -> String {
    let how = match run.course {
        Course::Testing => "still testing",
        Course::Finished => "finished",
        Course::GivenUp => "given up",
    };
    format!("a run of {} by {}, {how}", try_of(run.commit, run.attempt), process(&run.instance))
}

pub fn request(request: &Request) -> String {
    match request {
        Request::Submit(submitted) => format!("submit {}", submission(submitted)),
        Request::Register { name, instance, project, labels } => {
            let (process, labels) = (process(instance), listed(labels));
            format!("register {name}, {process}, for {project}, has {labels}")
        }
        Request::Ready => "ready".to_owned(),
        Request::Beat { commit, attempt } => format!("beat {}", try_of(*commit, *attempt)),
        Request::Output { commit, attempt, offset, bytes } => {
            format!("output {}, {bytes} bytes at {offset}", try_of(*commit, *attempt))
        }
        Request::Report { commit, attempt, run } => {
            format!("report {} (run {})", try_of(*commit, *attempt), run.0)
        }
        Request::GiveBack { commit, attempt } => format!("give back {}", try_of(*commit, *attempt)),
        Request::Cancel(commit) => format!("cancel {}", id(*commit)),
        Request::Retry(commit) => format!("retry {}", id(*commit)),
        Request::Drain(runner) => format!("drain {runner}"),
        Request::Pause(true) => "pause".to_owned(),
        Request::Pause(false) => "resume".to_owned(),
        Request::Watch { commit, wait_ms: u64::MAX } => format!("wait for {}", id(*commit)),
        Request::Watch { commit, wait_ms } => format!("wait {wait_ms} ms for {}", id(*commit)),
        Request::Look(commit) => format!("status, and show {}", id(*commit)),
    }
}

pub fn event(event: &Event) -> String {
    let on = |what: &str, commit: &CommitId, attempt: &Attempt| {
        format!("{what} {}", try_of(*commit, *attempt))
    };
    match event {
        Event::Submitted { submission, .. } => format!("submit {}", id(submission.commit)),
        Event::Registered { instance, .. } => format!("register {}", process(instance)),
        Event::Ready { .. } => "ready".to_owned(),
        Event::Beat { commit, attempt, .. } => on("beat", commit, attempt),
        Event::Reported { commit, attempt, .. } => on("report", commit, attempt),
        Event::GaveBack { commit, attempt, .. } => on("give back", commit, attempt),
        Event::Cancelled { commit, .. } => format!("cancel {}", id(*commit)),
        Event::Retried { commit, .. } => format!("retry {}", id(*commit)),
        Event::Drained { runner, .. } => format!("drain {runner}"),
        Event::Paused { paused: true, .. } => "pause".to_owned(),
        Event::Paused { paused: false, .. } => "resume".to_owned(),
        Event::Watched { commit, .. } => format!("wait for {}", id(*commit)),
        Event::Ended { unheard: true, .. } => "the end, the assignment undelivered".to_owned(),
        Event::Ended { unheard: false, .. } => "the end".to_owned(),
        Event::Ticked => "its clock: something is due".to_owned(),
    }
}

pub fn record(record: &Record) -> String {
    match record {
        Record::Submitted { submission, place } => {
            format!("{} queued at place {place}", id(submission.commit))
        }
        Record::Assigned { commit, attempt, runner, instance } => {
            format!("{} runs on {runner}, {}", try_of(*commit, *attempt), process(instance))
        }
        Record::Lost { commit, attempt } => {
            format!("{} lost its runner; queued again", try_of(*commit, *attempt))
        }
        Record::GivenBack { commit, attempt } => {
            format!("{} given back; queued again", try_of(*commit, *attempt))
        }
        Record::Decided { commit, attempt, why } => {
            format!("{} decided: {}", try_of(*commit, *attempt), reason(*why))
        }
        Record::Retried { commit, place } => {
            format!("{} queued again at place {place}, at a user's word", id(*commit))
        }
        Record::Paused(true) => "paused".to_owned(),
        Record::Paused(false) => "resumed".to_owned(),
    }
}

fn reason(why: Why) -> String {
    match why {
        Why::Report => "by its report".to_owned(),
        Why::RunnersLost(count) => format!("error, {count} runners lost"),
        Why::Cancelled => "cancelled".to_owned(),
        Why::GaveWay(newer) => format!("gave way to {}", id(newer)),
    }
}

pub fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Accepted { commit, new: true } => format!("accepted {}, new", id(*commit)),
        Answer::Accepted { commit, new: false } => format!("accepted {}, known", id(*commit)),
        Answer::Full { undecided_max } => format!("queue full, {undecided_max} undecided"),
        Answer::Registered { runner } => format!("registered as {runner}"),
        Answer::Assigned { commit, attempt, .. } => {
            format!("assigned {}", try_of(*commit, *attempt))
        }
        Answer::Idle => "idle".to_owned(),
        Answer::Leave => "leave".to_owned(),
        Answer::Kept => "kept".to_owned(),
        Answer::Recorded => "recorded".to_owned(),
        Answer::Returned => "returned".to_owned(),
        Answer::Stale => "stale".to_owned(),
        Answer::Unregistered => "register first".to_owned(),
        Answer::Replaced => "this runner has dialled again".to_owned(),
        Answer::Done => "done".to_owned(),
        Answer::Unknown => "unknown".to_owned(),
        Answer::Undecided => "undecided".to_owned(),
        Answer::Decided => "decided".to_owned(),
    }
}

pub fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Said(said) => answer(said),
        Reply::Kept(bytes) => format!("kept, {bytes} bytes are here"),
        Reply::BeatFirst => "beat first".to_owned(),
        Reply::Told(overview, waits_for) => {
            let (queued, running) = (overview.queued, overview.running);
            let waits_for =
                waits_for.map_or_else(String::new, |why| format!(", waits for {why:?}"));
            let paused = if overview.paused { ", paused" } else { "" };
            format!("{queued} queued, {running} running{paused}{waits_for}")
        }
    }
}

/// The rules by which a world's scheduler decides, and the clock by which it does.
pub fn rules(config: &Config, grain_ms: u64) -> String {
    let Config { lease_ms, reconnect_grace_ms, undecided_max, attempts_max, .. } = config;
    let Config { attempt_ms_max, poll_ms, policy, .. } = config;
    format!(
        "lease {lease_ms} ms, reconnect grace {reconnect_grace_ms} ms, an attempt {attempt_ms_max} ms, \
         a poll {poll_ms} ms, {attempts_max} attempts, {undecided_max} undecided, policy {policy:?}, \
         a clock of {grain_ms} ms"
    )
}

/// Ids as they are printed at length are a few digits and then zeros; only the digits tell anything.
pub fn short(text: &str) -> String {
    text.replace(&"0".repeat(36), "").replace(&"0".repeat(28), "")
}
