//! Every API at every version that is advertised: it answers, in that version's form, to the last
//! byte.

use bytes::Bytes;
use controller::events::ClusterEventsRequest;
use protocol::{
    ErrorCode, Message, Offset, Request,
    api::{
        api_versions::ApiVersionsRequest,
        create_partitions::CreatePartitionsRequest,
        create_topics::{CreatableTopic, CreateTopicsRequest},
        delete_topics::DeleteTopicsRequest,
        describe_cluster::{DescribeClusterRequest, ENDPOINT_BROKERS, ENDPOINT_CONTROLLERS},
        describe_configs::DescribeConfigsRequest,
        describe_quorum::DescribeQuorumRequest,
        elect_leaders::ElectLeadersRequest,
        fetch::FetchRequest,
        find_coordinator::FindCoordinatorRequest,
        incremental_alter_configs::IncrementalAlterConfigsRequest,
        init_producer_id::InitProducerIdRequest,
        list_offsets::ListOffsetsRequest,
        metadata::MetadataRequest,
        offset_for_leader_epoch::OffsetForLeaderEpochRequest,
        produce::ProduceRequest,
        update_features::UpdateFeaturesRequest,
    },
};

use crate::{
    client::{Client, FIRST_EPOCH},
    node::TestNode,
    records::{batch, values},
};

/// What Apache Kafka 4.2 advertises of what is served here.
const KAFKA: &[(i16, i16, i16)] = &[
    (0, 0, 13),
    (1, 4, 18),
    (2, 1, 11),
    (3, 0, 13),
    (10, 0, 6),
    (18, 0, 4),
    (19, 2, 7),
    (20, 1, 6),
    (22, 0, 5),
    (23, 2, 4),
    (32, 1, 4),
    (37, 0, 3),
    (43, 0, 2),
    (44, 0, 1),
    (55, 0, 2),
    (57, 0, 2),
    (60, 0, 2),
];

fn software() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "it".to_owned(),
        client_software_version: "1".to_owned(),
    }
}

#[tokio::test]
async fn kafkas_ranges_are_advertised_at_every_version() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    for version in 0..=4 {
        let response = client.call(version, &software()).await;
        assert_eq!(response.error_code, ErrorCode::None);
        let ranges = response.api_keys.iter();
        let ranges: Vec<_> = ranges.map(|a| (a.api_key, a.min_version, a.max_version)).collect();
        // After Kafka's own ranges there is one of ours.
        assert_eq!(ranges, [KAFKA, &[(10_005, 0, 0)]].concat());
        let has_features = !response.finalized_features.is_empty();
        assert_eq!(has_features, version >= 3);
        // KAFKA-17011: a client that speaks version 3 can't read a lowest version of 0.
        let lowest = response.supported_features.iter().map(|feature| feature.min_version);
        assert!(version >= 4 || lowest.min() != Some(0));
        assert_eq!(response.throttle_time_ms, 0);
    }
}

async fn answers_at_every_version<R: Request>(client: &mut Client, request: R) {
    for version in R::VERSIONS {
        client.call(version, &request).await;
    }
}

#[tokio::test]
async fn the_emptiest_request_has_an_answer_at_every_version() {
    let node = TestNode::start(&[]).await;
    let mut c = node.connect().await;
    answers_at_every_version(&mut c, software()).await;
    answers_at_every_version(&mut c, MetadataRequest::default()).await;
    answers_at_every_version(&mut c, ProduceRequest { acks: 1, ..Default::default() }).await;
    answers_at_every_version(&mut c, FetchRequest::default()).await;
    answers_at_every_version(&mut c, ListOffsetsRequest::default()).await;
    answers_at_every_version(&mut c, OffsetForLeaderEpochRequest::default()).await;
    answers_at_every_version(&mut c, InitProducerIdRequest::default()).await;
    answers_at_every_version(&mut c, CreateTopicsRequest::default()).await;
    answers_at_every_version(&mut c, CreatePartitionsRequest::default()).await;
    answers_at_every_version(&mut c, DeleteTopicsRequest::default()).await;
    answers_at_every_version(&mut c, DescribeConfigsRequest::default()).await;
    answers_at_every_version(&mut c, IncrementalAlterConfigsRequest::default()).await;
    answers_at_every_version(&mut c, DescribeClusterRequest::default()).await;
    answers_at_every_version(&mut c, ElectLeadersRequest::default()).await;
    answers_at_every_version(&mut c, DescribeQuorumRequest::default()).await;
    answers_at_every_version(&mut c, UpdateFeaturesRequest::default()).await;
    answers_at_every_version(&mut c, FindCoordinatorRequest::default()).await;
    answers_at_every_version(&mut c, ClusterEventsRequest::default()).await;
}

#[tokio::test]
async fn produce_and_fetch_agree_at_all_pairs_of_versions() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let mut expected = Vec::new();
    for version in 3..=13 {
        let value = format!("produced at {version}");
        let acks = if version % 2 == 0 { 1 } else { -1 };
        let response = client.produce_at(version, acks, &topic, batch(&[&value])).await;
        assert_eq!(response.error_code, ErrorCode::None, "{:?}", response.error_message);
        assert_eq!(response.base_offset, Offset(i64::from(version) - 3));
        assert_eq!(response.log_append_time_ms.0, -1);
        assert_eq!(response.log_start_offset, Offset(if version >= 5 { 0 } else { -1 }));
        expected.push((response.base_offset, value));
    }
    for version in 4..=18 {
        let data = client.fetch_at(version, &topic, 0).await;
        assert_eq!(data.error_code, ErrorCode::None);
        assert_eq!(values(data.records.as_ref()), expected, "fetched at {version}");
        assert_eq!(data.high_watermark, Offset(11));
        assert_eq!(data.last_stable_offset, Offset(11));
        assert_eq!(data.log_start_offset, Offset(if version >= 5 { 0 } else { -1 }));
        assert_eq!(data.preferred_read_replica.0, -1);
    }
}

#[tokio::test]
async fn a_topic_can_be_created_and_deleted_at_every_version() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    for version in CreateTopicsRequest::VERSIONS {
        let name = format!("created-at-{version}");
        let defaults = if version >= 4 { -1 } else { 1 };
        let topic = CreatableTopic {
            name: name.as_str().into(),
            num_partitions: i32::from(defaults),
            replication_factor: defaults,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        let created = client.call(version, &request).await.topics.remove(0);
        assert_eq!(created.error_code, ErrorCode::None, "{:?}", created.error_message);
        assert_eq!(created.topic_id == protocol::Uuid::ZERO, version < 7);
        if version >= 5 {
            assert_eq!((created.num_partitions, created.replication_factor), (1, 1));
            let configs = created.configs.unwrap();
            assert!(configs.iter().any(|config| config.name == "retention.ms"));
        }
    }
    for version in DeleteTopicsRequest::VERSIONS {
        let name: protocol::TopicName = format!("created-at-{}", version.max(2)).as_str().into();
        let state = protocol::api::delete_topics::DeleteTopicState {
            name: Some(name.clone()),
            ..Default::default()
        };
        let request = DeleteTopicsRequest {
            topics: vec![state],
            topic_names: vec![name],
            ..Default::default()
        };
        let responses = client.call(version, &request).await.responses;
        let [deleted] = <[_; 1]>::try_from(responses).expect("one answer for one topic");
        let expected = match version {
            // Version 1 has deleted it.
            2 => ErrorCode::UnknownTopicOrPartition,
            _ => ErrorCode::None,
        };
        assert_eq!(deleted.error_code, expected, "deleted at {version}");
    }
}

#[tokio::test]
async fn every_version_of_init_producer_id_gives_another_id() {
    let node = TestNode::start(&[]).await;
    let (mut client, mut other) = (node.connect().await, node.connect().await);
    let mut ids = Vec::new();
    for version in InitProducerIdRequest::VERSIONS {
        for client in [&mut client, &mut other] {
            let response = client.call(version, &InitProducerIdRequest::default()).await;
            assert_eq!((response.error_code, response.producer_epoch.0), (ErrorCode::None, 0));
            ids.push(response.producer_id);
        }
        let transactional = InitProducerIdRequest {
            transactional_id: Some("tx".to_owned()),
            transaction_timeout_ms: 1000,
            ..Default::default()
        };
        let response = client.call(version, &transactional).await;
        assert_eq!(response.error_code, ErrorCode::CoordinatorNotAvailable);
        assert_eq!((response.producer_id.0, response.producer_epoch.0), (-1, -1));
    }
    let node = node.restart().await;
    ids.push(node.connect().await.producer_id().await);
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "no id is given twice");
}

#[tokio::test]
async fn no_coordinator_is_available_at_any_version() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    for version in FindCoordinatorRequest::VERSIONS {
        let request = FindCoordinatorRequest {
            key: "group".to_owned(),
            coordinator_keys: vec!["one".to_owned(), "two".to_owned()],
            ..Default::default()
        };
        let response = client.call(version, &request).await;
        if version < 4 {
            assert_eq!(response.error_code, ErrorCode::CoordinatorNotAvailable);
            assert_eq!(response.node_id.0, -1);
        } else {
            let keys: Vec<_> = response.coordinators.iter().map(|c| c.key.as_str()).collect();
            assert_eq!(keys, ["one", "two"]);
            for coordinator in response.coordinators {
                assert_eq!(coordinator.error_code, ErrorCode::CoordinatorNotAvailable);
            }
        }
    }
}

#[tokio::test]
async fn the_cluster_is_described_at_every_version_by_the_node_that_is_asked() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    for version in DescribeClusterRequest::VERSIONS {
        let request = DescribeClusterRequest {
            include_cluster_authorized_operations: version == 1,
            endpoint_type: ENDPOINT_BROKERS,
            include_fenced_brokers: true,
        };
        let response = client.call(version, &request).await;
        assert_eq!(response.error_code, ErrorCode::None);
        assert_eq!(response.cluster_id, node.node().cluster_id());
        assert_eq!(response.brokers.len(), 1);
        assert_eq!(response.brokers[0].port, i32::from(node.site().broker_port()));
        assert_eq!(response.controller_id, response.brokers[0].broker_id);
        assert_eq!(response.cluster_authorized_operations == i32::MIN, version != 1);
    }
    let controllers =
        DescribeClusterRequest { endpoint_type: ENDPOINT_CONTROLLERS, ..Default::default() };
    let response = client.call(2, &controllers).await;
    assert_eq!(response.error_code, ErrorCode::MismatchedEndpointType);
    let neither = DescribeClusterRequest { endpoint_type: 9, ..Default::default() };
    let response = client.call(2, &neither).await;
    assert_eq!(response.error_code, ErrorCode::UnsupportedEndpointType);

    let mut client = Client::connect(node.site().controller_port()).await;
    let response = client.call(2, &controllers).await;
    assert_eq!(response.error_code, ErrorCode::None);
    assert_eq!(response.brokers.len(), 1);
    assert_eq!(response.brokers[0].port, i32::from(node.site().controller_port()));
}

#[tokio::test]
async fn the_end_of_an_epoch_is_found_at_every_version() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    client.append(&topic, batch(&["a", "b", "c"])).await;
    let first = FIRST_EPOCH.0;
    let end = |epoch, offset| (ErrorCode::None, protocol::LeaderEpoch(epoch), Offset(offset));
    let node = {
        for version in 2..=4 {
            let found = crate::bad_requests::epoch_end(&mut client, version, &topic, -1, first);
            assert_eq!(found.await, end(first, 3));
        }
        node.restart().await
    };
    let mut client = node.connect().await;
    client.append(&topic, batch(&["d"])).await;
    let newest = client.list_offset(11, &topic, protocol::api::list_offsets::LATEST).await;
    let newest = newest.leader_epoch.0;
    for version in 2..=4 {
        let mut ask = async |epoch| {
            crate::bad_requests::epoch_end(&mut client, version, &topic, newest, epoch).await
        };
        assert_eq!(ask(first).await, end(first, 3), "an epoch ends where the next one starts");
        assert_eq!(ask(newest).await, end(newest, 4));
        assert_eq!(ask(newest + 5).await.2, Offset(-1), "nobody knows that one");
    }
}

#[tokio::test]
async fn what_follows_a_request_in_its_frame_is_ignored() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let id = protocol::CorrelationId(9);
    let request = crate::client::encode(13, id, &MetadataRequest::default());
    let content = Bytes::from([&request[..], b"more"].concat());
    client.send_frame(&content).await;
    client.receive::<MetadataRequest>(13, id).await;
}
