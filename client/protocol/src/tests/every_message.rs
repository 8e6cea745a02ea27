//! The list of all messages, each with its twin in the oracle: the `kafka-protocol` crate.

use kafka_protocol::{messages as theirs, protocol as their};

use super::generate::Generate;
use crate::{ApiKey, DecodeError, Message, Reader, api::*};

/// What a test does with each message.
pub(super) trait Visitor {
    fn visit<Ours, Theirs>(&mut self)
    where
        Ours: Message + Generate,
        Theirs: their::Message + their::Encodable + their::Decodable + std::fmt::Debug;
}

macro_rules! every_message {
    ($($file:ident: $request:ident, $response:ident;)*) => {
        /// Shows a visitor every request and every response.
        pub(super) fn visit_every_message(visitor: &mut impl Visitor) {
            $(
                visitor.visit::<$file::$request, theirs::$request>();
                visitor.visit::<$file::$response, theirs::$response>();
            )*
        }

        const VISITED: &[(ApiKey, &str, &str)] = &[$(
            (
                <$file::$request as Message>::KEY,
                <$file::$request as Message>::NAME,
                <$file::$response as Message>::NAME,
            ),
        )*];
    };
}

every_message! {
    produce: ProduceRequest, ProduceResponse;
    fetch: FetchRequest, FetchResponse;
    list_offsets: ListOffsetsRequest, ListOffsetsResponse;
    metadata: MetadataRequest, MetadataResponse;
    find_coordinator: FindCoordinatorRequest, FindCoordinatorResponse;
    api_versions: ApiVersionsRequest, ApiVersionsResponse;
    create_topics: CreateTopicsRequest, CreateTopicsResponse;
    delete_topics: DeleteTopicsRequest, DeleteTopicsResponse;
    init_producer_id: InitProducerIdRequest, InitProducerIdResponse;
    offset_for_leader_epoch: OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
    describe_configs: DescribeConfigsRequest, DescribeConfigsResponse;
    create_partitions: CreatePartitionsRequest, CreatePartitionsResponse;
    elect_leaders: ElectLeadersRequest, ElectLeadersResponse;
    incremental_alter_configs: IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
    describe_quorum: DescribeQuorumRequest, DescribeQuorumResponse;
    alter_partition: AlterPartitionRequest, AlterPartitionResponse;
    update_features: UpdateFeaturesRequest, UpdateFeaturesResponse;
    envelope: EnvelopeRequest, EnvelopeResponse;
    describe_cluster: DescribeClusterRequest, DescribeClusterResponse;
    broker_registration: BrokerRegistrationRequest, BrokerRegistrationResponse;
    broker_heartbeat: BrokerHeartbeatRequest, BrokerHeartbeatResponse;
    allocate_producer_ids: AllocateProducerIdsRequest, AllocateProducerIdsResponse;
    assign_replicas_to_dirs: AssignReplicasToDirsRequest, AssignReplicasToDirsResponse;
}

#[test]
fn a_version_that_is_not_described_is_refused() {
    let frame = bytes::Bytes::from_static(&[0; 100]);
    for version in [i16::MIN, 0, 2, 14, i16::MAX] {
        let read = produce::ProduceRequest::read(&mut Reader::new(frame.clone()), version);
        assert_eq!(read, Err(DecodeError::UnsupportedVersion(version)));
    }
    assert_eq!(produce::ProduceRequest::ADVERTISED, 0..=13);
    assert_eq!(fetch::FetchRequest::ADVERTISED, fetch::FetchRequest::VERSIONS);
}

#[test]
fn the_list_holds_every_api_of_kafkas() {
    let listed: Vec<_> = VISITED.iter().map(|(key, ..)| *key).collect();
    let kafkas: Vec<_> = ApiKey::ALL.iter().copied().filter(|key| !key.is_ours()).collect();
    assert_eq!(listed, kafkas);
    for (key, request, response) in VISITED {
        assert_eq!(*request, format!("{}Request", key.name()));
        assert_eq!(*response, format!("{}Response", key.name()));
    }
}
