//! One fetcher: everything that this broker follows one other broker in, through one session with
//! one fetch under way (KIP-227).
//!
//! A fetch offset acknowledges, so a fetch is sent only after what the one before brought was
//! appended, and synced where that's asked for. The leader holds a fetch until it has records or a
//! newer high watermark. A partition that joins in the meantime doesn't wait for that: the fetch is
//! given up, with its connection.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use client::{Connection, ConnectionOptions};
use protocol::{
    BrokerId, ErrorCode, LeaderEpoch, Message as _,
    api::fetch::{FetchRequest, FetchResponse, PartitionData, ReplicaState},
};
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::{Key, roster::Roster, session::Session};
use crate::{
    broker::Broker,
    partition::{FollowerFetch, Partition, Taken},
    warnings::Warnings,
};

/// How long to wait after a first failure. Often it's only that the leader hears of its election
/// later than its followers do. `replica.fetch.backoff.ms` is what it grows to.
const FIRST_BACKOFF: Duration = Duration::from_millis(20);

/// Since then followers name topics by their ids, and themselves with their epochs. A leader that
/// knows no such fetch would take this one for a consumer's.
const FETCH_VERSION_MIN: i16 = 15;

/// Having appended so many bytes, the fetcher lets others of its thread have their turn.
const TURN_BYTES: usize = 256 << 10;

/// Fetches from one leader.
pub(super) struct Fetcher {
    broker: Arc<Broker>,
    leader: BrokerId,
    roster: Arc<Roster>,
    connection: Option<Connection>,
    session: Session,
    /// In a row, of the connection or of whole fetches.
    failures: u32,
    warnings: Warnings,
    /// Partitions that are left alone for a while.
    held_back: BTreeMap<Key, HeldBack>,
}

/// A partition whose last fetch came to nothing.
#[derive(Clone, Copy, Debug)]
struct HeldBack {
    until: Instant,
    failures: u32,
    /// A new leader epoch is a new try.
    leader_epoch: LeaderEpoch,
}

impl HeldBack {
    fn holds(&self, fetch: &FollowerFetch, now: Instant) -> bool {
        self.leader_epoch == fetch.position.leader_epoch && self.until > now
    }
}

type Wanted = BTreeMap<Key, (Arc<Partition>, FollowerFetch)>;

impl Fetcher {
    pub(super) fn new(broker: Arc<Broker>, leader: BrokerId, roster: Arc<Roster>) -> Self {
        let (connection, session) = (None, Session::default());
        Self {
            broker,
            leader,
            roster,
            connection,
            session,
            failures: 0,
            warnings: Warnings::default(),
            held_back: BTreeMap::new(),
        }
    }

    /// Goes on for ever.
    pub(super) async fn run(mut self) {
        loop {
            let (wanted, next_try) = self.wanted();
            if wanted.is_empty() && next_try.is_none() {
                self.connection = None;
                self.session = Session::default();
                self.warnings.end();
                self.roster.joined().await;
            } else if wanted.is_empty() {
                let pause = next_try.map(|at| at.saturating_duration_since(Instant::now()));
                let _joined = timeout(pause.unwrap_or_default(), self.roster.joined()).await;
            } else {
                self.fetch(&wanted, next_try).await;
            }
        }
    }

    /// What to fetch now, and when the first of those that are held back is to be tried again.
    fn wanted(&mut self) -> (Wanted, Option<Instant>) {
        let now = Instant::now();
        let (mut wanted, mut tries) = (Wanted::new(), Vec::new());
        let roster = self.roster.all();
        if self.held_back.len() > roster.len() {
            self.held_back.clear(); // Of partitions that have left, mostly.
        }
        for (key, partition) in roster {
            let Some(fetch) = partition.follower_fetch(self.leader) else {
                // Its role has changed, or it failed; or it has to be synced first.
                tries.extend(partition.needs_sync().then(|| now + FIRST_BACKOFF));
                continue;
            };
            match self.held_back.get(&key) {
                Some(held) if held.holds(&fetch, now) => tries.push(held.until),
                _ => {
                    wanted.insert(key, (partition, fetch));
                }
            }
        }
        (wanted, tries.into_iter().min())
    }

    /// One fetch, and all that comes of it.
    async fn fetch(&mut self, wanted: &Wanted, next_try: Option<Instant>) {
        let request = self.request(wanted, next_try);
        let roster = Arc::clone(&self.roster);
        let answered = tokio::select! {
            biased;
            answered = self.call(&request) => answered,
            () = roster.joined() => {
                // Who joined is not to wait until this fetch is answered.
                self.disconnect();
                return;
            }
        };
        let answers = match answered {
            Ok(response) => self.session.answered(response).map_err(|error| error.to_string()),
            Err(error) => {
                self.disconnect();
                Err(error)
            }
        };
        match answers {
            Ok(answers) => {
                self.failures = 0;
                self.warnings.end();
                self.take(wanted, answers).await;
            }
            Err(reason) => {
                if self.warnings.are_due() {
                    warn!(leader = %self.leader, reason, "fetching failed");
                } else {
                    debug!(leader = %self.leader, reason, "fetching failed");
                }
                let pause = self.backoff(self.failures);
                self.failures = self.failures.saturating_add(1);
                let _joined = timeout(pause, self.roster.joined()).await;
            }
        }
    }

    fn request(&mut self, wanted: &Wanted, next_try: Option<Instant>) -> FetchRequest {
        let config = &self.broker.config;
        let bytes = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
        // Those that are held back don't wait for those that have nothing to say.
        let until_next_try = next_try.map(|at| at.saturating_duration_since(Instant::now()));
        let max_wait = config.replica_fetch_wait_max.min(until_next_try.unwrap_or(Duration::MAX));
        let mut request = FetchRequest {
            cluster_id: Some(self.broker.cluster_id.clone()),
            replica_state: ReplicaState {
                replica_id: self.broker.id(),
                replica_epoch: self.broker.epoch(),
            },
            max_wait_ms: i32::try_from(max_wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: bytes(config.replica_fetch_bytes_min),
            max_bytes: bytes(config.replica_fetch_response_bytes_max),
            ..FetchRequest::default()
        };
        let fetches = wanted.iter().map(|(key, (_, fetch))| (*key, *fetch)).collect();
        self.session.ask(fetches, bytes(config.replica_fetch_bytes_max), &mut request);
        request
    }

    async fn call(&mut self, request: &FetchRequest) -> Result<FetchResponse, String> {
        let connection = match self.connection.clone().filter(|open| open.ended().is_none()) {
            Some(connection) => connection,
            None => {
                let connection = self.connect().await?;
                self.connection = Some(connection.clone());
                connection
            }
        };
        let versions = FETCH_VERSION_MIN..=*FetchRequest::VERSIONS.end();
        let answered = async {
            let version = connection.version_within::<FetchRequest>(versions)?;
            connection.call_at(request, version).await
        };
        answered.await.map_err(|error: client::Error| error.to_string())
    }

    async fn connect(&self) -> Result<Connection, String> {
        let (image, config) = (self.broker.image.load_full(), &self.broker.config);
        let options = ConnectionOptions {
            client_id: Some(format!("broker-{}-fetcher", self.broker.id())),
            connect_timeout: config.connection_setup_timeout,
            request_timeout: config.replica_socket_timeout,
            in_flight_max: 1,
            ..ConnectionOptions::default()
        };
        let registration = image.brokers().get(self.leader);
        let endpoint =
            registration.and_then(|leader| leader.endpoint(&config.inter_broker_listener_name));
        let endpoint = endpoint.ok_or("the leader isn't registered, as far as is known")?;
        let net = &*self.broker.doors.net;
        let opened = Connection::open(net, &endpoint.host, endpoint.port, &options).await;
        opened.map_err(|error| error.to_string())
    }

    /// The last fetch has no answer, or nobody waits for it.
    fn disconnect(&mut self) {
        self.connection = None;
        self.session.lost();
    }

    /// Appends and cuts as the answers say, and syncs what may be acknowledged only then.
    async fn take(&mut self, wanted: &Wanted, answers: Vec<(Key, FollowerFetch, PartitionData)>) {
        let mut unsynced = Vec::new();
        let mut turn_bytes = 0;
        let mut answered = BTreeSet::new();
        for (key, asked, data) in answers {
            let Some((partition, _)) = wanted.get(&key) else { continue };
            if !answered.insert(key) {
                continue; // Whoever answers twice is heard once.
            }
            turn_bytes += data.records.as_ref().map_or(0, bytes::Bytes::len);
            let taken = self.take_one(partition, &asked, data).await;
            match taken {
                Taken::Done => drop(self.held_back.remove(&key)),
                Taken::Nothing => self.hold_back(key, asked.position.leader_epoch),
            }
            if partition.needs_sync() {
                unsynced.push(Arc::clone(partition));
            }
            if turn_bytes >= TURN_BYTES {
                turn_bytes = 0;
                tokio::task::yield_now().await;
            }
        }
        for partition in unsynced {
            partition.until_synced().await;
        }
    }

    async fn take_one(
        &self,
        partition: &Arc<Partition>,
        asked: &FollowerFetch,
        data: PartitionData,
    ) -> Taken {
        let now = self.broker.doors.clock.now();
        match data.error_code {
            ErrorCode::None => partition.take_fetched(&asked.position, data, now).await,
            ErrorCode::OffsetOutOfRange => {
                partition.fetched_out_of_range(asked.position, data.log_start_offset, now).await
            }
            // One of the two hasn't heard of an election yet, or the leader is in trouble.
            error => {
                debug!(partition = %partition.name(), leader = %self.leader, %error, "not fetched");
                Taken::Nothing
            }
        }
    }

    fn hold_back(&mut self, key: Key, leader_epoch: LeaderEpoch) {
        let before = self.held_back.get(&key).filter(|held| held.leader_epoch == leader_epoch);
        let failures = before.map_or(0, |held| held.failures.saturating_add(1));
        let until = Instant::now() + self.backoff(failures);
        self.held_back.insert(key, HeldBack { until, failures, leader_epoch });
    }

    fn backoff(&self, failures: u32) -> Duration {
        let grown = FIRST_BACKOFF.saturating_mul(1 << failures.min(16));
        grown.min(self.broker.config.replica_fetch_backoff)
    }
}
