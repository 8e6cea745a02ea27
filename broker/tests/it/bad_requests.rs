//! Requests for what isn't there, or may not be: Kafka's error for each, and nothing happens.

use protocol::{
    BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionIndex, Timestamp,
    api::{
        create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic},
        create_topics::{
            CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
        },
        delete_topics::{DeleteTopicState, DeleteTopicsRequest},
        list_offsets::{
            EARLIEST_LOCAL, EARLIEST_PENDING_UPLOAD, LATEST, LATEST_TIERED, ListOffsetsRequest,
            MAX_TIMESTAMP,
        },
        metadata::MetadataRequest,
        offset_for_leader_epoch::{
            OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
        },
    },
};

use crate::{
    client::{Client, Topic, fetch_request, only_partition, produce_request},
    node::TestNode,
    records::batch,
};

#[tokio::test]
async fn an_unknown_topic_has_an_error_of_its_own_in_every_api() {
    let node = TestNode::start(&["auto.create.topics.enable=false"]).await;
    let mut client = node.connect().await;
    let unknown = Topic::unknown();
    let by_name = ErrorCode::UnknownTopicOrPartition;
    let by_id = ErrorCode::UnknownTopicId;

    for (version, error) in [(3, by_name), (12, by_name), (13, by_id)] {
        let response = client.produce_at(version, 1, &unknown, batch(&["lost"])).await;
        assert_eq!((response.error_code, response.base_offset), (error, Offset(-1)));
    }
    for (version, error) in [(4, by_name), (12, by_name), (13, by_id), (18, by_id)] {
        let data = client.fetch_at(version, &unknown, 0).await;
        assert_eq!((data.error_code, data.high_watermark), (error, Offset(-1)));
    }
    for version in [1, 11] {
        let found = client.list_offset(version, &unknown, LATEST).await;
        assert_eq!((found.error_code, found.offset), (by_name, Offset(-1)));
    }
    for version in [2, 4] {
        let found = epoch_end(&mut client, version, &unknown, 0, 0).await;
        assert_eq!(found, (by_name, LeaderEpoch(-1), Offset(-1)));
    }
}

#[tokio::test]
async fn an_unknown_partition_of_a_known_topic_is_refused() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let unknown = ErrorCode::UnknownTopicOrPartition;
    for index in [1, -1, i32::MAX] {
        for version in [12, 13] {
            let request = produce_request(1, &topic, &[(index, batch(&["lost"]))]);
            let response = client.call(version, &request).await;
            assert_eq!(response.responses[0].partition_responses[0].error_code, unknown);
            let response = client.call(version, &fetch_request(&topic, &[(index, 0)])).await;
            assert_eq!(only_partition(response).error_code, unknown);
        }
    }
}

#[tokio::test]
async fn an_offset_outside_of_the_log_is_out_of_range() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    client.append(&topic, batch(&["a", "b"])).await;
    for offset in [3, -1, i64::MIN, i64::MAX] {
        let data = client.fetch(&topic, offset).await;
        assert_eq!(data.error_code, ErrorCode::OffsetOutOfRange, "{offset}");
        assert!(data.records.unwrap().is_empty());
    }
    assert_eq!(client.fetch(&topic, 2).await.error_code, ErrorCode::None, "the end is no error");
}

#[tokio::test]
async fn a_leader_epoch_from_the_future_is_not_known() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let mut request = fetch_request(&topic, &[(0, 0)]);
    request.topics[0].partitions[0].current_leader_epoch = LeaderEpoch(99);
    for version in [9, 18] {
        let data = only_partition(client.call(version, &request).await);
        assert_eq!(data.error_code, ErrorCode::UnknownLeaderEpoch);
    }
    let data = only_partition(client.call(8, &request).await);
    assert_eq!(data.error_code, ErrorCode::None, "version 8 doesn't know of epochs");
    let found = epoch_end(&mut client, 4, &topic, 99, 0).await;
    assert_eq!(found.0, ErrorCode::UnknownLeaderEpoch);
}

/// A leader that was restarted is in another epoch: who believes in the one before is told so.
#[tokio::test]
async fn a_leader_epoch_of_the_past_is_fenced() {
    let node = TestNode::start(&[]).await;
    let topic = node.connect().await.create_topic("t", 1, &[]).await;
    let node = node.restart().await;
    let mut client = node.connect().await;
    let epoch = client.list_offset(11, &topic, LATEST).await.leader_epoch;
    assert!(epoch > LeaderEpoch(0), "{epoch}");
    let mut request = fetch_request(&topic, &[(0, 0)]);
    request.topics[0].partitions[0].current_leader_epoch = LeaderEpoch(0);
    let data = only_partition(client.call(18, &request).await);
    assert_eq!(data.error_code, ErrorCode::FencedLeaderEpoch);
    assert_eq!(data.current_leader.leader_id, BrokerId(1));
    assert_eq!(data.current_leader.leader_epoch, epoch);
}

#[tokio::test]
async fn a_sentinel_that_a_version_lacks_is_refused() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let sentinels = [
        (MAX_TIMESTAMP, 7),
        (EARLIEST_LOCAL, 8),
        (LATEST_TIERED, 9),
        (EARLIEST_PENDING_UPLOAD, 11),
    ];
    for (sentinel, from) in sentinels {
        let early = client.list_offset(from - 1, &topic, sentinel).await;
        assert_eq!(early.error_code, ErrorCode::UnsupportedVersion, "{sentinel}");
        assert_eq!(client.list_offset(from, &topic, sentinel).await.error_code, ErrorCode::None);
    }
    let unheard_of = client.list_offset(11, &topic, Timestamp(-7)).await;
    assert_eq!(unheard_of.error_code, ErrorCode::UnsupportedVersion);
    let empty = client.call(11, &ListOffsetsRequest::default()).await;
    assert!(empty.topics.is_empty());
}

fn topic(name: &str) -> CreatableTopic {
    let name = name.into();
    CreatableTopic { name, num_partitions: 1, replication_factor: 1, ..Default::default() }
}

async fn create(client: &mut Client, topic: CreatableTopic) -> ErrorCode {
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let mut response = client.call(7, &request).await;
    let result = response.topics.remove(0);
    if !result.error_code.is_none() {
        assert!(result.error_message.is_some(), "people read it: {:?}", result.error_code);
    }
    result.error_code
}

#[tokio::test]
async fn a_topic_with_an_invalid_name_is_not_created() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let long = "a".repeat(250);
    for name in ["", ".", "..", "a/b", "a b", "ä", "a\0", &long] {
        assert_eq!(create(&mut client, topic(name)).await, ErrorCode::InvalidTopicException);
    }
    assert_eq!(create(&mut client, topic(&long[1..])).await, ErrorCode::None);
    assert_eq!(create(&mut client, topic("a.b")).await, ErrorCode::None);
    let collides = create(&mut client, topic("a_b")).await;
    assert_eq!(collides, ErrorCode::InvalidTopicException, "the names of metrics would collide");
    assert_eq!(create(&mut client, topic("a.b")).await, ErrorCode::TopicAlreadyExists);
    let all = client.call(13, &MetadataRequest::default()).await;
    assert_eq!(all.topics.len(), 2);
}

#[tokio::test]
async fn a_topic_with_an_invalid_config_is_not_created() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let configs = [
        ("no.such.key", Some("1")),
        ("retention.ms", Some("soon")),
        ("retention.ms", Some("-2")),
        ("segment.bytes", Some("0")),
        ("cleanup.policy", Some("burn")),
        ("compression.type", Some("rar")),
        ("min.insync.replicas", Some("0")),
        ("message.timestamp.type", Some("now")),
    ];
    for (name, value) in configs {
        let config =
            CreatableTopicConfig { name: name.to_owned(), value: value.map(str::to_owned) };
        let wanted = CreatableTopic { configs: vec![config], ..topic("t") };
        let error = create(&mut client, wanted).await;
        assert_eq!(error, ErrorCode::InvalidConfig, "{name}={value:?}");
    }
}

#[tokio::test]
async fn a_topic_that_the_cluster_cannot_hold_is_not_created() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let wanted = |num_partitions, replication_factor| CreatableTopic {
        num_partitions,
        replication_factor,
        ..topic("t")
    };
    assert_eq!(create(&mut client, wanted(0, 1)).await, ErrorCode::InvalidPartitions);
    assert_eq!(create(&mut client, wanted(-5, 1)).await, ErrorCode::InvalidPartitions);
    assert_eq!(create(&mut client, wanted(1, 0)).await, ErrorCode::InvalidReplicationFactor);
    assert_eq!(create(&mut client, wanted(1, 2)).await, ErrorCode::InvalidReplicationFactor);
    let assigned = |brokers: &[i32]| CreatableTopic {
        num_partitions: -1,
        replication_factor: -1,
        assignments: vec![CreatableReplicaAssignment {
            partition_index: PartitionIndex(0),
            broker_ids: brokers.iter().copied().map(BrokerId).collect(),
        }],
        ..topic("t")
    };
    for brokers in [&[9][..], &[], &[1, 1]] {
        let error = create(&mut client, assigned(brokers)).await;
        assert_eq!(error, ErrorCode::InvalidReplicaAssignment, "{brokers:?}");
    }
    assert_eq!(create(&mut client, assigned(&[1])).await, ErrorCode::None);
}

/// Kafka's limit: ten thousand partitions in one request.
#[tokio::test]
async fn a_request_for_absurdly_many_partitions_is_refused_at_once() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let wanted = CreatableTopic { num_partitions: 1_000_000, ..topic("t") };
    assert_eq!(create(&mut client, wanted).await, ErrorCode::PolicyViolation);
    client.create_topic("u", 1, &[]).await;
    let more = CreatePartitionsTopic { name: "u".into(), count: 1_000_000, assignments: None };
    let request = CreatePartitionsRequest { topics: vec![more], ..Default::default() };
    let refused = client.call(3, &request).await.results.remove(0);
    assert_eq!(refused.error_code, ErrorCode::PolicyViolation);
    client.assert_served().await;
}

#[tokio::test]
async fn a_topic_named_twice_in_one_request_is_refused_both_times() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topics = vec![topic("twice"), topic("once"), topic("twice")];
    let response = client.call(7, &CreateTopicsRequest { topics, ..Default::default() }).await;
    for result in response.topics {
        let twice = result.name.as_str() == "twice";
        let expected = if twice { ErrorCode::InvalidRequest } else { ErrorCode::None };
        assert_eq!(result.error_code, expected, "{}", result.name);
    }
}

#[tokio::test]
async fn partitions_are_never_taken_away() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    client.create_topic("t", 3, &[]).await;
    let mut grow = async |name: &str, count| {
        let topics = vec![CreatePartitionsTopic { name: name.into(), count, assignments: None }];
        let request = CreatePartitionsRequest { topics, ..Default::default() };
        client.call(3, &request).await.results[0].error_code
    };
    for count in [2, 3, 0, -1] {
        assert_eq!(grow("t", count).await, ErrorCode::InvalidPartitions, "{count}");
    }
    assert_eq!(grow("unknown", 5).await, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(grow("t", 4).await, ErrorCode::None);
}

#[tokio::test]
async fn what_does_not_exist_cannot_be_deleted() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let unknown = Topic::unknown();
    let names = vec![unknown.name.clone()];
    let by_name = DeleteTopicsRequest { topic_names: names, ..Default::default() };
    let response = client.call(5, &by_name).await;
    assert_eq!(response.responses.len(), 1);
    assert_eq!(response.responses[0].error_code, ErrorCode::UnknownTopicOrPartition);
    let by_id = DeleteTopicState { name: None, topic_id: unknown.id };
    let by_id = DeleteTopicsRequest { topics: vec![by_id], ..Default::default() };
    let response = client.call(6, &by_id).await;
    assert_eq!(response.responses[0].error_code, ErrorCode::UnknownTopicId);
}

/// (error, epoch, end offset) of an epoch of partition 0.
pub(crate) async fn epoch_end(
    client: &mut Client,
    version: i16,
    topic: &Topic,
    current: i32,
    epoch: i32,
) -> (ErrorCode, LeaderEpoch, Offset) {
    let partition = OffsetForLeaderPartition {
        partition: PartitionIndex(0),
        current_leader_epoch: LeaderEpoch(current),
        leader_epoch: LeaderEpoch(epoch),
    };
    let topics =
        vec![OffsetForLeaderTopic { topic: topic.name.clone(), partitions: vec![partition] }];
    let request = OffsetForLeaderEpochRequest { topics, ..Default::default() };
    let response = client.call(version, &request).await;
    let found = &response.topics[0].partitions[0];
    (found.error_code, found.leader_epoch, found.end_offset)
}
