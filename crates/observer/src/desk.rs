//! Where commits are handed in: the dispatcher, as the observer knows it.

use std::time::{Duration, Instant};

use pontus_cli::Door;
use pontus_proto::{
    About, Client, ClientError, CommitId, ProjectName, Reply, Request, Role, Submission,
};

use crate::pace::Pause;
use crate::plan::Handed;

/// The dispatcher, and whether it wants to be left alone.
#[derive(Debug)]
pub struct Desk {
    door: Door,
    project: ProjectName,
    interval: Duration,
    pause: Pause,
}

impl Desk {
    /// A desk that has not been asked anything yet.
    pub fn new(door: &Door, project: ProjectName, interval: Duration) -> Desk {
        Desk { door: door.clone(), project, interval, pause: Pause::default() }
    }

    /// Whether it has refused so lately that it is too early to ask again.
    pub fn is_closed(&self) -> bool {
        self.pause.is_on(Instant::now())
    }

    /// The user cannot wait.
    pub fn open_now(&mut self) {
        self.pause.end();
    }

    /// Dials.
    ///
    /// # Errors
    /// As the client.
    pub fn connect(&mut self) -> Result<Client, ClientError> {
        let connected = self.door.connect(Role::Observer, None);
        self.learn(connected)
    }

    /// Hands one commit in. When this returns, it is on the dispatcher's disk. Says whether it was unknown there.
    ///
    /// # Errors
    /// As the client.
    pub fn submit(
        &mut self,
        client: &mut Client,
        handed: &Handed,
        about: Option<About>,
    ) -> Result<bool, ClientError> {
        let request = Request::Submit(submission(&self.project, handed, about));
        let answer = client.ask(&request);
        let is_new = self.learn(answer.and_then(|reply| accepted(handed.commit, &reply)))?;
        self.pause.end();
        Ok(is_new)
    }

    /// A dispatcher that says no is left alone for a while. One that is not there is not: it costs nobody anything to look
    /// for it, and it should be found soon when it is back.
    fn learn<T>(&mut self, result: Result<T, ClientError>) -> Result<T, ClientError> {
        if let Err(ClientError::Refused { .. } | ClientError::Garbled(_) | ClientError::Unfitting) =
            &result
        {
            self.pause.begin(self.interval, Instant::now());
        }
        result
    }
}

fn accepted(asked: CommitId, reply: &Reply) -> Result<bool, ClientError> {
    match reply {
        Reply::Accepted { commit, new } if *commit == asked => Ok(*new),
        _ => Err(ClientError::Unfitting),
    }
}

fn submission(project: &ProjectName, handed: &Handed, about: Option<About>) -> Submission {
    Submission {
        commit: handed.commit,
        project: project.clone(),
        branch: Some(handed.branch.clone()),
        previous: handed.previous,
        skipped: handed.skipped.clone(),
        skipped_unnamed: handed.skipped_unnamed,
        labels: Vec::new(),
        about,
    }
}
