//! More replicas than there are brokers: refused in Kafka's words, and whoever asks for what can be
//! done gets it.

use protocol::{
    BrokerId, ErrorCode, PartitionIndex,
    api::{
        create_partitions::{
            CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
        },
        create_topics::{
            CreatableReplicaAssignment, CreatableTopic, CreatableTopicResult, CreateTopicsRequest,
        },
        metadata::{MetadataRequest, MetadataRequestTopic},
    },
};

use crate::{
    cluster::{create_on, produce_until_acknowledged, three, until_brokers_are, until_isr_is},
    node::TestNode,
};

async fn create(node: &TestNode, topic: CreatableTopic) -> CreatableTopicResult {
    let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
    node.connect().await.call(7, &request).await.topics.remove(0)
}

fn topic(name: &str, replication_factor: i16) -> CreatableTopic {
    CreatableTopic {
        name: name.into(),
        num_partitions: 1,
        replication_factor,
        ..CreatableTopic::default()
    }
}

const FOUR_OF_THREE: &str = "Unable to replicate the partition 4 time(s): The target replication \
     factor of 4 cannot be reached because only 3 broker(s) are registered.";

#[tokio::test]
async fn more_replicas_than_brokers_are_refused() {
    let nodes = three(&["default.replication.factor=4"]).await;
    for node in &nodes {
        until_brokers_are(node, &[1, 2, 3]).await;
        // As asked for, and by default.
        for replication_factor in [4, -1] {
            let refused = create(node, topic("t", replication_factor)).await;
            assert_eq!(refused.error_code, ErrorCode::InvalidReplicationFactor);
            assert_eq!(refused.error_message.as_deref(), Some(FOUR_OF_THREE));
        }
    }
    let refused = create(&nodes[0], topic("t", 0)).await;
    let expected = "Replication factor must be larger than 0, or -1 to use the default value.";
    assert_eq!(refused.error_code, ErrorCode::InvalidReplicationFactor);
    assert_eq!(refused.error_message.as_deref(), Some(expected));

    let created = create(&nodes[1], topic("t", 3)).await;
    assert_eq!((created.error_code, created.replication_factor), (ErrorCode::None, 3));
}

#[tokio::test]
async fn the_log_tells_why_a_topic_is_not_created_on_demand() {
    let nodes = three(&["default.replication.factor=4"]).await;
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    let asked = MetadataRequestTopic { name: Some("t".into()), ..MetadataRequestTopic::default() };
    let request = MetadataRequest { topics: Some(vec![asked]), ..MetadataRequest::default() };
    let answer = nodes[0].connect().await.call(12, &request).await;
    assert_eq!(answer.topics[0].error_code, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(answer.brokers.len(), 3);
    let words = ["WARN", "not be created on demand", "topic=t ", "INVALID_REPLICATION_FACTOR"];
    let line = nodes[0].log().line(&words).await;
    assert!(line.contains(FOUR_OF_THREE), "{line}");
}

#[tokio::test]
async fn replicas_on_brokers_that_do_not_exist_are_refused() {
    let nodes = three(&[]).await;
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    let assignment = CreatableReplicaAssignment {
        partition_index: PartitionIndex(0),
        broker_ids: [1, 2, 4].map(BrokerId).into(),
    };
    let unknown =
        CreatableTopic { num_partitions: -1, assignments: vec![assignment], ..topic("t", -1) };
    let refused = create(&nodes[0], unknown).await;
    let expected = "The manual partition assignment includes broker 4, but no such broker is \
                    registered.";
    assert_eq!(refused.error_code, ErrorCode::InvalidReplicaAssignment);
    assert_eq!(refused.error_message.as_deref(), Some(expected));

    let created = create_on(&nodes[0], "t", &[&[1, 2, 3]], &[]).await;
    let broker_ids = [4, 1, 2].map(BrokerId).into();
    let more = CreatePartitionsTopic {
        name: created.name.clone(),
        count: 2,
        assignments: Some(vec![CreatePartitionsAssignment { broker_ids }]),
    };
    let request =
        CreatePartitionsRequest { topics: vec![more], timeout_ms: 10_000, ..Default::default() };
    let refused = nodes[2].connect().await.call(3, &request).await.results.remove(0);
    assert_eq!(refused.error_code, ErrorCode::InvalidReplicaAssignment);
    assert_eq!(refused.error_message.as_deref(), Some(expected));

    until_isr_is(&nodes[0], &created, 0, &[1, 2, 3]).await;
    produce_until_acknowledged(&nodes[0], &created, 0, "served").await;
}
