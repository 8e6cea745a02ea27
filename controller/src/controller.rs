//! The handle: starts a controller, and has one function for each API that it serves.
//!
//! A function returns the response, or the error code that stands for all of it; in which field a
//! response carries it is the server's business, as is who may ask what.

mod administration;
mod operations;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use client::{
    door::{Clock, Entropy},
    net::Net,
};
use metadata::{ClusterImage, DecideContext, Decision, Settings, record::FenceReason};
use protocol::{
    BrokerEpoch, BrokerId, ErrorCode,
    api::{
        allocate_producer_ids::{AllocateProducerIdsRequest, AllocateProducerIdsResponse},
        alter_partition::{AlterPartitionRequest, AlterPartitionResponse},
        assign_replicas_to_dirs::{AssignReplicasToDirsRequest, AssignReplicasToDirsResponse},
        broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse},
        broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse},
    },
};
use store::{Store, Stores};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    Error, Formatted, QuorumInfo, VoterEndpoint, VoterKey, Witness,
    balancer::Balancer,
    decision_counts::DecisionCounter,
    downgrades::Downgrades,
    events::EventLog,
    format,
    founding::{self, Founding, VoterIdentityRequest, VoterIdentityResponse},
    heartbeats::Sessions,
    message::{
        append::{RaftAppendRequest, RaftAppendResponse},
        snapshot::{RaftSnapshotRequest, RaftSnapshotResponse},
        vote::{RaftVoteRequest, RaftVoteResponse},
    },
    metadata_poll::{MetadataPollRequest, MetadataPollResponse, MetadataPolls},
    probe::{self, Prober, Registered},
    published::Published,
    quorum_loop::{Proposer, QuorumLoop, queue},
    raft::{Quorum, QuorumConfig, QuorumParts},
};

/// What a controller is told.
#[derive(Clone, Debug)]
pub struct ControllerConfig {
    /// `node.id`: must be what the store was formatted for.
    pub node_id: BrokerId,
    /// The cluster: must be what the store was formatted for.
    pub cluster_id: String,
    /// The store's directory.
    pub store_dir: PathBuf,
    /// `controller.quorum.voters`: where the voters are. They begin the quorum that was formatted
    /// without any; later they say where the voters have moved.
    pub listed_voters: BTreeMap<BrokerId, VoterEndpoint>,
    /// What decisions take from the node's configuration.
    pub settings: Settings,
    /// `broker.heartbeat.interval.ms`: how often a broker says that it lives.
    pub broker_heartbeat_interval: Duration,
    /// `broker.session.timeout.ms`: a broker that is silent for so long is fenced.
    pub broker_session_timeout: Duration,
    /// A leader sends a sign of life this often.
    pub quorum_heartbeat_interval: Duration,
    /// `controller.quorum.election.timeout.ms`: a voter that hears of no leader for this long, or
    /// up to twice as long, wants to be one; and a leader that no quorum acknowledged for this long
    /// isn't active. Kafka's default is sized for larger clocks; ours fails over in about a second.
    pub quorum_election_timeout: Duration,
    /// After how many entries of the log a snapshot is made.
    pub snapshot_entries: u64,
    /// Entries that are kept although a snapshot holds them, for followers that lag a little.
    pub snapshot_entries_kept: u64,
    /// `leader.imbalance.check.interval.seconds`: how often leadership returns to the preferred
    /// replicas that are in sync. None: never by itself, as `auto.leader.rebalance.enable` may say.
    pub leader_balance_interval: Option<Duration>,
}

impl ControllerConfig {
    /// The defaults, for a node of a cluster.
    #[must_use]
    pub fn new(node_id: BrokerId, cluster_id: impl Into<String>, store_dir: PathBuf) -> Self {
        Self {
            node_id,
            cluster_id: cluster_id.into(),
            store_dir,
            listed_voters: BTreeMap::new(),
            settings: Settings::default(),
            broker_heartbeat_interval: Duration::from_secs(2),
            broker_session_timeout: Duration::from_secs(9),
            quorum_heartbeat_interval: Duration::from_millis(100),
            quorum_election_timeout: Duration::from_millis(400),
            snapshot_entries: 2000,
            snapshot_entries_kept: 1000,
            leader_balance_interval: Some(Duration::from_secs(300)),
        }
    }
}

/// The doors that a controller uses.
#[derive(Clone, Debug)]
pub struct ControllerDoors {
    /// Opens the store.
    pub stores: Arc<dyn Stores>,
    /// Reaches the other voters.
    pub net: Arc<dyn Net>,
    /// Says when something was decided, for people to read.
    pub clock: Arc<dyn Clock>,
    /// Draws topic ids, and the broker that placement starts from.
    pub entropy: Arc<dyn Entropy>,
    /// Looks on.
    pub witness: Arc<dyn Witness>,
}

/// How long the quorum's last tasks may take to let the store go.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// A running controller.
///
/// Its tasks run on the runtime that it was started on; its functions may be called from any. They
/// go on until [`Controller::shut_down`].
#[derive(Debug)]
pub struct Controller {
    quorum: Arc<Quorum>,
    published: Arc<Published>,
    events: Arc<EventLog>,
    decided: Arc<DecisionCounter>,
    proposer: Proposer,
    polls: MetadataPolls,
    /// Whose connections broke.
    breaks: mpsc::Sender<Registered>,
    sessions: Arc<Mutex<Sessions>>,
    cluster_id: Arc<str>,
    key: VoterKey,
    /// The first voters, where they were known when this node was formatted.
    founders: Vec<VoterKey>,
    /// Whether it's one of the first voters.
    is_founder: bool,
    settings: Arc<Settings>,
    /// Until shutdown.
    store: Mutex<Option<Arc<dyn Store>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Controller {
    /// Starts a controller on a formatted store. A quorum of one is active when this returns;
    /// another is when its voters have elected a leader.
    ///
    /// # Errors
    /// A store that can't be opened, isn't formatted, is another node's, or holds what this build
    /// can't read; settings that don't fit together.
    pub async fn start(config: ControllerConfig, doors: ControllerDoors) -> Result<Self, Error> {
        let store = doors.stores.open(&config.store_dir)?;
        let Formatted { format, bootstrap } = check_format(&*store, &config)?;
        let cluster_id: Arc<str> = format.cluster_id.into();
        // Those of a quorum that was formatted without voters are found out.
        let finds_voters = format.voters.is_empty() && !config.listed_voters.is_empty();
        let founders: Vec<_> = format.voters.keys().copied().collect();
        let quorum_config = QuorumConfig {
            cluster_id: cluster_id.clone(),
            key: format.key,
            voters: format.voters,
            listed: config.listed_voters.clone(),
            heartbeat_interval: config.quorum_heartbeat_interval,
            election_timeout: config.quorum_election_timeout,
            snapshot_entries: config.snapshot_entries,
            snapshot_entries_kept: config.snapshot_entries_kept,
        };
        let published = Arc::new(Published::default());
        let (events, decided) = (Arc::<EventLog>::default(), Arc::<DecisionCounter>::default());
        let parts = QuorumParts {
            store: store.clone(),
            net: doors.net.clone(),
            published: published.clone(),
            events: events.clone(),
            witness: doors.witness,
        };
        let quorum = Quorum::start(quorum_config, parts).await?;
        let quorum = Arc::new(quorum);
        let settings = Arc::new(config.settings);

        let (proposer, requests) = queue();
        let quorum_loop = QuorumLoop {
            quorum: quorum.clone(),
            published: published.clone(),
            decided: decided.clone(),
            node: config.node_id,
            clock: doors.clock,
            entropy: doors.entropy,
            cluster_id: cluster_id.clone(),
            settings: settings.clone(),
            bootstrap,
        };
        let sessions = Arc::new(Mutex::new(Sessions::new(config.broker_session_timeout)));
        let watchdog = Watchdog {
            quorum: quorum.clone(),
            published: published.clone(),
            sessions: sessions.clone(),
            proposer: proposer.clone(),
        };
        let (breaks, broken) = mpsc::channel(probe::BREAKS_MAX);
        let prober = Prober {
            net: doors.net.clone(),
            quorum: quorum.clone(),
            published: published.clone(),
            sessions: sessions.clone(),
            proposer: proposer.clone(),
            heartbeat_interval: config.broker_heartbeat_interval,
            breaks: broken,
        };
        let mut tasks = vec![
            tokio::spawn(quorum_loop.run(requests)),
            tokio::spawn(watchdog.run()),
            tokio::spawn(prober.run()),
        ];
        let downgrades = Downgrades { quorum: quorum.clone(), published: published.clone() };
        tasks.push(tokio::spawn(downgrades.run()));
        if let Some(interval) = config.leader_balance_interval {
            let (quorum, proposer) = (quorum.clone(), proposer.clone());
            tasks.push(tokio::spawn(Balancer { quorum, proposer, interval }.run()));
        }
        if finds_voters {
            let founding = Founding {
                cluster_id: cluster_id.clone(),
                key: format.key,
                listed: config.listed_voters,
                quorum: quorum.clone(),
                store: store.clone(),
                net: doors.net,
                timeout: config.quorum_election_timeout,
            };
            tasks.push(tokio::spawn(founding.run()));
        }
        let controller = Self {
            quorum,
            polls: MetadataPolls::new(published.clone()),
            published,
            events,
            decided,
            proposer,
            breaks,
            sessions,
            cluster_id,
            key: format.key,
            is_founder: finds_voters || !founders.is_empty(),
            founders,
            settings,
            store: Mutex::new(Some(store)),
            tasks: Mutex::new(tasks),
        };
        if controller.is_active() {
            // Deciding nothing still writes what a new cluster starts with. Should it fail, the first
            // request does.
            let _ = controller.decide(|_, _| Decision::unchanged(())).await;
        }
        Ok(controller)
    }

    /// Stops everything, and closes the store. Requests that are still open are answered with
    /// NOT_CONTROLLER.
    pub async fn shut_down(&self) {
        self.quorum.shut_down().await;
        let tasks = std::mem::take(&mut *locked(&self.tasks));
        for task in tasks {
            task.abort();
            // What was aborted says so; what panicked was reported when it did.
            let _ = task.await;
        }
        let store = locked(&self.store).take();
        if let Some(store) = store
            && timeout(RELEASE_TIMEOUT, released(&store)).await.is_err()
        {
            tracing::warn!("the controller's store is still in use after its shutdown");
        }
    }

    /// Waits until the quorum stops by itself: its storage failed, or it met a bug. The process
    /// should end then, with this as its last words.
    pub async fn stopped(&self) -> Error {
        self.quorum.stopped().await
    }

    /// What the cluster knows, as far as this node has applied it.
    #[must_use]
    pub fn image(&self) -> Arc<ClusterImage> {
        self.published.current().image.clone()
    }

    /// The index of the last entry that this node has applied; -1 before the first.
    #[must_use]
    pub fn applied_index(&self) -> i64 {
        self.published.current().index()
    }

    /// The cluster's id.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// Waits until the quorum has begun, as far as this node knows: a new one begins when all of its
    /// voters have been up together.
    ///
    /// Returns at once where this node is none of the first voters.
    pub async fn founded(&self) {
        if self.is_founder {
            self.quorum.has_voters().await;
        }
    }

    /// Whether this node is the active controller.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.quorum.active().is_some()
    }

    /// The quorum as this node knows it, for DescribeQuorum.
    #[must_use]
    pub fn quorum(&self) -> QuorumInfo {
        self.quorum.info()
    }

    /// The leader's term, node and place, if one is known. Where that's this node, it's the active
    /// controller.
    #[must_use]
    pub fn leading(&self) -> Option<(i64, BrokerId, VoterEndpoint)> {
        let (term, leader, endpoint) = self.quorum.leader()?;
        Some((i64::try_from(term).unwrap_or(i64::MAX), leader.node_id, endpoint))
    }

    /// The node of the leader, if one is known.
    #[must_use]
    pub fn leader(&self) -> Option<BrokerId> {
        self.quorum.info().leader.map(|key| key.node_id)
    }
}

/// For brokers.
impl Controller {
    /// A broker introduces itself.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn register_broker(
        &self,
        request: BrokerRegistrationRequest,
    ) -> Result<BrokerRegistrationResponse, ErrorCode> {
        let sessions = self.sessions.clone();
        self.decide(move |image, context| {
            let now = Instant::now();
            let is_alive = locked(&sessions).is_alive(request.broker_id, image, now);
            image.register_broker(&request, is_alive, context)
        })
        .await
    }

    /// A broker lives, and says what it wants.
    ///
    /// Only a heartbeat that changes something waits for the quorum loop: a disk that is slow must
    /// not make brokers look dead.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn broker_heartbeat(
        &self,
        request: BrokerHeartbeatRequest,
    ) -> Result<BrokerHeartbeatResponse, ErrorCode> {
        let term = self.quorum.active().ok_or(ErrorCode::NotController)?;
        let image = self.image();
        let (id, epoch) = (request.broker_id, request.broker_epoch);
        if image.brokers().get(id).is_some_and(|broker| broker.epoch == epoch) {
            let now = Instant::now();
            let mut sessions = locked(&self.sessions);
            sessions.follow(Some(term), &image, now);
            sessions.touch(id, epoch, now);
        }
        let decision = image.heartbeat(&request, &self.settings);
        if decision.records.is_empty() {
            return Ok(decision.response);
        }
        self.decide(move |image, context| image.heartbeat(&request, context.settings)).await
    }

    /// The connection broke on which a broker sent its heartbeats.
    pub fn broker_disconnected(&self, id: BrokerId, epoch: BrokerEpoch) {
        // Where too many break at once, their missing heartbeats tell a little later.
        let _ = self.breaks.try_send((id, epoch));
    }

    /// A broker takes a block of producer ids.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn allocate_producer_ids(
        &self,
        request: AllocateProducerIdsRequest,
    ) -> Result<AllocateProducerIdsResponse, ErrorCode> {
        self.decide(move |image, _| image.allocate_producer_ids(&request)).await
    }

    /// A leader wants other replicas in sync. `version` is that of the request.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn alter_partition(
        &self,
        request: AlterPartitionRequest,
        version: i16,
    ) -> Result<AlterPartitionResponse, ErrorCode> {
        self.decide(move |image, context| {
            image.alter_partition(&request, version, context.settings)
        })
        .await
    }

    /// A broker says in which of its directories its replicas are.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn assign_replicas_to_dirs(
        &self,
        request: AssignReplicasToDirsRequest,
    ) -> Result<AssignReplicasToDirsResponse, ErrorCode> {
        self.decide(move |image, context| image.assign_replicas_to_dirs(&request, context.settings))
            .await
    }

    /// What was committed after an index. Any controller answers, active or not.
    ///
    /// # Errors
    /// INCONSISTENT_CLUSTER_ID when the poller belongs to another cluster.
    pub async fn metadata_poll(
        &self,
        request: MetadataPollRequest,
    ) -> Result<MetadataPollResponse, ErrorCode> {
        if *request.cluster_id != *self.cluster_id {
            return Err(ErrorCode::InconsistentClusterId);
        }
        let mut response = self.polls.answer(&request).await;
        response.active_controller = BrokerId(-1);
        if let Some((term, leader, endpoint)) = self.leading() {
            response.term = term;
            response.active_controller = leader;
            response.active_endpoint = Some(endpoint);
        }
        Ok(response)
    }
}

impl Controller {
    async fn decide<R, F>(&self, decide: F) -> Result<R, ErrorCode>
    where
        R: Send + 'static,
        F: FnOnce(&ClusterImage, &mut DecideContext<'_>) -> Decision<R> + Send + 'static,
    {
        // Turned away before it queues: a controller that isn't active has nothing to wait for.
        self.quorum.active().ok_or(ErrorCode::NotController)?;
        self.proposer.submit(decide).await
    }
}

/// For the other voters.
impl Controller {
    /// Who this node is, for a voter that doesn't know the others yet.
    ///
    /// # Errors
    /// BROKER_NOT_AVAILABLE: this node is about to stop, or its store has failed.
    pub async fn voter_identity(
        &self,
        request: VoterIdentityRequest,
    ) -> Result<VoterIdentityResponse, ErrorCode> {
        let unavailable = |error: Error| {
            tracing::warn!(asking = %request.asking, %error, "a voter was not answered");
            ErrorCode::BrokerNotAvailable
        };
        let founded = self.quorum.is_founded().await.map_err(unavailable)?;
        let mut voters = self.quorum.voters().await.map_err(unavailable)?;
        if voters.is_empty() {
            let store = locked(&self.store).clone().ok_or(ErrorCode::BrokerNotAvailable)?;
            let promised = founding::promised(&*store).map_err(unavailable)?;
            let promised = promised.map(|promised| promised.into_iter().collect());
            voters = promised.unwrap_or_else(|| self.founders.clone());
        }
        Ok(VoterIdentityResponse {
            cluster_id: self.cluster_id.to_string(),
            key: self.key,
            voters,
            founded,
            ..VoterIdentityResponse::default()
        })
    }

    /// A leader's entries.
    pub async fn raft_append(&self, request: RaftAppendRequest) -> RaftAppendResponse {
        self.quorum.append(request).await
    }

    /// A candidate's request for a vote, or for a pre-vote.
    pub async fn raft_vote(&self, request: RaftVoteRequest) -> RaftVoteResponse {
        self.quorum.vote(request).await
    }

    /// A part of a leader's snapshot.
    pub async fn raft_snapshot(&self, request: RaftSnapshotRequest) -> RaftSnapshotResponse {
        self.quorum.snapshot(request).await
    }
}

/// Follows who is active, and fences the brokers that fall silent.
struct Watchdog {
    quorum: Arc<Quorum>,
    published: Arc<Published>,
    sessions: Arc<Mutex<Sessions>>,
    proposer: Proposer,
}

impl Watchdog {
    async fn run(self) {
        let _needed = self.quorum.needs("the watch over brokers");
        let interval = locked(&self.sessions).check_interval();
        let mut known = None;
        loop {
            let term = self.quorum.active();
            if term != known {
                match term {
                    Some(term) => {
                        tracing::info!(term, "this node is the active controller");
                        // Deciding nothing still writes what a new cluster starts with.
                        let _ = self.proposer.submit(|_, _| Decision::unchanged(())).await;
                    }
                    None => tracing::info!("this node is no longer the active controller"),
                }
                known = term;
            }
            for (id, epoch) in self.silent(term) {
                tracing::info!(broker = %id, broker_epoch = %epoch, "broker is silent, and fenced");
                let fenced = self.proposer.submit(move |image, context| {
                    image.fence_broker(id, epoch, FenceReason::Silent, context.settings)
                });
                if let Err(error) = fenced.await {
                    tracing::warn!(broker = %id, %error, "broker could not be fenced");
                }
            }
            sleep(interval).await;
        }
    }

    fn silent(&self, term: Option<u64>) -> Vec<(BrokerId, BrokerEpoch)> {
        let (image, now) = (&self.published.current().image, Instant::now());
        let mut sessions = locked(&self.sessions);
        sessions.follow(term, image, now);
        sessions.expire(image, now)
    }
}

/// Waits until this is the last handle of a store: the quorum's tasks end a moment after its core.
async fn released(store: &Arc<dyn Store>) {
    while Arc::strong_count(store) > 1 {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Whether the store is this node's.
fn check_format(store: &dyn Store, config: &ControllerConfig) -> Result<Formatted, Error> {
    let path = config.store_dir.clone();
    let Some(formatted) = format::read(store)? else { return Err(Error::Unformatted { path }) };
    let found = &formatted.format;
    if found.cluster_id != config.cluster_id {
        let expected = config.cluster_id.clone();
        return Err(Error::ForeignCluster { path, found: found.cluster_id.clone(), expected });
    }
    if found.key.node_id != config.node_id {
        let (found, expected) = (found.key.node_id, config.node_id);
        return Err(Error::ForeignNode { path, found, expected });
    }
    Ok(formatted)
}

/// Nothing that is done under these locks can panic half-way.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
