//! Metadata over the wire: what each version means by all, none and by id, and topics that come into
//! being because somebody asks.

use protocol::{
    BrokerId, ErrorCode, Message, TopicName, Uuid,
    api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse},
};

use crate::{client::Topic, node::TestNode};

const OFF: &[&str] = &["auto.create.topics.enable=false"];

fn named(names: &[&str]) -> MetadataRequest {
    let topic = |name: &&str| MetadataRequestTopic {
        name: Some(TopicName::from(*name)),
        ..MetadataRequestTopic::default()
    };
    let topics = Some(names.iter().map(topic).collect());
    MetadataRequest { topics, ..MetadataRequest::default() }
}

fn by_id(id: Uuid) -> MetadataRequest {
    let topic = MetadataRequestTopic { topic_id: id, name: None };
    MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() }
}

fn names(response: &MetadataResponse) -> Vec<&str> {
    response.topics.iter().map(|topic| topic.name.as_ref().unwrap().as_str()).collect()
}

#[tokio::test]
async fn all_and_none_are_said_as_each_version_says_them() {
    let node = TestNode::start(OFF).await;
    let mut client = node.connect().await;
    for name in ["b", "a"] {
        client.create_topic(name, 1, &[]).await;
    }
    for version in MetadataRequest::VERSIONS {
        // A null is written as an empty list in version 0, which means all there.
        let all = client.call(version, &MetadataRequest::default()).await;
        assert_eq!(names(&all), ["a", "b"], "all at {version}");
        let none = client.call(version, &named(&[])).await;
        assert_eq!(names(&none).is_empty(), version >= 1, "none at {version}");
        let one = client.call(version, &named(&["b"])).await;
        assert_eq!(names(&one), ["b"]);
    }
}

#[tokio::test]
async fn the_cluster_is_described_completely_at_every_version() {
    let node = TestNode::start(&["broker.rack=r1"]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 2, &[]).await;
    for version in MetadataRequest::VERSIONS {
        let mut request = named(&["t"]);
        request.include_topic_authorized_operations = version == 9;
        let response = client.call(version, &request).await;
        assert_eq!(response.throttle_time_ms, 0);
        let broker = &response.brokers[0];
        assert_eq!((broker.node_id, broker.host.as_str()), (BrokerId(1), "127.0.0.1"));
        assert_eq!(broker.port, i32::from(node.site().broker_port()));
        assert_eq!(broker.rack.as_deref(), (version >= 1).then_some("r1"));
        if version >= 1 {
            assert_eq!(response.controller_id, BrokerId(1), "librdkafka waits for a live one");
        }
        if version >= 2 {
            assert_eq!(response.cluster_id.as_deref(), Some(node.node().cluster_id()));
        }
        let described = &response.topics[0];
        assert_eq!(described.topic_id, if version >= 10 { topic.id } else { Uuid::ZERO });
        let operations = described.topic_authorized_operations;
        assert_eq!(operations == i32::MIN, version != 9);
        assert_eq!(described.partitions.len(), 2);
        for (index, partition) in (0..).zip(&described.partitions) {
            assert_eq!(partition.error_code, ErrorCode::None);
            assert_eq!(partition.partition_index.0, index);
            assert_eq!(partition.leader_id, BrokerId(1));
            assert_eq!(partition.replica_nodes, [BrokerId(1)]);
            assert_eq!(partition.isr_nodes, [BrokerId(1)]);
            assert!(partition.offline_replicas.is_empty());
        }
    }
}

#[tokio::test]
async fn a_topic_is_found_by_its_id() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    for version in 12..=13 {
        let found = client.call(version, &by_id(topic.id)).await;
        assert_eq!(names(&found), ["t"]);
        let unknown = client.call(version, &by_id(Topic::unknown().id)).await;
        assert_eq!(unknown.topics[0].error_code, ErrorCode::UnknownTopicId);
        assert_eq!(unknown.topics[0].name, None);
        assert_eq!(unknown.topics[0].topic_id, Topic::unknown().id);
    }
}

#[tokio::test]
async fn a_topic_is_created_when_client_and_broker_both_want_it() {
    let node = TestNode::start(&["num.partitions=3"]).await;
    let mut client = node.connect().await;
    for version in MetadataRequest::VERSIONS {
        let name = format!("asked-for-at-{version}");
        let mut request = named(&[&name]);
        if version >= 4 {
            request.allow_auto_topic_creation = false;
            let response = client.call(version, &request).await;
            assert_eq!(response.topics[0].error_code, ErrorCode::UnknownTopicOrPartition);
        }
        request.allow_auto_topic_creation = true;
        let response = client.call(version, &request).await;
        assert_eq!(response.topics[0].error_code, ErrorCode::None, "{name}");
        assert_eq!(response.topics[0].partitions.len(), 3);
    }
}

#[tokio::test]
async fn no_topic_is_created_where_the_broker_does_not_want_it() {
    let node = TestNode::start(OFF).await;
    let mut client = node.connect().await;
    for version in MetadataRequest::VERSIONS {
        let response = client.call(version, &named(&["wanted"])).await;
        assert_eq!(response.topics[0].error_code, ErrorCode::UnknownTopicOrPartition);
    }
}

#[tokio::test]
async fn an_invalid_name_is_said_to_be_one_and_creates_nothing() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    for version in [0, 4, 13] {
        let response = client.call(version, &named(&["no/good", "fine"])).await;
        assert_eq!(response.topics.len(), 2);
        for topic in response.topics {
            let is_fine = topic.name.unwrap().as_str() == "fine";
            let invalid = ErrorCode::InvalidTopicException;
            assert_eq!(topic.error_code, if is_fine { ErrorCode::None } else { invalid });
        }
    }
    let all = client.call(13, &MetadataRequest::default()).await;
    assert_eq!(names(&all), ["fine"]);
}
