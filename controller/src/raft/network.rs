//! The way to the other voters: openraft's requests as messages over one connection each.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use client::{Connection, ConnectionOptions, net::Net};
use openraft::{
    OptionalSend, RaftNetworkFactory, RaftNetworkV2,
    errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::RPCOption,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
    },
};
use protocol::{BrokerId, ErrorCode, Request};
use tokio::time::timeout;

use super::{
    message::{
        Verdict,
        append::{RaftAppendRequest, RaftAppendResponse},
        snapshot::RaftSnapshotRequest,
        vote::RaftVoteRequest,
    },
    stored::encode_entry,
    type_config::{LogId, Snapshot, TypeConfig, Vote, VoterEndpoint, VoterKey},
};

/// How much of a snapshot one request carries.
const SNAPSHOT_PART_BYTES: usize = 1 << 20;

/// Makes the connections.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) net: Arc<dyn Net>,
    pub(crate) cluster_id: Arc<str>,
    /// Where the configuration says that voters are: they may have moved since the log was told.
    pub(crate) listed: Arc<BTreeMap<BrokerId, VoterEndpoint>>,
    /// How long connecting, and one answer, may take.
    pub(crate) timeout: Duration,
    /// Those that couldn't be reached when they were asked last.
    pub(crate) away: Arc<Mutex<BTreeSet<VoterKey>>>,
}

/// One voter, as another one reaches it.
#[derive(Debug)]
pub(crate) struct Peer {
    network: Network,
    target: VoterKey,
    endpoint: VoterEndpoint,
    connection: Option<Connection>,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: VoterKey, endpoint: &VoterEndpoint) -> Peer {
        let endpoint = self.listed.get(&target.node_id).unwrap_or(endpoint).clone();
        Peer { network: self.clone(), target, endpoint, connection: None }
    }
}

/// Why a voter didn't answer, or not with what was asked for.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error("voter {target} at {endpoint} did not answer within {after:?}")]
    TimedOut { target: VoterKey, endpoint: VoterEndpoint, after: Duration },
    #[error("voter {target} at {endpoint} answered {code}")]
    Refused { target: VoterKey, endpoint: VoterEndpoint, code: ErrorCode },
    #[error("voter {target} at {endpoint} answered with an unknown verdict")]
    Unintelligible { target: VoterKey, endpoint: VoterEndpoint },
}

impl From<CallError> for RPCError<TypeConfig> {
    fn from(error: CallError) -> Self {
        match error {
            // The voter is there, only slow or cut off for now.
            CallError::TimedOut { .. } | CallError::Client(client::Error::Disconnected { .. }) => {
                Self::Network(NetworkError::new(&error))
            }
            _ => Self::Unreachable(Unreachable::new(&error)),
        }
    }
}

impl Peer {
    /// Asks, over the connection that there is or a new one. One that failed isn't used again.
    async fn call<R: Request>(
        &mut self,
        request: &R,
        within: Duration,
    ) -> Result<R::Response, CallError> {
        let kept = self.connection.take().filter(|connection| connection.ended().is_none());
        let answering = async {
            let connection = match kept {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let response = connection.call(request).await?;
            Ok::<_, CallError>((connection, response))
        };
        let answered = match timeout(within, answering).await {
            Ok(answered) => answered,
            Err(_) => {
                let (target, endpoint) = self.names();
                Err(CallError::TimedOut { target, endpoint, after: within })
            }
        };
        self.tell_changes(answered.as_ref().err());
        let (connection, response) = answered?;
        self.connection = Some(connection);
        Ok(response)
    }

    /// Tells once that a voter is away, and that it's back.
    fn tell_changes(&self, error: Option<&CallError>) {
        let mut away = self.network.away.lock().unwrap_or_else(PoisonError::into_inner);
        match error {
            Some(error) if away.insert(self.target) => {
                tracing::warn!(voter = %self.target.node_id, "voter isn't reached: {error}");
            }
            None if away.remove(&self.target) => {
                tracing::info!(voter = %self.target.node_id, "voter is reached again");
            }
            _ => {}
        }
    }

    async fn connect(&self) -> Result<Connection, client::Error> {
        let options = ConnectionOptions {
            client_id: Some("ottla-controller".to_owned()),
            connect_timeout: self.network.timeout,
            request_timeout: self.network.timeout,
            ..ConnectionOptions::default()
        };
        let VoterEndpoint { host, port } = &self.endpoint;
        Connection::open(&*self.network.net, host, *port, &options).await
    }

    fn check(&self, code: ErrorCode) -> Result<(), CallError> {
        if code.is_none() {
            return Ok(());
        }
        let (target, endpoint) = self.names();
        Err(CallError::Refused { target, endpoint, code })
    }

    fn names(&self) -> (VoterKey, VoterEndpoint) {
        (self.target, self.endpoint.clone())
    }

    async fn ask_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        pre_vote: bool,
        option: &RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let request = RaftVoteRequest {
            cluster_id: self.network.cluster_id.to_string(),
            target: self.target,
            pre_vote,
            ballot: (&request.vote).into(),
            last: request.last_log_id.map(Into::into),
            leadership_transfer: request.leadership_transfer,
        };
        let response = self.call(&request, option.hard_ttl()).await?;
        self.check(response.error_code)?;
        let last = response.last.map(LogId::from);
        Ok(VoteResponse::new(Vote::from(response.ballot), last, response.granted))
    }

    /// Sends a snapshot part by part.
    async fn send_snapshot(
        &mut self,
        vote: &Vote,
        snapshot: &Snapshot,
        within: Duration,
    ) -> Result<Vote, CallError> {
        let bytes = &snapshot.snapshot;
        let mut position = 0;
        loop {
            let end = bytes.len().min(position + SNAPSHOT_PART_BYTES);
            let request = RaftSnapshotRequest {
                cluster_id: self.network.cluster_id.to_string(),
                target: self.target,
                ballot: vote.into(),
                description: (&snapshot.meta).into(),
                position: position as u64,
                bytes: Bytes::slice(bytes, position..end),
                last: end == bytes.len(),
            };
            let response = self.call(&request, within).await?;
            self.check(response.error_code)?;
            let theirs = Vote::from(response.ballot);
            // A higher vote means that this leader isn't one any more.
            if request.last || theirs != *vote {
                return Ok(theirs);
            }
            position = end;
        }
    }
}

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let request = RaftAppendRequest {
            cluster_id: self.network.cluster_id.to_string(),
            target: self.target,
            ballot: (&request.vote).into(),
            previous: request.prev_log_id.map(Into::into),
            committed: request.leader_commit.map(Into::into),
            entries: request.entries.iter().map(encode_entry).collect(),
        };
        let response = self.call(&request, option.hard_ttl()).await?;
        self.check(response.error_code)?;
        let RaftAppendResponse { verdict, accepted, higher, .. } = response;
        match (verdict, higher) {
            (Verdict::SUCCESS, _) => Ok(AppendEntriesResponse::Success),
            (Verdict::PARTIAL, _) => {
                Ok(AppendEntriesResponse::PartialSuccess(accepted.map(LogId::from)))
            }
            (Verdict::CONFLICT, _) => Ok(AppendEntriesResponse::Conflict),
            (Verdict::HIGHER_VOTE, Some(vote)) => {
                Ok(AppendEntriesResponse::HigherVote(vote.into()))
            }
            _ => {
                let (target, endpoint) = self.names();
                Err(CallError::Unintelligible { target, endpoint }.into())
            }
        }
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.ask_vote(request, false, &option).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.ask_vote(request, true, &option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = self.send_snapshot(&vote, &snapshot, option.hard_ttl()) => match sent {
                Ok(theirs) => Ok(SnapshotResponse::new(theirs)),
                Err(error) => Err(StreamingError::Unreachable(Unreachable::new(&error))),
            },
        }
    }
}
