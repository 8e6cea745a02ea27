//! A broker's way to the controllers: one connection, moved when its end isn't the one to ask.
//!
//! All channels of a broker go where the active controller was last heard of. Where nobody knows, or
//! it doesn't answer there, the controllers of the configuration take turns.
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

use crate::active_controller::{ActiveController, Address};

/// How long a controller is left alone after it couldn't be reached.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// How long a channel waits for the other end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChannelTimeouts {
    /// For a connection.
    pub(crate) connect: Duration,
    /// For an answer.
    pub(crate) request: Duration,
}

/// Why a controller didn't answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    /// It can't be reached, or answered nothing.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// Another one was heard to be active meanwhile.
    #[error("the active controller is elsewhere by now")]
    Moved,
}

#[derive(Debug)]
pub(crate) struct ControllerChannel {
    net: Arc<dyn Net>,
    active: Arc<ActiveController>,
    controllers: Vec<Address>,
    options: ConnectionOptions,
    current: Mutex<Current>,
}

/// Where the channel leads.
#[derive(Default)]
struct Current {
    /// How often it was moved on.
    turn: usize,
    /// Whose turn it is among the controllers of the configuration, counted on and on.
    next: usize,
    /// Where it was in vain: not again before it has been elsewhere.
    avoided: Option<Address>,
    connection: Option<(Address, Connection)>,
}

/// A controller that was reached, active or not.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) connection: Connection,
    address: Address,
    turn: usize,
    /// What was known of the active controller then.
    moves: u64,
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
        active: Arc<ActiveController>,
        controllers: Vec<Address>,
        timeouts: ChannelTimeouts,
    ) -> Self {
        assert!(!controllers.is_empty(), "the configuration names at least one controller");
        let options = ConnectionOptions {
            connect_timeout: timeouts.connect,
            request_timeout: timeouts.request,
            ..ConnectionOptions::default()
        };
        Self { net, active, controllers, options, current: Mutex::default() }
    }

    /// Asks the active controller, as far as it's known. Whoever answers is it.
    ///
    /// `error_of` finds the error in a response: after NOT_CONTROLLER, as after a broken
    /// connection, the next request goes to another controller.
    pub(crate) async fn call<R: Request>(
        &self,
        request: &R,
        error_of: impl Fn(&R::Response) -> ErrorCode,
    ) -> Result<R::Response, ChannelError> {
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
    ) -> Result<R::Response, ChannelError> {
        let answered = self.ask_whoever(reached, request, &error_of).await;
        if answered.as_ref().is_ok_and(|response| error_of(response) != ErrorCode::NotController) {
            self.active.confirm(&reached.address);
        }
        answered
    }

    /// The same, of any controller: that it answers says nothing.
    pub(crate) async fn ask_whoever<R: Request>(
        &self,
        reached: &Reached,
        request: &R,
        error_of: impl Fn(&R::Response) -> ErrorCode,
    ) -> Result<R::Response, ChannelError> {
        let answered = tokio::select! {
            biased;
            answered = reached.connection.call(request) => answered,
            // It may be a machine that answers nobody any more.
            () = self.active.moved_from(&reached.address, reached.moves) => {
                return Err(ChannelError::Moved);
            }
        };
        match &answered {
            Ok(response) if error_of(response) != ErrorCode::NotController => {
                self.current().avoided = None;
            }
            _ => self.move_on(reached.turn, &reached.address),
        }
        Ok(answered?)
    }

    /// The connection to the controller that's to be asked: the one there is, or a new one.
    pub(crate) async fn reach(&self) -> Result<Reached, client::Error> {
        let (active, moves) = self.active.address();
        let (turn, address) = {
            let current = self.current();
            let active = current.unless_in_vain(active);
            if let Some((address, connection)) = current.open()
                && active.as_ref().is_none_or(|active| active == address)
            {
                let (connection, address) = (connection.clone(), address.clone());
                return Ok(Reached { connection, address, turn: current.turn, moves });
            }
            (current.turn, active.unwrap_or_else(|| self.whose_turn(&current).clone()))
        };
        // Nobody waits for another's connecting, which may take long.
        let (host, port) = &address;
        let opened = tokio::select! {
            biased;
            opened = Connection::open(&*self.net, host, *port, &self.options) => opened,
            () = self.active.moved_from(&address, moves) => return Box::pin(self.reach()).await,
        };
        match opened {
            Ok(connection) => {
                let mut current = self.current();
                if current.turn == turn {
                    current.connection = Some((address.clone(), connection.clone()));
                }
                Ok(Reached { connection, address, turn, moves })
            }
            Err(error) => {
                self.move_on(turn, &address);
                sleep(RETRY_PAUSE).await;
                Err(error)
            }
        }
    }

    /// Goes elsewhere, unless somebody has done so since this turn began.
    ///
    /// Only who had its turn has had it. The one that was believed to be active is asked out of turn,
    /// maybe every other time, and must not cost another one its turn every time.
    fn move_on(&self, turn: usize, from: &Address) {
        let mut current = self.current();
        if current.turn == turn {
            let had_its_turn = self.whose_turn(&current) == from;
            *current = Current {
                turn: turn.wrapping_add(1),
                next: current.next.wrapping_add(usize::from(had_its_turn)),
                avoided: Some(from.clone()),
                connection: None,
            };
        }
    }

    fn whose_turn(&self, current: &Current) -> &Address {
        &self.controllers[current.next % self.controllers.len()]
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().expect("no panic while it's looked at")
    }
}

impl Current {
    /// The controller that is believed to be active, unless it was asked just now.
    fn unless_in_vain(&self, active: Option<Address>) -> Option<Address> {
        active.filter(|active| self.avoided.as_ref() != Some(active))
    }

    /// The connection, unless it has ended: an idle one is closed by the other end.
    fn open(&self) -> Option<&(Address, Connection)> {
        self.connection.as_ref().filter(|(_, connection)| connection.ended().is_none())
    }
}

#[cfg(test)]
mod tests {
    use client::net::Tcp;

    use super::*;

    fn channel(controllers: &[Address], active: &Arc<ActiveController>) -> ControllerChannel {
        let timeouts = ChannelTimeouts { connect: Duration::ZERO, request: Duration::ZERO };
        let active = Arc::clone(active);
        ControllerChannel::new(Arc::new(Tcp), active, controllers.to_vec(), timeouts)
    }

    fn at(host: &str) -> Address {
        (host.to_owned(), 1)
    }

    #[test]
    fn many_failures_of_one_turn_move_on_once() {
        let controllers = [at("a"), at("b")];
        let channel = channel(&controllers, &Arc::default());
        for (turn, from, next) in [(0, "a", "b"), (0, "a", "b"), (1, "b", "a")] {
            channel.move_on(turn, &at(from));
            let current = channel.current();
            assert_eq!(channel.whose_turn(&current), &at(next));
        }
        assert_eq!(channel.current().turn, 2);
    }

    #[test]
    fn who_was_active_is_asked_again_and_again_and_the_others_have_their_turns_all_the_same() {
        let controllers = [at("a"), at("b"), at("c")];
        for believed in &controllers {
            let active = Arc::<ActiveController>::default();
            active.confirm(believed);
            let channel = channel(&controllers, &active);
            let mut asked = Vec::new();
            for turn in 0..6 {
                let address = {
                    let current = channel.current();
                    let active = current.unless_in_vain(active.address().0);
                    active.unwrap_or_else(|| channel.whose_turn(&current).clone())
                };
                channel.move_on(turn, &address);
                asked.push(address);
            }
            assert!(controllers.iter().all(|each| asked.contains(each)), "{asked:?}");
            assert!(asked.windows(2).all(|pair| pair[0] != pair[1]), "{asked:?}");
        }
    }
}
