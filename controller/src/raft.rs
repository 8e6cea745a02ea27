//! The quorum: openraft behind adapters, and nothing of openraft in front of them.
//!
//! What the rest of the crate sees: propose records, ask whether this node is the active
//! controller, hand over what other voters send.

mod alarm;
mod incoming;
mod log_store;
pub mod message;
mod network;
mod runtime;
mod snapshots;
mod state_machine;
mod stored;
mod type_config;
mod watch;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use client::net::Net;
use openraft::{
    Config, Raft, ServerState, SnapshotPolicy,
    errors::{ClientWriteError, Fatal, InitializeError, RaftError},
    metrics::WaitError,
    raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest},
};
use openraft_rt::{Instant, WatchReceiver};
use protocol::{BrokerId, ErrorCode, bug};
use store::Store;
use tokio::time::timeout;

pub use self::type_config::{VoterEndpoint, VoterKey};
use self::{
    alarm::{Alarm, Armed},
    incoming::Incoming,
    log_store::LogStore,
    message::{
        Verdict,
        append::{RaftAppendRequest, RaftAppendResponse},
        snapshot::{RaftSnapshotRequest, RaftSnapshotResponse},
        vote::{RaftVoteRequest, RaftVoteResponse},
    },
    network::Network,
    runtime::Instant as RuntimeInstant,
    snapshots::Snapshots,
    state_machine::{Shown, StateMachine},
    stored::decode_entry,
    type_config::{Entry, LogId, Snapshot, SnapshotMeta, TypeConfig, Vote},
};
pub(crate) use self::{
    stored::Position,
    type_config::{Outcome, Proposal, Stamp},
};
use crate::{Error, Witness, events::EventLog, published::Published};

/// How the quorum behaves.
#[derive(Clone, Debug)]
pub(crate) struct QuorumConfig {
    pub cluster_id: Arc<str>,
    /// This node.
    pub key: VoterKey,
    /// Who votes in a log that is still empty. None: that is found out later.
    pub voters: BTreeMap<VoterKey, VoterEndpoint>,
    /// Where the configuration says that voters are.
    pub listed: BTreeMap<BrokerId, VoterEndpoint>,
    pub heartbeat_interval: Duration,
    /// A follower that hears nothing for this long, up to twice as long, asks for votes.
    pub election_timeout: Duration,
    /// After how many entries a snapshot is made.
    pub snapshot_entries: u64,
    /// How many of them are kept all the same, for followers that lag a little.
    pub snapshot_entries_kept: u64,
}

/// What the quorum works with.
#[derive(Debug)]
pub(crate) struct QuorumParts {
    pub store: Arc<dyn Store>,
    pub net: Arc<dyn Net>,
    pub published: Arc<Published>,
    pub events: Arc<EventLog>,
    pub witness: Arc<dyn Witness>,
}

/// How long one part of a snapshot may take to be sent and stored.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a quorum of one may take to elect itself: no more than a few syncs of the disk.
const ACTIVATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests that wait for openraft's core; one proposal is open at a time, the rest are other
/// voters' requests.
const CORE_QUEUE_MAX: u64 = 1024;

/// This node's part in the quorum.
pub(crate) struct Quorum {
    raft: Raft<TypeConfig, StateMachine>,
    config: QuorumConfig,
    published: Arc<Published>,
    alarm: Arc<Alarm>,
    witness: Arc<dyn Witness>,
    incoming: Mutex<Incoming>,
}

/// Why a proposal didn't change the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// This node isn't the leader, or ceased to be; the proposal may still be committed, and its
    /// base decides what comes of it then.
    NotLeader,
    /// The quorum has stopped here.
    Stopped,
}

/// The quorum as one of its nodes knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumInfo {
    /// The leader, if one is known.
    pub leader: Option<VoterKey>,
    /// The current term. Kafka calls it the leader's epoch.
    pub term: u64,
    /// The index after the last entry known to be committed. Kafka's high watermark.
    pub high_watermark: i64,
    /// The voters.
    pub voters: BTreeMap<VoterKey, QuorumVoter>,
}

/// A voter as one of the quorum's nodes knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumVoter {
    /// Where it is, as the log says.
    pub endpoint: VoterEndpoint,
    /// The index after its last entry, where this node knows it: the leader knows all of them,
    /// everybody their own. Kafka's log end offset.
    pub log_end: Option<i64>,
    /// How long ago it last acknowledged the leader, as the leader knows it of the others.
    pub silent_for: Option<Duration>,
}

impl Quorum {
    /// Starts this node's part: rebuilds the image and joins the quorum. A voter that is alone is
    /// active when this returns; others elect a leader in their time.
    ///
    /// # Errors
    /// A store that can't be read, or settings that don't fit together.
    pub(crate) async fn start(config: QuorumConfig, parts: QuorumParts) -> Result<Self, Error> {
        let QuorumParts { store, net, published, events, witness } = parts;
        let raft_config = raft_config(&config)?;
        let log = LogStore::open(store.clone(), config.key.node_id, witness.clone())?;
        let snapshots = Arc::new(Snapshots::new(store));
        let alarm = Arc::new(Alarm::default());
        let shown = Shown {
            node: config.key.node_id,
            published: published.clone(),
            events,
            witness: witness.clone(),
        };
        let machine = StateMachine::load(&log, snapshots, shown, alarm.clone())?;
        let network = Network {
            net,
            cluster_id: config.cluster_id.clone(),
            listed: Arc::new(config.listed.clone()),
            away: Arc::default(),
            timeout: config.election_timeout,
        };
        let raft = Raft::new(config.key, Arc::new(raft_config), network, log, machine).await;
        let raft = raft.map_err(stopped)?;
        let quorum = Self { raft, config, published, alarm, witness, incoming: Mutex::default() };
        if let Err(error) = quorum.join().await {
            quorum.shut_down().await;
            return Err(error);
        }
        Ok(quorum)
    }

    /// Writes the first voters into an empty log; every one of them writes the same. A voter that is
    /// alone has nobody to wait for, and is elected at once.
    async fn join(&self) -> Result<(), Error> {
        let has_voters = self.is_founded().await?;
        if !has_voters {
            if self.config.voters.is_empty() {
                // They are yet to be found out, or this node waits to be spoken to.
                return Ok(());
            }
            self.found(self.config.voters.clone()).await?;
        }
        // Asked of the core: metrics may not have been reported yet.
        let key = self.config.key;
        let alone = self
            .raft
            .with_raft_state(move |state| state.membership_state.effective().voter_ids().eq([key]));
        if !alone.await.map_err(stopped)? {
            return Ok(());
        }
        if has_voters {
            // Whoever writes the first voters stands for election by that.
            self.raft.trigger().elect(false).await.map_err(stopped)?;
        }
        let activated = timeout(ACTIVATION_TIMEOUT, self.activated()).await;
        activated.unwrap_or(Err(Error::NotActive(ACTIVATION_TIMEOUT)))
    }

    /// Whether the quorum has begun, as far as this node knows: its log isn't empty, or it was asked
    /// for its vote.
    pub(crate) async fn is_founded(&self) -> Result<bool, Error> {
        self.raft.is_initialized().await.map_err(stopped)
    }

    /// Writes the first voters into the log, if it's still empty.
    pub(crate) async fn found(
        &self,
        voters: BTreeMap<VoterKey, VoterEndpoint>,
    ) -> Result<(), Error> {
        match self.raft.initialize(voters).await {
            // Another voter was faster, and this one has its entries already.
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(RaftError::APIError(error)) => Err(Error::Settings(error.to_string())),
            Err(RaftError::Fatal(fatal)) => Err(stopped(fatal)),
        }
    }

    /// The voters of the log; none while it's empty.
    pub(crate) async fn voters(&self) -> Result<Vec<VoterKey>, Error> {
        let voters = |state: &openraft::RaftState<TypeConfig>| {
            state.membership_state.effective().voter_ids().collect()
        };
        self.raft.with_raft_state(voters).await.map_err(stopped)
    }

    /// Waits until the log has voters.
    pub(crate) async fn has_voters(&self) {
        let mut metrics = self.raft.metrics();
        while metrics.borrow_and_update().membership_config.voter_ids().next().is_none() {
            if metrics.changed().await.is_err() {
                return;
            }
        }
    }

    /// Stops for a fault that no going on mends.
    pub(crate) fn give_up(&self, error: Error) {
        self.alarm.raise(error);
    }

    /// The term that this node leads, if it's the active controller: it was elected, its own first
    /// entry is applied (so that its image holds all that was committed before), and a quorum
    /// acknowledged it within the election timeout.
    pub(crate) fn active(&self) -> Option<u64> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        // The vote alone doesn't tell: that of a leader that has just come back is still its own.
        let is_leader = metrics.state == ServerState::Leader && metrics.vote.committed;
        if !is_leader || self.alarm.reason().is_some() {
            return None;
        }
        let term = metrics.vote.leader_id().term;
        if self.published.current().last?.term != term {
            return None;
        }
        let is_alone = metrics.membership_config.voter_ids().eq([self.config.key]);
        let acknowledged = |last: RuntimeInstant| last.elapsed() < self.config.election_timeout;
        let last = metrics.last_quorum_acked.map(|last| *last);
        if !is_alone && !last.is_some_and(acknowledged) && !bug!(Q10) {
            return None;
        }
        self.witness.active(self.config.key.node_id, term);
        Some(term)
    }

    /// Waits until this node is the active controller.
    pub(crate) async fn activated(&self) -> Result<(), Error> {
        let mut metrics = self.raft.metrics();
        while self.active().is_none() {
            if metrics.changed().await.is_err() {
                return Err(self.stop_reason());
            }
        }
        Ok(())
    }

    /// Waits until this node is not the active controller.
    pub(crate) async fn deposed(&self) {
        // A lease that runs out changes nothing that could be waited for.
        while self.active().is_some() {
            tokio::time::sleep(self.config.election_timeout / 4).await;
        }
    }

    /// Waits until the quorum stops here, which it does by itself only for a fault or a bug.
    pub(crate) async fn stopped(&self) -> Error {
        let mut metrics = self.raft.metrics();
        let core_ends = async {
            while metrics.borrow_and_update().running_state.is_ok() {
                if metrics.changed().await.is_err() {
                    break;
                }
            }
        };
        tokio::select! {
            biased;
            reason = self.alarm.raised() => reason,
            () = core_ends => self.stop_reason(),
        }
    }

    /// Says that the quorum can't go on without what the caller does until it drops the answer: a
    /// panic meanwhile stops it.
    pub(crate) fn needs(&self, place: &str) -> Armed<'_> {
        self.alarm.arm(place.to_owned())
    }

    fn stop_reason(&self) -> Error {
        let state = self.raft.metrics().borrow_watched().running_state.clone();
        match (self.alarm.reason(), state) {
            (Some(reason), _) => reason.clone(),
            (None, Err(fatal)) => stopped(fatal),
            (None, Ok(())) => Error::Stopped("its task ended".to_owned()),
        }
    }

    /// Proposes records, and waits until they are applied here.
    pub(crate) async fn propose(&self, proposal: Proposal) -> Result<Outcome, Rejected> {
        match self.raft.client_write(proposal).await {
            Ok(written) => Ok(written.data),
            Err(RaftError::APIError(
                ClientWriteError::ForwardToLeader(_) | ClientWriteError::LogEntryDiscarded(_),
            )) => Err(Rejected::NotLeader),
            Err(RaftError::APIError(error)) => {
                unreachable!("records change no membership and have no precondition: {error}")
            }
            Err(RaftError::Fatal(_)) => Err(Rejected::Stopped),
        }
    }

    /// The term, who leads it, and where that voter is; none while no leader is known, or it's this
    /// node and can't say that it still is.
    pub(crate) fn leader(&self) -> Option<(u64, VoterKey, VoterEndpoint)> {
        let (term, leader, endpoint) = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            let leader = metrics.current_leader?;
            let endpoint = metrics.membership_config.membership().get_node(&leader)?.clone();
            (metrics.current_term, leader, endpoint)
        };
        if leader == self.config.key && self.active().is_none() {
            return None;
        }
        let moved_to = self.config.listed.get(&leader.node_id).cloned();
        Some((term, leader, moved_to.unwrap_or(endpoint)))
    }

    /// The quorum as this node knows it.
    pub(crate) fn info(&self) -> QuorumInfo {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let after =
            |index: Option<u64>| index.map_or(0, |index| crate::published::signed(index) + 1);
        let end_of = |voter: VoterKey| {
            if voter == self.config.key {
                return Some(after(metrics.last_log_index));
            }
            let matched = metrics.replication.as_ref()?.get(&voter)?;
            Some(after(matched.map(|id| id.index)))
        };
        let heard_of = |voter: VoterKey| {
            let acknowledged = (*metrics.heartbeat.as_ref()?.get(&voter)?)?;
            (voter != self.config.key).then(|| acknowledged.elapsed())
        };
        let membership = metrics.membership_config.membership();
        let voter = |key: VoterKey| {
            let endpoint = membership.get_node(&key).cloned().unwrap_or_default();
            let (log_end, silent_for) = (end_of(key), heard_of(key));
            (key, QuorumVoter { endpoint, log_end, silent_for })
        };
        QuorumInfo {
            leader: metrics.current_leader,
            term: metrics.current_term,
            high_watermark: after(metrics.local_committed.map(|id| id.index)),
            voters: metrics.membership_config.voter_ids().map(voter).collect(),
        }
    }

    /// Makes a snapshot now, and purges what it holds from the log.
    pub(crate) async fn snapshot_and_purge(&self) -> Result<(), Error> {
        let Some(last) = self.published.current().last.map(LogId::from) else { return Ok(()) };
        self.raft.trigger().snapshot().await.map_err(stopped)?;
        let wait = self.raft.wait(Some(SNAPSHOT_TIMEOUT));
        let failed = |error: WaitError| Error::Snapshot(error.to_string());
        let built = wait.metrics(|metrics| metrics.snapshot >= Some(last), "a snapshot").await;
        built.map_err(failed)?;
        self.raft.trigger().purge_log(last.index).await.map_err(stopped)?;
        let purged = wait.metrics(|metrics| metrics.purged >= Some(last), "a purge").await;
        purged.map(drop).map_err(failed)
    }

    /// Leaves the quorum: nothing is written after this.
    pub(crate) async fn shut_down(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "the quorum had ended before it was shut down");
        }
    }
}

/// What other voters send.
impl Quorum {
    pub(crate) async fn append(&self, request: RaftAppendRequest) -> RaftAppendResponse {
        match self.try_append(request).await {
            Ok(response) => response,
            Err(error_code) => RaftAppendResponse { error_code, ..Default::default() },
        }
    }

    async fn try_append(
        &self,
        request: RaftAppendRequest,
    ) -> Result<RaftAppendResponse, ErrorCode> {
        self.check(&request.cluster_id, request.target)?;
        let entries: Result<Vec<Entry>, _> =
            request.entries.into_iter().map(decode_entry).collect();
        let entries = entries.map_err(|error| {
            tracing::error!(%error, "the leader sent an entry that cannot be read");
            ErrorCode::UnsupportedVersion
        })?;
        let request = AppendEntriesRequest {
            vote: Vote::from(request.ballot),
            prev_log_id: request.previous.map(LogId::from),
            entries,
            leader_commit: request.committed.map(LogId::from),
        };
        let response = self.raft.append_entries(request).await.map_err(unavailable)?;
        let mut answer = RaftAppendResponse::default();
        match response {
            AppendEntriesResponse::Success => answer.verdict = Verdict::SUCCESS,
            AppendEntriesResponse::PartialSuccess(accepted) => {
                answer.verdict = Verdict::PARTIAL;
                answer.accepted = accepted.map(Position::from);
            }
            AppendEntriesResponse::Conflict => answer.verdict = Verdict::CONFLICT,
            AppendEntriesResponse::HigherVote(vote) => {
                answer.verdict = Verdict::HIGHER_VOTE;
                answer.higher = Some((&vote).into());
            }
        }
        Ok(answer)
    }

    pub(crate) async fn vote(&self, request: RaftVoteRequest) -> RaftVoteResponse {
        match self.try_vote(request).await {
            Ok(response) => response,
            Err(error_code) => RaftVoteResponse { error_code, ..Default::default() },
        }
    }

    async fn try_vote(&self, request: RaftVoteRequest) -> Result<RaftVoteResponse, ErrorCode> {
        self.check(&request.cluster_id, request.target)?;
        let pre_vote = request.pre_vote;
        let request = VoteRequest {
            vote: Vote::from(request.ballot),
            last_log_id: request.last.map(LogId::from),
            leadership_transfer: request.leadership_transfer,
        };
        let response = match pre_vote {
            true => self.raft.pre_vote(request).await,
            false => self.raft.vote(request).await,
        };
        let response = response.map_err(unavailable)?;
        Ok(RaftVoteResponse {
            error_code: ErrorCode::None,
            granted: response.vote_granted,
            ballot: (&response.vote).into(),
            last: response.last_log_id.map(Position::from),
        })
    }

    pub(crate) async fn snapshot(&self, request: RaftSnapshotRequest) -> RaftSnapshotResponse {
        match self.try_snapshot(request).await {
            Ok(response) => response,
            Err(error_code) => RaftSnapshotResponse { error_code, ..Default::default() },
        }
    }

    async fn try_snapshot(
        &self,
        request: RaftSnapshotRequest,
    ) -> Result<RaftSnapshotResponse, ErrorCode> {
        self.check(&request.cluster_id, request.target)?;
        let whole = {
            let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
            incoming.take(&request)?
        };
        let mut answer = RaftSnapshotResponse { ballot: request.ballot, ..Default::default() };
        if let Some(snapshot) = whole {
            let meta = SnapshotMeta::try_from(request.description)
                .map_err(|_| ErrorCode::InvalidRequest)?;
            let snapshot = Snapshot { meta, snapshot };
            let vote = Vote::from(request.ballot);
            let installed = self.raft.install_full_snapshot(vote, snapshot).await;
            answer.ballot = (&installed.map_err(unavailable_core)?.vote).into();
        }
        Ok(answer)
    }

    /// Whether a request is meant for this voter of this cluster.
    fn check(&self, cluster_id: &str, target: VoterKey) -> Result<(), ErrorCode> {
        if *cluster_id != *self.config.cluster_id {
            tracing::warn!(cluster_id, "a voter of another cluster asks here");
            return Err(ErrorCode::InconsistentClusterId);
        }
        if target != self.config.key {
            tracing::warn!(%target, "a voter asks here for another one");
            return Err(ErrorCode::InvalidVoterKey);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Quorum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quorum").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The quorum has stopped here; the other voter tries again when this node is back.
fn unavailable<E: std::fmt::Debug>(error: RaftError<TypeConfig, E>) -> ErrorCode {
    tracing::debug!(?error, "a voter was not answered");
    ErrorCode::BrokerNotAvailable
}

fn unavailable_core(error: Fatal<TypeConfig>) -> ErrorCode {
    tracing::debug!(%error, "a voter was not answered");
    ErrorCode::BrokerNotAvailable
}

fn stopped(fatal: Fatal<TypeConfig>) -> Error {
    Error::Stopped(fatal.to_string())
}

fn raft_config(config: &QuorumConfig) -> Result<Config, Error> {
    let election = millis(config.election_timeout);
    let config = Config {
        cluster_name: config.cluster_id.to_string(),
        heartbeat_interval: millis(config.heartbeat_interval),
        election_timeout_min: election,
        election_timeout_max: 2 * election,
        install_snapshot_timeout: millis(SNAPSHOT_TIMEOUT),
        snapshot_policy: SnapshotPolicy::LogsSinceLast(config.snapshot_entries),
        max_in_snapshot_log_to_keep: config.snapshot_entries_kept,
        replication_lag_threshold: config.snapshot_entries + config.snapshot_entries_kept,
        api_channel_size: Some(CORE_QUEUE_MAX),
        notification_channel_size: Some(CORE_QUEUE_MAX),
        state_machine_channel_size: Some(CORE_QUEUE_MAX),
        // A node that comes back doesn't depose a healthy leader.
        enable_pre_vote: Some(true),
        // A leader that comes back in its old term would decide on an image that may lack what it
        // had committed itself (KAFKA-10527); it is elected anew, and its first entry tells.
        enable_leader_restore: Some(false),
        ..Config::default()
    };
    config.validate().map_err(|error| Error::Settings(error.to_string()))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a timeout is below 500 million years")
}
