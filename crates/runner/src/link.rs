//! The connection of one runner to the dispatcher, dialled again for as long as it takes.

use std::time::{Duration, Instant};

use log::{info, warn};
use pontus_cli::Door;
use pontus_proto::{
    Client, ClientError, HangUp, HostName, InstanceId, Label, ProjectName, Reply, Request, Role,
    RunnerName,
};

/// The first pause before the next dial. Each further one is twice as long, until a question has been answered: a dispatcher
/// that hangs up on each of us is not helped by haste.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// The longest pause: a dispatcher that is back should have its runners back within a second.
const PAUSE_MAX: Duration = Duration::from_millis(800);

/// Who dials, and where.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Whom to dial.
    pub dispatcher: Door,
    /// What the process is called.
    pub name: HostName,
    /// Whose commits it tests.
    pub project: ProjectName,
    /// What commits may ask for.
    pub labels: Vec<Label>,
    /// Which process it is.
    pub instance: InstanceId,
}

/// The connection, or the wish for one.
#[derive(Debug)]
pub struct Link {
    identity: Identity,
    client: Option<Client>,
    next_dial: Instant,
    pause: Duration,
    lease: Duration,
    runner: Option<RunnerName>,
    trouble: Option<String>,
}

impl Link {
    /// A link that has not been dialled yet.
    pub fn new(identity: Identity) -> Link {
        Link {
            identity,
            client: None,
            next_dial: Instant::now(),
            pause: PAUSE_MIN,
            lease: Duration::from_secs(10),
            runner: None,
            trouble: None,
        }
    }

    /// Which process it speaks for.
    pub fn instance(&self) -> &InstanceId {
        &self.identity.instance
    }

    /// What the dispatcher calls it, or the process its own name, until they have met.
    pub fn name(&self) -> &str {
        self.runner.as_ref().map_or(self.identity.name.as_str(), RunnerName::as_str)
    }

    /// The lease that the dispatcher gives; its default until it has been heard.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// When to try again. The past, where the link is up or has not been tried.
    pub fn next_dial(&self) -> Instant {
        self.next_dial
    }

    /// Whether there is a registered connection, as far as is known.
    pub fn is_up(&self) -> bool {
        self.client.is_some()
    }

    /// Dials and registers within this time, unless it is up or it is too early. Says whether it is up.
    pub fn dial(&mut self, time: Duration) -> bool {
        if self.client.is_none() && Instant::now() >= self.next_dial {
            match self.register(time) {
                Ok(client) => self.came_up(client),
                Err(error) => self.went_down(&error),
            }
        }
        self.is_up()
    }

    /// Asks on a link that is up, and waits so long for the answer. A failure takes it down, except where the dispatcher just
    /// said no.
    pub fn ask(&mut self, time: Duration, request: &Request) -> Result<Reply, ClientError> {
        let closed = || ClientError::Lost(pontus_proto::ReadError::Closed);
        let result = self.client.as_mut().ok_or_else(closed)?.ask_within(time, request);
        if result.is_ok() {
            self.pause = PAUSE_MIN;
            self.trouble = None;
        }
        if let Err(error) = &result
            && !matches!(error, ClientError::Refused { .. })
        {
            self.drop_client(error);
        }
        result
    }

    /// A way to end the connection from another thread.
    pub fn hang_up(&self) -> Option<HangUp> {
        self.client.as_ref()?.hang_up().ok()
    }

    /// Takes the link down, for a peer that has stopped making sense.
    pub fn drop_client(&mut self, why: &ClientError) {
        if self.client.take().is_some() {
            self.went_down(why);
        }
    }

    fn register(&mut self, time: Duration) -> Result<Client, ClientError> {
        let Identity { dispatcher, name, project, labels, instance } = self.identity.clone();
        let until = Instant::now() + time;
        let mut client = dispatcher.connect_within(time, Role::Runner, Some(name))?;
        let left = until.saturating_duration_since(Instant::now());
        match client.ask_within(left, &Request::Register { instance, project, labels })? {
            Reply::Registered { runner, lease_ms } => {
                self.lease = Duration::from_millis(lease_ms);
                self.runner = Some(runner);
                Ok(client)
            }
            _ => Err(ClientError::Unfitting),
        }
    }

    fn came_up(&mut self, client: Client) {
        self.client = Some(client);
        if let Some(runner) = &self.runner {
            info!("{runner} is connected to {}", self.identity.dispatcher.address);
        }
    }

    /// Says what is wrong, once, and plans the next try.
    fn went_down(&mut self, error: &ClientError) {
        let trouble = error.to_string();
        if self.trouble.as_ref() != Some(&trouble) {
            warn!("{trouble}; trying again");
            self.trouble = Some(trouble);
        }
        self.next_dial = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }
}
