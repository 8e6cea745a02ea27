//! A topic's life: created, grown, deleted, and created again as another one.

use protocol::{
    BrokerId, ErrorCode, Offset, PartitionIndex,
    api::{
        create_partitions::{
            CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
        },
        create_topics::{CreatableReplicaAssignment, CreatableTopic, CreateTopicsRequest},
        delete_topics::{DeleteTopicState, DeleteTopicsRequest},
        list_offsets::LATEST,
        metadata::MetadataRequest,
    },
};

use crate::{
    client::{Client, Topic, produce_request},
    node::TestNode,
    records::{batch, values},
};

pub(crate) async fn delete(client: &mut Client, topic: &Topic) {
    let topics = vec![DeleteTopicState { name: None, topic_id: topic.id }];
    let response = client.call(6, &DeleteTopicsRequest { topics, ..Default::default() }).await;
    let deleted = &response.responses[0];
    assert_eq!(deleted.error_code, ErrorCode::None, "{:?}", deleted.error_message);
    assert_eq!(deleted.name.as_ref(), Some(&topic.name));
}

async fn partition_count(client: &mut Client, name: &str) -> usize {
    let response = client.call(13, &MetadataRequest::default()).await;
    let mut topics = response.topics.iter();
    let found = topics.find(|topic| topic.name.as_ref().unwrap().as_str() == name);
    found.map_or(0, |topic| topic.partitions.len())
}

#[tokio::test]
async fn a_topic_can_be_used_as_soon_as_it_is_created() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    for index in 0..10 {
        let topic = client.create_topic(&format!("t{index}"), 2, &[]).await;
        assert_eq!(client.append(&topic, batch(&["at once"])).await, Offset(0));
    }
}

#[tokio::test]
async fn validate_only_creates_nothing() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = CreatableTopic {
        name: "t".into(),
        num_partitions: 5,
        replication_factor: 1,
        ..Default::default()
    };
    let request =
        CreateTopicsRequest { topics: vec![topic], validate_only: true, ..Default::default() };
    let response = client.call(7, &request).await;
    assert_eq!(response.topics[0].error_code, ErrorCode::None);
    assert_eq!(partition_count(&mut client, "t").await, 0);

    client.create_topic("u", 1, &[]).await;
    let topics = vec![CreatePartitionsTopic { name: "u".into(), count: 4, assignments: None }];
    let request = CreatePartitionsRequest { topics, validate_only: true, ..Default::default() };
    assert_eq!(client.call(3, &request).await.results[0].error_code, ErrorCode::None);
    assert_eq!(partition_count(&mut client, "u").await, 1);
}

#[tokio::test]
async fn replicas_can_be_assigned_explicitly() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let assignment = |index| CreatableReplicaAssignment {
        partition_index: PartitionIndex(index),
        broker_ids: vec![BrokerId(1)],
    };
    let topic = CreatableTopic {
        name: "t".into(),
        num_partitions: -1,
        replication_factor: -1,
        assignments: vec![assignment(0), assignment(1)],
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    for version in [2, 7] {
        let expected = if version == 2 { ErrorCode::None } else { ErrorCode::TopicAlreadyExists };
        assert_eq!(client.call(version, &request).await.topics[0].error_code, expected);
    }
    assert_eq!(partition_count(&mut client, "t").await, 2);
    let more = CreatePartitionsTopic {
        name: "t".into(),
        count: 3,
        assignments: Some(vec![CreatePartitionsAssignment { broker_ids: vec![BrokerId(1)] }]),
    };
    let request = CreatePartitionsRequest { topics: vec![more], ..Default::default() };
    assert_eq!(client.call(3, &request).await.results[0].error_code, ErrorCode::None);
    assert_eq!(partition_count(&mut client, "t").await, 3);
}

#[tokio::test]
async fn new_partitions_can_be_used_as_soon_as_they_are_created() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    for (version, count) in [(0, 2), (1, 3), (2, 4), (3, 5)] {
        let topics = vec![CreatePartitionsTopic { name: "t".into(), count, assignments: None }];
        let request = CreatePartitionsRequest { topics, ..Default::default() };
        assert_eq!(client.call(version, &request).await.results[0].error_code, ErrorCode::None);
        let request = produce_request(1, &topic, &[(count - 1, batch(&["new"]))]);
        let response = client.call(13, &request).await;
        assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::None);
    }
}

#[tokio::test]
async fn a_topic_created_again_is_another_one() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let old = client.create_topic("t", 1, &[]).await;
    client.append(&old, batch(&["old"])).await;
    delete(&mut client, &old).await;
    assert_eq!(client.fetch(&old, 0).await.error_code, ErrorCode::UnknownTopicId);
    assert!(!node.partition_dir("t", 0).exists());

    let new = client.create_topic("t", 1, &[]).await;
    assert_ne!(new.id, old.id);
    assert_eq!(client.list_offset(11, &new, LATEST).await.offset, Offset(0));
    assert_eq!(client.append(&new, batch(&["new"])).await, Offset(0));
    let lost = client.produce(&old, batch(&["late"])).await;
    assert_eq!(lost.error_code, ErrorCode::UnknownTopicId, "meant for the one that is gone");

    let node = node.restart().await;
    let data = node.connect().await.fetch(&new, 0).await;
    assert_eq!(values(data.records.as_ref()), [(Offset(0), "new".to_owned())]);
}

#[tokio::test]
async fn nothing_is_deleted_where_that_is_forbidden() {
    let node = TestNode::start(&["delete.topic.enable=false"]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let topics = vec![DeleteTopicState { name: Some(topic.name.clone()), ..Default::default() }];
    let response = client.call(6, &DeleteTopicsRequest { topics, ..Default::default() }).await;
    assert_eq!(response.responses[0].error_code, ErrorCode::TopicDeletionDisabled);
    client.append(&topic, batch(&["still there"])).await;
}

#[tokio::test]
async fn topics_and_records_survive_a_restart() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 3, &[("retention.ms", "12345678")]).await;
    client.append(&topic, batch(&["kept"])).await;
    let cluster_id = node.node().cluster_id().to_owned();
    let node = node.restart().await;
    assert_eq!(node.node().cluster_id(), cluster_id);
    let mut client = node.connect().await;
    assert_eq!(partition_count(&mut client, "t").await, 3);
    let data = client.fetch(&topic, 0).await;
    assert_eq!(values(data.records.as_ref()), [(Offset(0), "kept".to_owned())]);
}
