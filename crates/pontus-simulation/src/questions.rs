//! The questions: who is connected, what each has asked, and since when. The checkers' own view of the protocol.

use std::collections::BTreeMap;

use pontus_proto::{CommitId, InstanceId, Label, ProjectName};
use pontus_scheduler::{Answer, Config, Event, SessionId, Submission, Time};

use crate::check::{Broken, hold};
use crate::words;

/// A question that the scheduler was asked, by whom, and when.
#[derive(Debug, Clone)]
pub struct Question {
    pub asked: Time,
    pub event: Event,
    /// Which runner the session belongs to, where it is one.
    pub instance: Option<InstanceId>,
}

impl Question {
    /// Until when it may be without an answer, where it is one that waits.
    fn waits_until(&self, config: &Config) -> Time {
        let wanted_ms = match self.event {
            Event::Watched { wait_ms, .. } => wait_ms,
            _ => u64::MAX,
        };
        self.asked.after(wanted_ms.min(config.poll_ms))
    }
}

/// What is known of a runner for as long as the dispatcher runs.
#[derive(Debug)]
pub struct Known {
    project: ProjectName,
    labels: Vec<Label>,
    /// Its latest connection, while that has not ended.
    pub session: Option<SessionId>,
    /// When it last said something that prolongs a lease.
    pub heard: Time,
    /// When its connection ended, where it has none.
    pub ended: Option<Time>,
}

impl Known {
    pub fn project(&self) -> &ProjectName {
        &self.project
    }

    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Whether the commit is of its project, and asks for nothing that it has not.
    pub fn may_test(&self, submission: &Submission) -> bool {
        let has = |label: &Label| self.labels.contains(label);
        self.project == submission.project && submission.labels.iter().all(has)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Questions {
    open: BTreeMap<SessionId, Question>,
    instances: BTreeMap<SessionId, InstanceId>,
    runners: BTreeMap<InstanceId, Known>,
}

impl Questions {
    /// The scheduler is told of `event`. What a runner says of an attempt that is not its own is no sign that it has one.
    pub fn hear(&mut self, now: Time, event: &Event, is_strange: bool) -> Result<(), Broken> {
        let Some(session) = event.session() else { return Ok(()) };
        if let Event::Ended { .. } = event {
            self.end(now, session);
            return Ok(());
        }
        if let Event::Registered { instance, project, labels, .. } = event {
            let (project, labels) = (project.clone(), labels.clone());
            let known = Known { project, labels, session: Some(session), heard: now, ended: None };
            self.register(now, session, instance, known);
        }
        let instance = self.instances.get(&session).cloned();
        if let Some(known) = instance.as_ref().and_then(|found| self.runners.get_mut(found))
            && !is_strange
        {
            known.heard = now;
        }
        let question = Question { asked: now, event: event.clone(), instance };
        let before = self.open.insert(session, question);
        hold(before.is_none(), || format!("#{} asks before it was answered", session.0))
    }

    fn register(&mut self, now: Time, at: SessionId, who: &InstanceId, known: Known) {
        self.part(now, at);
        if let Some(old) = self.runners.get(who).and_then(|known| known.session) {
            self.instances.remove(&old);
        }
        self.instances.insert(at, who.clone());
        self.runners.insert(who.clone(), known);
    }

    fn end(&mut self, now: Time, session: SessionId) {
        self.open.remove(&session);
        self.part(now, session);
    }

    fn part(&mut self, now: Time, session: SessionId) {
        let Some(instance) = self.instances.remove(&session) else { return };
        if let Some(known) = self.runners.get_mut(&instance) {
            known.session = None;
            known.ended = Some(now);
        }
    }

    /// The scheduler answers `session`. Returns the question that this closes.
    pub fn answer(
        &mut self,
        now: Time,
        config: &Config,
        session: SessionId,
        answer: &Answer,
    ) -> Result<Question, Broken> {
        let question = self.open.remove(&session).ok_or_else(|| {
            let answer = words::answer(answer);
            Broken::new(format!("{answer} is said to #{}, which has no open question", session.0))
        })?;
        hold(fits(&question.event, answer), || {
            format!("{} is no answer to {}", words::answer(answer), words::event(&question.event))
        })?;
        let early = *answer == Answer::Idle && now < question.waits_until(config);
        hold(!early, || format!("#{} is told Idle before its time", session.0))?;
        Ok(question)
    }

    /// Only runners that are ready and users who wait for a verdict wait, and not for longer than they may.
    pub fn none_is_overdue(&self, now: Time, config: &Config) -> Result<(), Broken> {
        self.open.iter().try_for_each(|(session, question)| {
            let waits = matches!(question.event, Event::Ready { .. } | Event::Watched { .. });
            let overdue = !waits || now >= question.waits_until(config);
            hold(!overdue, || {
                format!("#{} gets no answer to {}", session.0, words::event(&question.event))
            })
        })
    }

    /// Every open question of a runner, and what is known of that.
    pub fn of_runners(&self) -> impl Iterator<Item = (&Question, &Known)> {
        let runner_of = |question: &Question| self.runner(question.instance.as_ref()?);
        self.open.values().filter_map(move |question| Some((question, runner_of(question)?)))
    }

    /// Every commit that a user waits for.
    pub fn watched(&self) -> impl Iterator<Item = CommitId> {
        self.open.values().filter_map(|question| match question.event {
            Event::Watched { commit, .. } => Some(commit),
            _ => None,
        })
    }

    pub fn runner(&self, instance: &InstanceId) -> Option<&Known> {
        self.runners.get(instance)
    }

    /// Whose connection it is, where it is a runner's.
    pub fn instance(&self, session: SessionId) -> Option<&InstanceId> {
        self.instances.get(&session)
    }

    /// The connection of a runner that has one.
    pub fn session(&self, instance: &InstanceId) -> Option<SessionId> {
        self.runners.get(instance).and_then(|known| known.session)
    }
}

fn fits(question: &Event, answer: &Answer) -> bool {
    use Answer::{Accepted, Assigned, Decided, Done, Full, Idle, Kept, Leave, Recorded};
    use Answer::{Replaced, Returned, Stale, Undecided, Unknown, Unregistered};
    match question {
        Event::Submitted { submission, .. } => {
            matches!(answer, Accepted { commit, .. } if *commit == submission.commit)
                || matches!(answer, Full { .. })
        }
        Event::Registered { .. } => matches!(answer, Answer::Registered { .. }),
        Event::Ready { .. } => {
            matches!(answer, Assigned { .. } | Idle | Leave | Unregistered | Replaced)
        }
        Event::Beat { .. } => matches!(answer, Kept | Recorded | Stale),
        Event::Reported { .. } => matches!(answer, Recorded | Stale),
        Event::GaveBack { .. } => matches!(answer, Returned | Stale),
        Event::Cancelled { .. } => matches!(answer, Done | Decided | Unknown),
        Event::Retried { .. } => matches!(answer, Done | Undecided | Unknown),
        Event::Drained { .. } => matches!(answer, Done | Unknown),
        Event::Paused { .. } => matches!(answer, Done),
        Event::Watched { .. } => matches!(answer, Decided | Idle | Unknown),
        Event::Ended { .. } | Event::Ticked => false,
    }
}
