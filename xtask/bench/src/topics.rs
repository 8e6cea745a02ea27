//! What a broker is asked about topics, and about who is in charge of them.

use crate::connection::Connection;
use anyhow::{Context, Result, bail, ensure};
use protocol::api::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::api::describe_quorum::{
    DescribeQuorumPartition, DescribeQuorumRequest, DescribeQuorumTopic, METADATA_TOPIC,
};
use protocol::api::elect_leaders::{ELECTION_PREFERRED, ElectLeadersRequest};
use protocol::api::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponsePartition,
};
use protocol::{BrokerId, ErrorCode, TopicName};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

const METADATA_VERSION: i16 = 9;
const CREATE_TOPICS_VERSION: i16 = 5;
const DESCRIBE_QUORUM_VERSION: i16 = 0;
const ELECT_LEADERS_VERSION: i16 = 1;

/// How long a cluster may take to do what it was asked.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it's looked: a large topic's metadata is some work by itself.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// How many partitions a topic has, and how many replicas each of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) partitions: i32,
    pub(crate) replicas: i16,
}

/// Creates a topic, unless it is there already, and waits until all its partitions have leaders.
/// Configurations are names and values.
pub(crate) fn create_topic(
    address: SocketAddr,
    topic: &TopicName,
    spread: Spread,
    configs: &[(&str, &str)],
) -> Result<()> {
    let mut connection = Connection::open(address)?;
    let topics = std::slice::from_ref(topic);
    if !is_ready(&metadata(&mut connection, topics)?, spread.partitions, is_led) {
        create_topics(&mut connection, topics, spread, configs)?;
    }
    wait_for_leaders(&mut connection, topics, spread)
}

/// Creates topics with one request.
pub(crate) fn create_topics(
    connection: &mut Connection,
    topics: &[TopicName],
    spread: Spread,
    configs: &[(&str, &str)],
) -> Result<()> {
    let configs: Vec<CreatableTopicConfig> = configs
        .iter()
        .map(|&(name, value)| CreatableTopicConfig {
            name: name.to_owned(),
            value: Some(value.to_owned()),
        })
        .collect();
    let topics = topics.iter().map(|name| CreatableTopic {
        name: name.clone(),
        num_partitions: spread.partitions,
        replication_factor: spread.replicas,
        configs: configs.clone(),
        ..CreatableTopic::default()
    });
    let request =
        CreateTopicsRequest { topics: topics.collect(), ..CreateTopicsRequest::default() };
    let response = connection.call(&request, CREATE_TOPICS_VERSION)?;
    for topic in response.topics {
        if topic.error_code != ErrorCode::None {
            bail!("creating {}: {:?}, {:?}", topic.name, topic.error_code, topic.error_message);
        }
    }
    Ok(())
}

/// Waits until every partition of the topics has a leader.
pub(crate) fn wait_for_leaders(
    connection: &mut Connection,
    topics: &[TopicName],
    spread: Spread,
) -> Result<()> {
    wait(connection, topics, spread, is_led).context("a topic gets no leaders")
}

/// Waits until all replicas of the topics are in sync.
pub(crate) fn wait_until_in_sync(
    connection: &mut Connection,
    topics: &[TopicName],
    spread: Spread,
) -> Result<()> {
    let is_in_sync = |partition: &MetadataResponsePartition| {
        is_led(partition) && partition.isr_nodes.len() == partition.replica_nodes.len()
    };
    wait(connection, topics, spread, is_in_sync).context("replicas stay out of sync")
}

/// Has the first replica of each partition lead it, and waits until they do.
pub(crate) fn restore_leaders(
    connection: &mut Connection,
    topics: &[TopicName],
    spread: Spread,
) -> Result<()> {
    let request = ElectLeadersRequest {
        election_type: ELECTION_PREFERRED,
        topic_partitions: None,
        ..ElectLeadersRequest::default()
    };
    let response = connection.call(&request, ELECT_LEADERS_VERSION)?;
    ensure!(response.error_code.is_none(), "electing leaders: {:?}", response.error_code);
    let is_restored = |partition: &MetadataResponsePartition| {
        is_led(partition) && partition.replica_nodes.first() == Some(&partition.leader_id)
    };
    wait(connection, topics, spread, is_restored).context("leaders don't return")
}

/// Who leads the partitions of a topic, by index, as a broker knows it.
pub(crate) fn leaders(
    connection: &mut Connection,
    topic: &TopicName,
) -> Result<Vec<(i32, BrokerId)>> {
    let metadata = metadata(connection, std::slice::from_ref(topic))?;
    let partitions = metadata.topics.into_iter().flat_map(|topic| topic.partitions);
    Ok(partitions
        .filter(is_led)
        .map(|partition| (partition.partition_index.0, partition.leader_id))
        .collect())
}

/// Which node's controller is the active one.
pub(crate) fn active_controller(connection: &mut Connection) -> Result<BrokerId> {
    let partition = DescribeQuorumPartition { partition_index: 0.into() };
    let topic =
        DescribeQuorumTopic { topic_name: METADATA_TOPIC.into(), partitions: vec![partition] };
    let request = DescribeQuorumRequest { topics: vec![topic] };
    let response = connection.call(&request, DESCRIBE_QUORUM_VERSION)?;
    ensure!(response.error_code.is_none(), "describing the quorum: {:?}", response.error_code);
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let quorum = partitions.next().context("an answer without the quorum")?;
    Ok(quorum.leader_id)
}

pub(crate) fn metadata(
    connection: &mut Connection,
    topics: &[TopicName],
) -> Result<MetadataResponse> {
    let topics = topics.iter().map(|name| MetadataRequestTopic {
        name: Some(name.clone()),
        ..MetadataRequestTopic::default()
    });
    let request = MetadataRequest {
        topics: Some(topics.collect()),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    };
    connection.call(&request, METADATA_VERSION)
}

/// Waits until every partition of the topics is as wanted.
fn wait(
    connection: &mut Connection,
    topics: &[TopicName],
    spread: Spread,
    wanted: impl Fn(&MetadataResponsePartition) -> bool + Copy,
) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_ready(&metadata(connection, topics)?, spread.partitions, wanted) {
        ensure!(Instant::now() < deadline, "not within {PATIENCE:?}");
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn is_ready(
    metadata: &MetadataResponse,
    partitions: i32,
    wanted: impl Fn(&MetadataResponsePartition) -> bool + Copy,
) -> bool {
    metadata.topics.iter().all(|topic| {
        let ready = topic.partitions.iter().filter(|partition| wanted(partition)).count();
        i32::try_from(ready).is_ok_and(|ready| ready >= partitions)
    })
}

fn is_led(partition: &MetadataResponsePartition) -> bool {
    partition.error_code == ErrorCode::None && partition.leader_id.0 >= 0
}
