//! A broker's way to the active controller: one connection, moved on when its end isn't active.
//!
//! Answers on a connection come in order, so what may wait long has a channel of its own: see who
//! calls [`ControllerChannel::new`].

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use client::{Connection, ConnectionOptions, net::Net};
use protocol::{ErrorCode, Request};
use tokio::time::sleep;

/// How long a controller is left alone after it couldn't be reached.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// A host and a port.
pub(crate) type Address = (String, u16);

/// How long a channel waits for the other end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChannelTimeouts {
    /// For a connection.
    pub(crate) connect: Duration,
    /// For an answer.
    pub(crate) request: Duration,
}

#[derive(Debug)]
pub(crate) struct ControllerChannel {
    net: Arc<dyn Net>,
    controllers: Vec<Address>,
    options: ConnectionOptions,
    current: Mutex<Current>,
}

/// Where the channel leads.
#[derive(Default)]
struct Current {
    /// How often it was moved on; the controllers take turns.
    turn: usize,
    connection: Option<Connection>,
}

/// A controller that was reached, active or not.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) connection: Connection,
    turn: usize,
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "turn {}", self.turn)
    }
}

impl ControllerChannel {
    /// A channel to any of the controllers.
    pub(crate) fn new(
        net: Arc<dyn Net>,
        controllers: Vec<Address>,
        timeouts: ChannelTimeouts,
    ) -> Self {
        assert!(!controllers.is_empty(), "the configuration names at least one controller");
        let options = ConnectionOptions {
            connect_timeout: timeouts.connect,
            request_timeout: timeouts.request,
            ..ConnectionOptions::default()
        };
        Self { net, controllers, options, current: Mutex::default() }
    }

    /// Asks the controller that answered last.
    ///
    /// `error_of` finds the error in a response: after NOT_CONTROLLER, as after a broken
    /// connection, the next request goes to another controller.
    pub(crate) async fn call<R: Request>(
        &self,
        request: &R,
        error_of: impl Fn(&R::Response) -> ErrorCode,
    ) -> Result<R::Response, client::Error> {
        let reached = self.reach().await?;
        self.ask(&reached, request, error_of).await
    }

    /// [`ControllerChannel::call`] to a controller that was reached before, for a request that
    /// depends on the versions it has.
    pub(crate) async fn ask<R: Request>(
        &self,
        reached: &Reached,
        request: &R,
        error_of: impl Fn(&R::Response) -> ErrorCode,
    ) -> Result<R::Response, client::Error> {
        let answered = reached.connection.call(request).await;
        let moves_on = match &answered {
            Ok(response) => error_of(response) == ErrorCode::NotController,
            Err(_) => true,
        };
        if moves_on {
            self.move_on(reached.turn);
        }
        answered
    }

    /// The connection to the controller whose turn it is: the one there is, or a new one.
    pub(crate) async fn reach(&self) -> Result<Reached, client::Error> {
        let turn = {
            let current = self.current();
            match current.open() {
                Some(reached) => return Ok(reached),
                None => current.turn,
            }
        };
        // Nobody waits for another's connecting, which may take long.
        let (host, port) = &self.controllers[turn % self.controllers.len()];
        match Connection::open(&*self.net, host, *port, &self.options).await {
            Ok(connection) => {
                let mut current = self.current();
                if current.turn == turn && current.open().is_none() {
                    current.connection = Some(connection.clone());
                }
                Ok(Reached { connection, turn })
            }
            Err(error) => {
                self.move_on(turn);
                sleep(RETRY_PAUSE).await;
                Err(error)
            }
        }
    }

    /// Gives the next controller its turn, unless somebody has done so since this turn began.
    fn move_on(&self, turn: usize) {
        let mut current = self.current();
        if current.turn == turn {
            *current = Current { turn: turn.wrapping_add(1), connection: None };
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().expect("no panic while it's looked at")
    }
}

impl Current {
    /// The connection, unless it has ended: an idle one is closed by the other end.
    fn open(&self) -> Option<Reached> {
        let connection = self.connection.as_ref().filter(|connection| connection.ended().is_none());
        connection.map(|connection| Reached { connection: connection.clone(), turn: self.turn })
    }
}

#[cfg(test)]
mod tests {
    use client::net::Tcp;

    use super::*;

    #[test]
    fn many_failures_of_one_turn_move_on_once() {
        let timeouts = ChannelTimeouts { connect: Duration::ZERO, request: Duration::ZERO };
        let controllers = vec![("a".to_owned(), 1), ("b".to_owned(), 2)];
        let channel = ControllerChannel::new(Arc::new(Tcp), controllers, timeouts);
        channel.move_on(0);
        channel.move_on(0);
        assert_eq!(channel.current().turn, 1);
        channel.move_on(1);
        assert_eq!(channel.current().turn, 2);
    }
}
