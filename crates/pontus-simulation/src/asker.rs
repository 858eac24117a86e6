//! Whoever asks one question at a time, over one connection after the other: what observers and users have in common.

use pontus_scheduler::SessionId;

use crate::faults::Fault;
use crate::network::{Client, Request};
use crate::stage::Stage;

/// See the module.
#[derive(Debug, Default)]
pub struct Asker {
    connection: Option<SessionId>,
    has_asked: bool,
}

impl Asker {
    /// Dials as `client`. Says whether there is a connection now.
    pub fn dial(&mut self, stage: &mut Stage, client: Client) -> bool {
        self.connection = stage.dial(client);
        self.connection.is_some()
    }

    /// Asks `next`, where there is such a question, a connection, and no other question open.
    pub fn ask(&mut self, stage: &mut Stage, next: Option<Request>) {
        if let (false, Some(session), Some(next)) = (self.has_asked, self.connection, next) {
            self.has_asked = true;
            stage.ask(session, next);
        }
    }

    /// Hears an answer. Says whether it came over the connection that there is now.
    pub fn hears(&mut self, session: SessionId) -> bool {
        let is_here = self.connection == Some(session);
        self.has_asked &= !is_here;
        is_here
    }

    /// The connection has ended, with whatever was asked on it. Says whether it is the one that there was now.
    pub fn loses(&mut self, stage: &mut Stage, session: SessionId) -> bool {
        let is_here = self.connection == Some(session);
        if is_here {
            self.leave(stage);
            if std::mem::take(&mut self.has_asked) {
                stage.suffers(Fault::Repeated);
            }
        }
        is_here
    }

    /// Ends the connection, if there is one.
    pub fn leave(&mut self, stage: &mut Stage) {
        self.connection.take().into_iter().for_each(|session| stage.hang_up(session));
    }
}
