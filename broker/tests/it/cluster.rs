//! Several nodes that make one cluster, each with its own runtime, ports and directory.

use std::time::Duration;

use broker::InitialControllers;
use protocol::{
    BrokerId, ErrorCode, PartitionIndex,
    api::{
        create_topics::{
            CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
        },
        describe_quorum::{
            DescribeQuorumPartition, DescribeQuorumRequest, DescribeQuorumTopic, METADATA_TOPIC,
        },
        metadata::{MetadataRequest, MetadataRequestTopic},
        produce::PartitionProduceResponse,
    },
};
use tokio::time::{Instant, sleep};

use crate::{
    client::{Topic, fetch_request, only_partition, produce_request},
    node::{Site, TestNode},
    records::{batch, values},
};

pub(crate) const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

/// How long a change of the cluster may take on a busy machine, several sessions included.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(90);

/// How long brokers may take to come or go.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Sites of nodes 1, 2, 3, which are brokers and controllers and know each other's addresses, with
/// settings over those that every test has. Not formatted yet.
pub(crate) fn sites(settings: &[&str]) -> Vec<Site> {
    let mut sites: Vec<_> = (0..3).map(|_| Site::new(settings)).collect();
    let voters: Vec<_> = (1..).zip(&sites).map(|(id, site)| voter(id, site)).collect();
    let voters = format!("controller.quorum.voters={}", voters.join(","));
    for (id, site) in (1..).zip(&mut sites) {
        site.set(&format!("node.id={id}"));
        site.set(&voters);
    }
    sites
}

/// A voter, as `controller.quorum.voters` has it.
pub(crate) fn voter(id: i32, site: &Site) -> String {
    format!("{id}@127.0.0.1:{}", site.controller_port())
}

/// The same, formatted.
pub(crate) fn formatted(settings: &[&str]) -> Vec<Site> {
    let sites = sites(settings);
    format(&sites);
    sites
}

pub(crate) fn format(sites: &[Site]) {
    for site in sites {
        site.format(CLUSTER, &InitialControllers::Configured).unwrap();
    }
}

/// Starts nodes together, as many of them only start when the others do.
pub(crate) async fn start(sites: Vec<Site>) -> Vec<TestNode> {
    let starting: Vec<_> = sites.into_iter().map(|site| tokio::spawn(site.start())).collect();
    let mut nodes = Vec::new();
    for node in starting {
        nodes.push(node.await.unwrap());
    }
    nodes
}

pub(crate) async fn three(settings: &[&str]) -> Vec<TestNode> {
    start(formatted(settings)).await
}

/// Waits until a node answers Metadata with these brokers, and returns how long that took.
pub(crate) async fn until_brokers_are(node: &TestNode, brokers: &[i32]) -> Duration {
    let began = Instant::now();
    let mut client = node.connect().await;
    loop {
        let answer = client.call(12, &MetadataRequest::default()).await;
        let live: Vec<_> = answer.brokers.iter().map(|broker| broker.node_id).collect();
        if live == brokers.iter().copied().map(BrokerId).collect::<Vec<_>>() {
            return began.elapsed();
        }
        assert!(began.elapsed() < WAIT_MAX, "brokers {brokers:?} expected, {live:?} are there");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Asks until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + CHANGE_TIME_MAX;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {CHANGE_TIME_MAX:?}: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Creates a topic with its partitions on these brokers, the preferred leader first.
pub(crate) async fn create_on(
    node: &TestNode,
    name: &str,
    replicas: &[&[i32]],
    configs: &[(&str, &str)],
) -> Topic {
    let assignment = |(index, brokers): (i32, &&[i32])| CreatableReplicaAssignment {
        partition_index: PartitionIndex(index),
        broker_ids: brokers.iter().copied().map(BrokerId).collect(),
    };
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    };
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: -1,
        replication_factor: -1,
        assignments: (0..).zip(replicas).map(assignment).collect(),
        configs: configs.iter().map(config).collect(),
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    until("a controller creates the topic", async || {
        let created = node.connect().await.call(7, &request).await.topics.remove(0);
        match created.error_code {
            ErrorCode::None => Some(Topic { name: created.name, id: created.topic_id }),
            // The controller changed meanwhile, and the one before had created it.
            ErrorCode::TopicAlreadyExists => find(node, name).await,
            ErrorCode::NotController | ErrorCode::RequestTimedOut => None,
            error => panic!("{error}: {:?}", created.error_message),
        }
    })
    .await
}

/// A topic by its name, if a node knows it.
async fn find(node: &TestNode, name: &str) -> Option<Topic> {
    let topic = MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
    let request = MetadataRequest {
        topics: Some(vec![topic]),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    };
    let found = node.connect().await.call(12, &request).await.topics.remove(0);
    found.error_code.is_none().then(|| Topic { name: name.into(), id: found.topic_id })
}

/// Who leads a partition, and who is in sync in ascending order, as a node knows it.
pub(crate) async fn leader_and_isr(
    node: &TestNode,
    topic: &Topic,
    index: i32,
) -> Option<(i32, Vec<i32>)> {
    let topic = MetadataRequestTopic { topic_id: topic.id, name: None };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    let answer = node.connect().await.call(12, &request).await;
    let partitions = answer.topics.into_iter().flat_map(|topic| topic.partitions);
    let partition = partitions.into_iter().find(|found| found.partition_index.0 == index)?;
    let mut isr: Vec<_> = partition.isr_nodes.iter().map(|broker| broker.0).collect();
    isr.sort_unstable();
    Some((partition.leader_id.0, isr))
}

/// Waits until these are in sync, as a node knows it.
pub(crate) async fn until_isr_is(node: &TestNode, topic: &Topic, index: i32, expected: &[i32]) {
    until(&format!("{expected:?} are in sync for {}-{index}", topic.name), async || {
        let (_, isr) = leader_and_isr(node, topic, index).await?;
        (isr == expected).then_some(())
    })
    .await;
}

/// Waits until another broker leads, as a node knows it. Returns who.
pub(crate) async fn until_led_by_another(
    node: &TestNode,
    topic: &Topic,
    index: i32,
    than: i32,
) -> i32 {
    until(&format!("{}-{index} is led by another broker than {than}", topic.name), async || {
        let (leader, _) = leader_and_isr(node, topic, index).await?;
        (leader >= 0 && leader != than).then_some(leader)
    })
    .await
}

/// Produces one record with acks=all, and gives it this time to be acknowledged.
pub(crate) async fn produce(
    node: &TestNode,
    topic: &Topic,
    index: i32,
    value: &str,
    time: Duration,
) -> PartitionProduceResponse {
    let mut request = produce_request(-1, topic, &[(index, batch(&[value]))]);
    request.timeout_ms = i32::try_from(time.as_millis()).unwrap();
    let mut answer = node.connect().await.call(13, &request).await;
    answer.responses.remove(0).partition_responses.remove(0)
}

/// Produces with acks=all until that is acknowledged: what isn't may be there all the same.
pub(crate) async fn produce_until_acknowledged(
    node: &TestNode,
    topic: &Topic,
    index: i32,
    value: &str,
) {
    until(
        &format!("{value} is acknowledged by the leader of {}-{index}", topic.name),
        async || {
            let answer = produce(node, topic, index, value, Duration::from_secs(5)).await;
            answer.error_code.is_none().then_some(())
        },
    )
    .await;
}

/// The same, at whichever broker leads, as one of them knows it. Returns its id.
pub(crate) async fn produce_to_whoever_leads(
    nodes: &[TestNode],
    known_by: &TestNode,
    topic: &Topic,
    index: i32,
    value: &str,
) -> i32 {
    until(&format!("{value} is acknowledged by any leader of {}-{index}", topic.name), async || {
        let (leader, _) = leader_and_isr(known_by, topic, index).await?;
        let node = nodes.get(usize::try_from(leader - 1).ok()?)?;
        let answer = produce(node, topic, index, value, Duration::from_secs(5)).await;
        answer.error_code.is_none().then_some(leader)
    })
    .await
}

/// The values that a node, which leads the partition, shows to consumers.
pub(crate) async fn read(node: &TestNode, topic: &Topic, index: i32) -> Vec<String> {
    let request = fetch_request(topic, &[(index, 0)]);
    let data = only_partition(node.connect().await.call(18, &request).await);
    assert_eq!(data.error_code, ErrorCode::None);
    values(data.records.as_ref()).into_iter().map(|(_, value)| value).collect()
}

/// The node id of the active controller, as a node is told.
pub(crate) async fn active_controller(node: &TestNode) -> i32 {
    let topic = DescribeQuorumTopic {
        topic_name: METADATA_TOPIC.into(),
        partitions: vec![DescribeQuorumPartition::default()],
    };
    let request = DescribeQuorumRequest { topics: vec![topic] };
    until("a controller is active", async || {
        let answer = node.connect().await.call(2, &request).await;
        let leader = answer.topics.first()?.partitions.first()?.leader_id.0;
        (leader > 0).then_some(leader)
    })
    .await
}
