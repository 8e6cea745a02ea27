//! One listener: accepts connections up to a limit, and gives each a task of its own.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use client::net::Listener;
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tracing::{info, warn};

use crate::{
    broker::Broker,
    config::BrokerConfig,
    server::{
        connection::Connection,
        request_context::{ConnectionContext, ListenerKind, Principal},
        shutdown::Shutdown,
    },
};

/// After a failed accept (out of file descriptors, say) the listener pauses, so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// After a shutdown was requested, open connections may take this long to answer what they have
/// read. Then they are cut off.
const CONNECTIONS_END_TIME_MAX: Duration = Duration::from_secs(5);

/// A bound listener that doesn't accept yet: connections wait in the kernel's backlog.
pub(crate) struct Acceptor {
    pub(crate) listener: Box<dyn Listener>,
    pub(crate) name: String,
    pub(crate) kind: ListenerKind,
}

impl Acceptor {
    /// Accepts until shutdown is requested. Returns when every connection has ended, by itself or
    /// by force.
    pub(crate) async fn run(mut self, broker: Arc<Broker>, shutdown: Shutdown) {
        let free =
            Arc::new(Semaphore::new(broker.config.connections_max.min(Semaphore::MAX_PERMITS)));
        let seats = match self.kind {
            ListenerKind::Broker => Seats::of(&broker.config),
            // Brokers and controllers may all have the same address, and none is to be kept out.
            ListenerKind::Controller => Seats::unlimited(),
        };
        let mut connections = Connections::default();
        info!(listener = self.name, address = %self.listener.local_addr(), "accepting connections");
        loop {
            // Beyond the limit nobody is refused: connections wait until another one ends.
            let permit = tokio::select! {
                biased;
                () = shutdown.requested() => break,
                permit = Arc::clone(&free).acquire_owned() => permit.expect("never closed"),
            };
            let accepted = tokio::select! {
                biased;
                () = shutdown.requested() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(listener = self.name, %error, "accept failed");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(seat) = seats.take(peer.ip()) else {
                warn!(%peer, "too many connections from this address (max.connections.per.ip)");
                continue;
            };
            let context = ConnectionContext {
                peer,
                kind: self.kind,
                listener: self.name.clone(),
                principal: Principal::anonymous(),
                heartbeats_of: Mutex::default(),
            };
            let connection = Connection::new(Arc::clone(&broker), context, stream);
            let shutdown = shutdown.clone();
            connections.add(tokio::spawn(async move {
                connection.run(shutdown).await;
                drop((seat, permit));
            }));
        }
        drop(self.listener);
        connections.end(Instant::now() + CONNECTIONS_END_TIME_MAX).await;
    }
}

/// The tasks of the connections, some of which may have ended.
#[derive(Default)]
struct Connections {
    tasks: Vec<JoinHandle<()>>,
    /// Those that ended are cleared when the list has grown to this length, so that it's at most
    /// twice as long as there are connections.
    clear_at: usize,
}

impl Connections {
    fn add(&mut self, task: JoinHandle<()>) {
        if self.tasks.len() >= self.clear_at {
            self.tasks.retain(|task| !task.is_finished());
            self.clear_at = self.tasks.len() * 2 + 1;
        }
        self.tasks.push(task);
    }

    /// Waits for all of them, and aborts those that haven't ended by then.
    async fn end(self, deadline: Instant) {
        for mut task in self.tasks {
            let left = deadline.saturating_duration_since(Instant::now());
            if timeout(left, &mut task).await.is_err() {
                task.abort();
                let _ended = task.await;
            }
        }
    }
}

/// How many connections each address has and may have.
#[derive(Debug, Default)]
struct Seats {
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    max: usize,
    overrides: BTreeMap<IpAddr, usize>,
}

/// One connection's place, until it's dropped.
#[derive(Debug)]
struct Seat {
    address: IpAddr,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Seats {
    fn of(config: &BrokerConfig) -> Self {
        Self {
            max: config.connections_per_ip_max,
            overrides: config.connections_per_ip_overrides.clone(),
            ..Self::default()
        }
    }

    fn unlimited() -> Self {
        Self { max: usize::MAX, ..Self::default() }
    }

    fn take(&self, address: IpAddr) -> Option<Seat> {
        let max = self.overrides.get(&address).copied().unwrap_or(self.max);
        let mut taken = self.taken.lock().expect("no panic while counting");
        let count = taken.get(&address).copied().unwrap_or(0);
        if count >= max {
            return None;
        }
        taken.insert(address, count + 1);
        Some(Seat { address, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().expect("no panic while counting");
        let count = taken.get_mut(&self.address).expect("a seat is counted");
        *count -= 1;
        if *count == 0 {
            taken.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_limit_and_leaves_no_trace() {
        let (limited, special) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let seats = Seats { max: 1, overrides: [(special, 0)].into(), ..Seats::default() };
        let seat = seats.take(limited).unwrap();
        assert!(seats.take(limited).is_none());
        assert!(seats.take(special).is_none());
        drop(seat);
        assert!(seats.taken.lock().unwrap().is_empty());
        assert!(seats.take(limited).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_do_not_end_are_cut_off() {
        let mut connections = Connections::default();
        for _ in 0..10 {
            connections.add(tokio::spawn(async {}));
        }
        connections.add(tokio::spawn(std::future::pending()));
        let started = Instant::now();
        connections.end(started + CONNECTIONS_END_TIME_MAX).await;
        assert_eq!(started.elapsed(), CONNECTIONS_END_TIME_MAX);
    }
}
