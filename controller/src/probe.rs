//! Probes: whether a broker that isn't heard of is gone, or only cut off.
//!
//! A heartbeat's connection that breaks says that something ended, not what. So the active controller
//! tries to connect to where the broker has registered that it listens. A machine that answers
//! "connection refused" is up and has nobody who listens there: that process is gone, and its
//! registration is fenced at once. Whatever else comes of it, an answer, silence or no way there, says
//! nothing of the process, and the session's timeout decides.
//!
//! A process that dies closes its sockets one after the other, often the one it listens at after the
//! one whose end is noticed here. So a connection that comes about is watched for a moment: somebody
//! who lives keeps it, and one that breaks is tried again.
//!
//! A new active controller probes every broker that it hasn't heard of, and from then on those that
//! miss their heartbeats.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use client::net::Net;
use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use metadata::{
    Decision,
    record::{BrokerEndpoint, FenceReason},
};
use protocol::{BrokerEpoch, BrokerId};
use tokio::{
    io::AsyncReadExt as _,
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    controller::locked, heartbeats::Sessions, published::Published, quorum_loop::Proposer,
    raft::Quorum,
};

/// How many broken connections wait to be looked at. Of those beyond it the missing heartbeats tell.
pub(crate) const BREAKS_MAX: usize = 1024;

/// How many probes are under way at a time.
const PROBES_MAX: usize = 128;

/// How long a place is asked for. One that refuses does so at once.
const PROBE_TIME_MAX: Duration = Duration::from_secs(1);

/// Before a connection that broke is tried again: a process may live, and want no more of them.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// How many heartbeats a broker may miss before it's probed.
const HEARTBEATS_MISSED: u32 = 2;

/// A registration: which broker, in which of its lives.
pub(crate) type Registered = (BrokerId, BrokerEpoch);

/// The task that probes, while this controller is the active one.
pub(crate) struct Prober {
    pub net: Arc<dyn Net>,
    pub quorum: Arc<Quorum>,
    pub published: Arc<Published>,
    pub sessions: Arc<Mutex<Sessions>>,
    pub proposer: Proposer,
    /// How often a broker says that it lives.
    pub heartbeat_interval: Duration,
    /// Whose connections broke.
    pub breaks: mpsc::Receiver<Registered>,
}

/// What a probe has found.
struct Probed {
    whom: Registered,
    /// When connections were tried that all places refused: the first of them.
    refused: Option<Instant>,
}

type Probes = FuturesUnordered<BoxFuture<'static, Probed>>;

impl Prober {
    pub(crate) async fn run(mut self) {
        let quorum = self.quorum.clone();
        let _needed = quorum.needs("the probing of brokers");
        while quorum.activated().await.is_ok() {
            if let Some(term) = quorum.active() {
                self.probe_while_active(term).await;
            }
        }
    }

    async fn probe_while_active(&mut self, term: u64) {
        let image = self.published.current().image.clone();
        locked(&self.sessions).follow(Some(term), &image, Instant::now());
        let quorum = self.quorum.clone();
        let mut deposed = std::pin::pin!(quorum.deposed());
        let mut probes = Probes::new();
        let mut under_way = BTreeSet::new();
        let mut look_at = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = &mut deposed => return,
                Some(probed) = probes.next(), if !probes.is_empty() => {
                    under_way.remove(&probed.whom);
                    self.conclude(&probed).await;
                }
                Some(broken) = self.breaks.recv() => {
                    self.probe(broken, &mut under_way, &probes);
                }
                () = sleep_until(look_at) => {
                    look_at = Instant::now() + self.heartbeat_interval;
                    let missed = self.heartbeat_interval * HEARTBEATS_MISSED;
                    let silent = locked(&self.sessions).silent_for(missed, Instant::now());
                    for whom in silent {
                        self.probe(whom, &mut under_way, &probes);
                    }
                }
            }
        }
    }

    /// Starts a probe, unless there is one already, or nothing to be learnt.
    fn probe(&self, whom: Registered, under_way: &mut BTreeSet<Registered>, probes: &Probes) {
        let image = self.published.current().image.clone();
        let registration = image.brokers().get(whom.0);
        let Some(broker) = registration.filter(|broker| broker.epoch == whom.1 && !broker.fenced)
        else {
            return;
        };
        if under_way.len() >= PROBES_MAX || !under_way.insert(whom) {
            return;
        }
        let (net, endpoints) = (self.net.clone(), broker.endpoints.clone());
        probes.push(Box::pin(async move {
            Probed { whom, refused: when_refused(&*net, &endpoints).await }
        }));
    }

    async fn conclude(&self, probed: &Probed) {
        let Probed { whom: (id, epoch), refused: Some(tried) } = *probed else { return };
        if locked(&self.sessions).was_heard_since(id, epoch, tried) {
            return;
        }
        tracing::info!(
            broker = %id, broker_epoch = %epoch,
            "broker refuses connections: its process is gone, and it is fenced"
        );
        let sessions = self.sessions.clone();
        let fenced = self.proposer.submit(move |image, context| {
            // It has spoken while this waited its turn.
            if locked(&sessions).was_heard_since(id, epoch, tried) {
                return Decision::unchanged(());
            }
            image.fence_broker(id, epoch, FenceReason::Gone, context.settings)
        });
        if let Err(error) = fenced.await {
            tracing::warn!(broker = %id, %error, "broker could not be fenced");
        }
    }
}

/// When it was tried to connect to all the places, if nobody listens at any of them. One that isn't
/// reached from here says nothing.
async fn when_refused(net: &dyn Net, endpoints: &[BrokerEndpoint]) -> Option<Instant> {
    let mut first = None;
    for endpoint in endpoints {
        let tried = timeout(PROBE_TIME_MAX, when_refused_at(net, endpoint)).await.ok()?;
        first = first.or(Some(tried));
    }
    first
}

/// When it was tried to connect to a place where nobody listens, or no longer. Doesn't end while a
/// connection is kept there.
async fn when_refused_at(net: &dyn Net, endpoint: &BrokerEndpoint) -> Instant {
    loop {
        let tried = Instant::now();
        match net.connect(&endpoint.host, endpoint.port).await {
            // Nothing is asked, so that nothing comes but the end.
            Ok(mut connection) => drop(connection.read_u8().await),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return tried,
            // It may have been reset as soon as it came about.
            Err(_) => {}
        }
        sleep(RETRY_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use client::net::{Listener, Stream, Tcp};

    use super::*;

    fn endpoint(port: u16) -> BrokerEndpoint {
        BrokerEndpoint { host: "127.0.0.1".into(), port, ..BrokerEndpoint::default() }
    }

    #[tokio::test]
    async fn only_refused_connections_tell_that_a_process_is_gone() {
        let listener = Tcp.listen("127.0.0.1", 0).await.unwrap();
        let port = listener.local_addr().port();
        assert_eq!(when_refused(&Tcp, &[endpoint(port)]).await, None);
        drop(listener);
        assert!(when_refused(&Tcp, &[endpoint(port)]).await.is_some());
        assert_eq!(when_refused(&Tcp, &[]).await, None);
    }

    #[tokio::test]
    async fn a_process_that_is_dying_is_asked_until_it_refuses() {
        let mut listener = Tcp.listen("127.0.0.1", 0).await.unwrap();
        let endpoints = [endpoint(listener.local_addr().port())];
        let dies = async move {
            let accepted = listener.accept().await.unwrap();
            // Whatever it said until now, it says no more.
            let last_words = Instant::now();
            drop(listener);
            drop(accepted);
            last_words
        };
        let (refused, last_words) = tokio::join!(when_refused(&Tcp, &endpoints), dies);
        assert!(refused.unwrap() > last_words);
    }

    /// A machine on which the listener closes while the first connection comes about.
    #[derive(Debug, Default)]
    struct Closing {
        has_closed: AtomicBool,
    }

    impl Net for Closing {
        fn listen(&self, _: &str, _: u16) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
            unreachable!("probes don't listen")
        }

        fn connect(&self, _: &str, _: u16) -> BoxFuture<'static, io::Result<Stream>> {
            let error = match self.has_closed.swap(true, Ordering::Relaxed) {
                false => io::ErrorKind::ConnectionReset,
                true => io::ErrorKind::ConnectionRefused,
            };
            Box::pin(async move { Err(error.into()) })
        }
    }

    #[tokio::test]
    async fn a_connection_that_is_reset_at_once_says_nothing_yet() {
        assert!(when_refused(&Closing::default(), &[endpoint(9092)]).await.is_some());
    }

    #[tokio::test]
    async fn a_process_that_listens_anywhere_is_there() {
        let gone = Tcp.listen("127.0.0.1", 0).await.unwrap().local_addr().port();
        let listener = Tcp.listen("127.0.0.1", 0).await.unwrap();
        let endpoints = [endpoint(gone), endpoint(listener.local_addr().port())];
        assert_eq!(when_refused(&Tcp, &endpoints).await, None);
    }
}
