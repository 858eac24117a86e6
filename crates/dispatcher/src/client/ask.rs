//! A connection to the dispatcher that is asked.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use pontus_cli::{Door, Server};
use pontus_proto::{Client, ClientError, Code, CommitId, Reply, Request, Role, Shown, UnitReport};

use crate::exit::OutOfTime;

/// From the loss of a dispatcher to the first time that it is dialled again: it may only be restarting.
const REDIAL_MIN: Duration = Duration::from_millis(100);

/// The longest time between two such dials: somebody is waiting.
const REDIAL_MAX: Duration = Duration::from_secs(2);

/// What an answer may take beyond the time that the user gives: whoever asks for a verdict until then is answered at its end.
const ANSWER_GRACE: Duration = Duration::from_millis(500);

/// A dispatcher that answers.
pub struct Dispatcher {
    door: Door,
    client: Client,
    /// What is done about its loss; without any, that is an error.
    patience: Option<Patience>,
}

/// Tells the user what is going on.
type Tell = Box<dyn FnOnce(&str)>;

/// A dispatcher that is lost is dialled again.
struct Patience {
    /// For so long; for ever where there is none.
    deadline: Option<Instant>,
    /// Tells the user so, at the first loss.
    tell: Option<Tell>,
}

impl Dispatcher {
    /// Dials it. It has to be there: a wrong address is to be told at once.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn dial(server: &Server) -> Result<Dispatcher> {
        let door = Door::try_from(server.clone())?;
        let client = door.connect(Role::Client, None)?;
        Ok(Dispatcher { door, client, patience: None })
    }

    /// The same, and from then on a dispatcher that is lost is dialled again until `deadline`, for ever where there is none.
    /// `tell` tells the user so once.
    ///
    /// # Errors
    /// See [`ClientError`]; [`OutOfTime`] where the patience is over.
    pub fn dial_patiently(
        server: &Server,
        deadline: Option<Instant>,
        tell: impl FnOnce(&str) + 'static,
    ) -> Result<Dispatcher> {
        let door = Door::try_from(server.clone())?;
        let client = match door.connect_within(time_for(deadline), Role::Client, None) {
            Err(error) if is_passing(&error) && is_over(deadline) => return Err(too_late(&error)),
            connected => connected?,
        };
        let patience = Some(Patience { deadline, tell: Some(Box::new(tell)) });
        Ok(Dispatcher { door, client, patience })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// See [`ClientError`]; [`OutOfTime`] where the patience is over.
    pub fn ask(&mut self, request: &Request) -> Result<Reply> {
        let deadline = self.patience.as_ref().and_then(|patience| patience.deadline);
        loop {
            match self.client.ask_within(time_for(deadline), request) {
                Err(error) if is_passing(&error) => self.dial_again(error)?,
                answered => return Ok(answered?),
            }
        }
    }

    fn dial_again(&mut self, lost: ClientError) -> Result<()> {
        let Some(Patience { deadline, tell }) = &mut self.patience else {
            return Err(lost.into());
        };
        if is_over(*deadline) {
            return Err(too_late(&lost));
        }
        if let Some(tell) = tell.take() {
            tell(&format!("{lost}; dialling {} until it is back", self.door.address));
        }
        let mut pause = REDIAL_MIN;
        loop {
            rest(pause, *deadline)?;
            match self.door.connect_within(time_for(*deadline), Role::Client, None) {
                Ok(client) => {
                    self.client = client;
                    return Ok(());
                }
                Err(error) if is_passing(&error) => pause = (pause * 2).min(REDIAL_MAX),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn have_done(&mut self, request: &Request) -> Result<()> {
        match self.ask(request)? {
            Reply::Done {} => Ok(()),
            _ => Err(ClientError::Unfitting.into()),
        }
    }

    /// All that is known of a commit, except its units.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn show(&mut self, commit: CommitId) -> Result<Shown> {
        match self.ask(&Request::Show { commit })? {
            Reply::Shown(shown) => Ok(*shown),
            _ => Err(ClientError::Unfitting.into()),
        }
    }

    /// How the units ended on which the commit's verdict stands; none while it has no verdict.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn units(&mut self, shown: &Shown) -> Result<Vec<UnitReport>> {
        let Some(decided) = shown.decided.as_ref().filter(|decided| decided.attempt.0 > 0) else {
            return Ok(Vec::new());
        };
        let request = Request::Units { commit: shown.submission.commit, attempt: decided.attempt };
        match self.ask(&request)? {
            Reply::Units { units } => Ok(units),
            _ => Err(ClientError::Unfitting.into()),
        }
    }
}

/// Whether the same question may be answered later, or by the dispatcher's next process.
fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } | ClientError::Lost(_) => true,
        ClientError::Refused { code, .. } => matches!(
            code,
            Code::Stopping | Code::TooManyConnections | Code::Silent | Code::StorageFull
        ),
        _ => false,
    }
}

/// How long a dial or an answer may take: as long as ever, where there is no deadline.
fn time_for(deadline: Option<Instant>) -> Duration {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    left.map_or(Client::ANSWER, |left| left.saturating_add(ANSWER_GRACE))
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

fn too_late(error: &ClientError) -> anyhow::Error {
    OutOfTime(format!("cannot wait any longer: {error}")).into()
}

/// Lets `pause` pass. There is nothing to be awaited: nobody tells when a port is opened.
fn rest(pause: Duration, deadline: Option<Instant>) -> Result<()> {
    let now = Instant::now();
    let until = deadline.map_or(now + pause, |deadline| deadline.min(now + pause));
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()) {
        thread::park_timeout(left);
    }
    if is_over(deadline) {
        let why = "cannot wait any longer: the dispatcher is not back".to_owned();
        return Err(OutOfTime(why).into());
    }
    Ok(())
}
