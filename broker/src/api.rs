//! From a frame to an outcome: one file per API, and the table of what is served where.
//!
//! The versions advertised are Apache Kafka 4.2's. What isn't in the table isn't advertised, and a
//! request for it ends the connection, as in Kafka.

mod active_controller;
mod allocate_producer_ids;
mod alter_partition;
mod api_versions;
mod assign_replicas_to_dirs;
mod broker_heartbeat;
mod broker_registration;
mod cluster_events;
mod create_partitions;
mod create_topics;
mod current_leaders;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_quorum;
mod elect_leaders;
mod envelope;
mod error;
mod fetch;
mod find_coordinator;
mod incremental_alter_configs;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod metadata_poll;
mod offset_for_leader_epoch;
mod produce;
mod quorum;
mod update_features;

use std::{ops::RangeInclusive, sync::Arc};

pub(crate) use error::of_storage;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use protocol::{ApiKey, Message, Reader, Request, RequestHeader, api as message};

use crate::{
    broker::Broker,
    server::{
        Frame,
        answer::Answer,
        connection::Outcome,
        request_context::{ConnectionContext, ListenerKind, RequestContext},
    },
};

/// An API that a listener answers.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) key: ApiKey,
    /// As advertised by ApiVersions.
    pub(crate) versions: RangeInclusive<i16>,
    flexible_from: i16,
    on: On,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Brokers,
    Controllers,
    Both,
}

impl Served {
    const fn new<R: Request>(on: On) -> Self {
        let (key, flexible_from) = (R::KEY, R::FLEXIBLE_FROM);
        Self { key, versions: R::VERSIONS, flexible_from, on }
    }

    /// What a kind of listener answers, by ascending key.
    pub(crate) fn on(kind: ListenerKind) -> impl Iterator<Item = &'static Self> {
        SERVED.iter().filter(move |served| {
            served.on == On::Both || (served.on == On::Brokers) == (kind == ListenerKind::Broker)
        })
    }

    fn find(kind: ListenerKind, key: i16) -> Option<&'static Self> {
        Self::on(kind).find(|served| served.key as i16 == key)
    }
}

const SERVED: &[Served] = &[
    Served {
        // 0 to 2 are advertised and refused: without them an old librdkafka stops compressing
        // (KAFKA-18659).
        versions: 0..=13,
        ..Served::new::<message::produce::ProduceRequest>(On::Brokers)
    },
    Served::new::<message::fetch::FetchRequest>(On::Brokers),
    Served::new::<message::list_offsets::ListOffsetsRequest>(On::Brokers),
    Served::new::<message::metadata::MetadataRequest>(On::Brokers),
    Served::new::<message::find_coordinator::FindCoordinatorRequest>(On::Brokers),
    Served::new::<message::api_versions::ApiVersionsRequest>(On::Both),
    Served::new::<message::create_topics::CreateTopicsRequest>(On::Both),
    Served::new::<message::delete_topics::DeleteTopicsRequest>(On::Both),
    Served::new::<message::init_producer_id::InitProducerIdRequest>(On::Brokers),
    Served::new::<message::offset_for_leader_epoch::OffsetForLeaderEpochRequest>(On::Brokers),
    Served::new::<message::describe_configs::DescribeConfigsRequest>(On::Brokers),
    Served::new::<message::create_partitions::CreatePartitionsRequest>(On::Both),
    Served::new::<message::elect_leaders::ElectLeadersRequest>(On::Both),
    Served::new::<message::incremental_alter_configs::IncrementalAlterConfigsRequest>(On::Both),
    Served::new::<message::describe_quorum::DescribeQuorumRequest>(On::Both),
    Served::new::<message::alter_partition::AlterPartitionRequest>(On::Controllers),
    Served::new::<message::update_features::UpdateFeaturesRequest>(On::Both),
    Served::new::<message::envelope::EnvelopeRequest>(On::Controllers),
    Served::new::<message::describe_cluster::DescribeClusterRequest>(On::Both),
    Served::new::<message::broker_registration::BrokerRegistrationRequest>(On::Controllers),
    Served::new::<message::broker_heartbeat::BrokerHeartbeatRequest>(On::Controllers),
    Served::new::<message::allocate_producer_ids::AllocateProducerIdsRequest>(On::Controllers),
    Served::new::<message::assign_replicas_to_dirs::AssignReplicasToDirsRequest>(On::Controllers),
    Served::new::<controller::message::append::RaftAppendRequest>(On::Controllers),
    Served::new::<controller::message::vote::RaftVoteRequest>(On::Controllers),
    Served::new::<controller::message::snapshot::RaftSnapshotRequest>(On::Controllers),
    Served::new::<controller::metadata_poll::MetadataPollRequest>(On::Controllers),
    Served::new::<controller::founding::VoterIdentityRequest>(On::Controllers),
    Served::new::<controller::events::ClusterEventsRequest>(On::Both),
];

/// Starts a request: decodes it, does what has to be done in order, and says how it is answered.
pub(crate) async fn start(
    broker: Arc<Broker>,
    connection: Arc<ConnectionContext>,
    frame: Frame,
) -> Outcome {
    let Frame { bytes, share: _held_while_the_request_starts } = frame;
    let mut body = Reader::new(bytes.clone());
    let header = match RequestHeader::read(&mut body) {
        Ok(header) => header,
        Err(error) => return Outcome::Close(format!("no request header: {error}")),
    };
    let context = RequestContext::new(Arc::clone(&connection), &header);
    Incoming { broker, context, header, bytes, body }.dispatch().await
}

/// A request whose body isn't decoded yet.
pub(crate) struct Incoming {
    pub(crate) broker: Arc<Broker>,
    pub(crate) context: RequestContext,
    pub(crate) header: RequestHeader,
    /// The whole frame: `body` shares its memory.
    pub(crate) bytes: Bytes,
    pub(crate) body: Reader,
}

impl Incoming {
    /// Boxed, because a forwarded request is dispatched within another one's dispatch.
    pub(crate) fn dispatch(mut self) -> BoxFuture<'static, Outcome> {
        let kind = self.context.connection.kind;
        let Some(served) = Served::find(kind, self.header.api_key) else {
            let key = self.header.api_key;
            return close(format!("unknown API key {key} on listener {:?}", kind));
        };
        let version = self.header.api_version;
        if !served.versions.contains(&version) {
            return match served.key {
                ApiKey::ApiVersions => Box::pin(std::future::ready(api_versions::refuse(&self))),
                key => close(format!("{} has no version {version}", key.name())),
            };
        }
        if let Err(error) = self.header.finish(&mut self.body, version >= served.flexible_from) {
            return close(format!("no request header: {error}"));
        }
        self.broker.metrics.requests.count(served.key);
        self.route(served.key)
    }

    fn route(self, key: ApiKey) -> BoxFuture<'static, Outcome> {
        match key {
            ApiKey::Produce => Box::pin(produce::start(self)),
            ApiKey::Fetch => Box::pin(fetch::start(self)),
            ApiKey::ListOffsets => Box::pin(self.answer(list_offsets::handle)),
            ApiKey::Metadata => Box::pin(self.answer(metadata::handle)),
            ApiKey::FindCoordinator => Box::pin(self.answer(find_coordinator::handle)),
            ApiKey::ApiVersions => Box::pin(self.answer(api_versions::handle)),
            ApiKey::CreateTopics => Box::pin(self.answer(create_topics::handle)),
            ApiKey::DeleteTopics => Box::pin(self.answer(delete_topics::handle)),
            ApiKey::InitProducerId => Box::pin(self.answer(init_producer_id::handle)),
            ApiKey::OffsetForLeaderEpoch => Box::pin(self.answer(offset_for_leader_epoch::handle)),
            ApiKey::DescribeConfigs => Box::pin(self.answer(describe_configs::handle)),
            ApiKey::CreatePartitions => Box::pin(self.answer(create_partitions::handle)),
            ApiKey::Envelope => Box::pin(envelope::start(self)),
            ApiKey::DescribeCluster => Box::pin(self.answer(describe_cluster::handle)),
            ApiKey::BrokerRegistration => Box::pin(self.answer(broker_registration::handle)),
            ApiKey::BrokerHeartbeat => Box::pin(self.answer(broker_heartbeat::handle)),
            ApiKey::AllocateProducerIds => Box::pin(self.answer(allocate_producer_ids::handle)),
            ApiKey::RaftAppend => Box::pin(self.answer(quorum::append)),
            ApiKey::RaftVote => Box::pin(self.answer(quorum::vote)),
            ApiKey::RaftSnapshot => Box::pin(self.answer(quorum::snapshot)),
            ApiKey::MetadataPoll => Box::pin(self.answer(metadata_poll::handle)),
            ApiKey::VoterIdentity => Box::pin(self.answer(quorum::identity)),
            ApiKey::ClusterEvents => Box::pin(self.answer(cluster_events::handle)),
            ApiKey::IncrementalAlterConfigs => {
                Box::pin(self.answer(incremental_alter_configs::handle))
            }
            ApiKey::AlterPartition => Box::pin(self.answer(alter_partition::handle)),
            ApiKey::ElectLeaders => Box::pin(self.answer(elect_leaders::handle)),
            ApiKey::DescribeQuorum => Box::pin(self.answer(describe_quorum::handle)),
            ApiKey::UpdateFeatures => Box::pin(self.answer(update_features::handle)),
            ApiKey::AssignReplicasToDirs => Box::pin(self.answer(assign_replicas_to_dirs::handle)),
        }
    }

    /// Decodes the body, lets the handler answer it, encodes the answer.
    async fn answer<R, F, Answering>(mut self, handler: F) -> Outcome
    where
        R: Request,
        F: FnOnce(Arc<Broker>, RequestContext, R) -> Answering,
        Answering: Future<Output = R::Response>,
    {
        let request = match self.decode::<R>() {
            Ok(request) => request,
            Err(refused) => return refused,
        };
        let (correlation_id, version) = (self.header.correlation_id, self.header.api_version);
        let Self { broker, context, bytes, body, .. } = self;
        drop((bytes, body));
        let response = handler(broker, context, request).await;
        Outcome::Answer(Answer::new(correlation_id, version, &response))
    }

    /// Decodes the body. Kafka has no answer to a body that is none: it ends the connection.
    pub(crate) fn decode<M: Message>(&mut self) -> Result<M, Outcome> {
        M::read(&mut self.body, self.header.api_version)
            .map_err(|error| Outcome::Close(format!("no {}: {error}", M::NAME)))
    }
}

fn close(reason: String) -> BoxFuture<'static, Outcome> {
    Box::pin(std::future::ready(Outcome::Close(reason)))
}
