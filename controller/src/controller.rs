//! The handle: starts a controller, and has one function for each API that it serves.
//!
//! A function returns the response, or the error code that stands for all of it; in which field a
//! response carries it is the server's business, as is who may ask what.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use client::{door::Entropy, net::Net};
use metadata::{ClusterImage, DecideContext, Decision, Settings};
use protocol::{
    BrokerEpoch, BrokerId, ErrorCode,
    api::{
        allocate_producer_ids::{AllocateProducerIdsRequest, AllocateProducerIdsResponse},
        broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse},
        broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse},
        create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse},
        create_topics::{CreateTopicsRequest, CreateTopicsResponse},
        delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse},
        incremental_alter_configs::{
            IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
        },
    },
};
use store::{Store, Stores};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    Error, Formatted, QuorumInfo, Witness, format,
    heartbeats::Sessions,
    message::{
        append::{RaftAppendRequest, RaftAppendResponse},
        snapshot::{RaftSnapshotRequest, RaftSnapshotResponse},
        vote::{RaftVoteRequest, RaftVoteResponse},
    },
    metadata_poll::{MetadataPollRequest, MetadataPollResponse, MetadataPolls},
    published::Published,
    quorum_loop::{Proposer, QuorumLoop, queue},
    raft::{Quorum, QuorumConfig},
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
    /// What decisions take from the node's configuration.
    pub settings: Settings,
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
}

impl ControllerConfig {
    /// The defaults, for a node of a cluster.
    #[must_use]
    pub fn new(node_id: BrokerId, cluster_id: impl Into<String>, store_dir: PathBuf) -> Self {
        Self {
            node_id,
            cluster_id: cluster_id.into(),
            store_dir,
            settings: Settings::default(),
            broker_session_timeout: Duration::from_secs(9),
            quorum_heartbeat_interval: Duration::from_millis(100),
            quorum_election_timeout: Duration::from_millis(400),
            snapshot_entries: 2000,
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
    proposer: Proposer,
    polls: MetadataPolls,
    sessions: Arc<Mutex<Sessions>>,
    cluster_id: Arc<str>,
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
        let quorum_config = QuorumConfig {
            cluster_id: cluster_id.clone(),
            key: format.key,
            voters: format.voters,
            heartbeat_interval: config.quorum_heartbeat_interval,
            election_timeout: config.quorum_election_timeout,
            snapshot_entries: config.snapshot_entries,
        };
        let published = Arc::new(Published::default());
        let quorum =
            Quorum::start(quorum_config, store.clone(), doors.net, published.clone()).await?;
        let quorum = Arc::new(quorum);
        let settings = Arc::new(config.settings);

        let (proposer, requests) = queue();
        let quorum_loop = QuorumLoop {
            quorum: quorum.clone(),
            published: published.clone(),
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
        let tasks = vec![tokio::spawn(quorum_loop.run(requests)), tokio::spawn(watchdog.run())];
        let controller = Self {
            quorum,
            polls: MetadataPolls::new(published.clone()),
            published,
            proposer,
            sessions,
            cluster_id,
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
        let info = self.quorum.info();
        response.active_controller = info.leader.map_or(BrokerId(-1), |key| key.node_id);
        response.term = i64::try_from(info.term).unwrap_or(i64::MAX);
        Ok(response)
    }
}

/// For administrators, whose requests brokers forward.
impl Controller {
    /// Creates topics.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn create_topics(
        &self,
        request: CreateTopicsRequest,
    ) -> Result<CreateTopicsResponse, ErrorCode> {
        self.decide(move |image, context| image.create_topics(&request, context)).await
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn delete_topics(
        &self,
        request: DeleteTopicsRequest,
    ) -> Result<DeleteTopicsResponse, ErrorCode> {
        self.decide(move |image, context| image.delete_topics(&request, context.settings)).await
    }

    /// Gives topics more partitions.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn create_partitions(
        &self,
        request: CreatePartitionsRequest,
    ) -> Result<CreatePartitionsResponse, ErrorCode> {
        self.decide(move |image, context| image.create_partitions(&request, context)).await
    }

    /// Changes dynamic configuration.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub async fn incremental_alter_configs(
        &self,
        request: IncrementalAlterConfigsRequest,
    ) -> Result<IncrementalAlterConfigsResponse, ErrorCode> {
        self.decide(move |image, context| {
            image.incremental_alter_configs(&request, context.settings)
        })
        .await
    }

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
                let fenced = self
                    .proposer
                    .submit(move |image, context| image.fence_broker(id, epoch, context.settings));
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
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
