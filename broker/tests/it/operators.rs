//! What operators see: metrics that are true while brokers go and come, and the story of it.

use std::{collections::BTreeMap, time::Duration};

use controller::events::{ClusterEvent, ClusterEventsRequest};
use protocol::{
    ErrorCode,
    api::produce::{PartitionProduceResponse, ProduceResponse},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    client::{Topic, produce_request},
    cluster::{
        active_controller, create_on, formatted, produce_until_acknowledged, read, start, until,
        until_brokers_are, until_isr_is,
    },
    node::{Site, TestNode, free_port},
    records::batch,
};

/// How long the numbers may take to be as expected.
const TIME_MAX: Duration = Duration::from_secs(60);

/// What a node answers on its admin port, headers and all.
async fn http(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// All numbers of some nodes, added up.
#[derive(Debug)]
struct Numbers(BTreeMap<String, i64>);

impl Numbers {
    async fn of(ports: &[u16]) -> Self {
        let mut numbers = BTreeMap::new();
        for port in ports {
            let page = http(*port, "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n").await;
            let (head, body) = page.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            for line in body.lines().filter(|line| !line.starts_with('#')) {
                let (name, value) = line.rsplit_once(' ').unwrap();
                *numbers.entry(name.to_owned()).or_default() += value.parse::<i64>().unwrap();
            }
        }
        Self(numbers)
    }

    fn get(&self, name: &str) -> i64 {
        *self.0.get(name).unwrap_or_else(|| panic!("no {name} in {:#?}", self.0))
    }

    /// The first of these that isn't as expected.
    fn other_than(&self, expected: &[(&str, i64)]) -> Option<(String, i64)> {
        let wrong = expected.iter().find(|(name, value)| self.get(name) != *value);
        wrong.map(|(name, _)| ((*name).to_owned(), self.get(name)))
    }
}

async fn until_numbers_are(ports: &[u16], expected: &[(&str, i64)]) {
    let deadline = Instant::now() + TIME_MAX;
    while let Some(other) = Numbers::of(ports).await.other_than(expected) {
        assert!(Instant::now() < deadline, "{other:?} is not as expected: {expected:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

const PARTITIONS: &str = "kafka_server_replicamanager_partitioncount";
const LEADERS: &str = "kafka_server_replicamanager_leadercount";
const UNDER_REPLICATED: &str = "kafka_server_replicamanager_underreplicatedpartitions";
const UNDER_MIN_ISR: &str = "kafka_server_replicamanager_underminisrpartitioncount";
const AT_MIN_ISR: &str = "kafka_server_replicamanager_atminisrpartitioncount";
const SHRINKS: &str = "kafka_server_replicamanager_isrshrinks_total";
const EXPANDS: &str = "kafka_server_replicamanager_isrexpands_total";
const MAX_LAG: &str = "kafka_server_replicafetchermanager_maxlag{clientid=\"Replica\"}";
const ACTIVE: &str = "kafka_controller_kafkacontroller_activecontrollercount";
const OFFLINE: &str = "kafka_controller_kafkacontroller_offlinepartitionscount";
const GLOBAL_PARTITIONS: &str = "kafka_controller_kafkacontroller_globalpartitioncount";
const FENCED: &str = "kafka_controller_kafkacontroller_fencedbrokercount";
const IN_SYNC: &str = "ottla_leader_elections_total{kind=\"in_sync\"}";
const UNCLEAN: &str = "kafka_controller_controllerstats_uncleanleaderelections_total";
const LEADERLESS: &str = "ottla_leaderless_partitions_total";
const GONE: &str = "ottla_broker_fencings_total{reason=\"gone\"}";
const SILENT: &str = "ottla_broker_fencings_total{reason=\"silent\"}";
const UNFENCINGS: &str = "ottla_broker_unfencings_total";
const LAG_OF_3: &str = "ottla_replica_lag_max{follower=\"3\"}";
const METADATA_LAG: &str = "ottla_metadata_lag";
const MESSAGES: &str = "kafka_server_brokertopicmetrics_messagesin_total";
const BYTES_IN: &str = "kafka_server_brokertopicmetrics_bytesin_total";
const BYTES_OUT: &str = "kafka_server_brokertopicmetrics_bytesout_total";
const REPLICATION_IN: &str = "kafka_server_brokertopicmetrics_replicationbytesin_total";
const REPLICATION_OUT: &str = "kafka_server_brokertopicmetrics_replicationbytesout_total";
const PRODUCE: &str = "kafka_network_requestmetrics_requests_total{request=\"Produce\"}";

/// Three nodes, and the ports of their metrics.
async fn three() -> (Vec<TestNode>, Vec<u16>) {
    let mut sites = formatted(&[]);
    let ports: Vec<_> = sites.iter_mut().map(open_admin_port).collect();
    let nodes = start(sites).await;
    for node in &nodes {
        until_brokers_are(node, &[1, 2, 3]).await;
    }
    (nodes, ports)
}

fn open_admin_port(site: &mut Site) -> u16 {
    let port = free_port();
    site.set(&format!("ottla.admin.listener=127.0.0.1:{port}"));
    port
}

/// With acks=1: a leader takes it whoever is in sync.
async fn produce_to_leader(node: &TestNode, topic: &Topic, index: i32, values: &[&str]) {
    let request = produce_request(1, topic, &[(index, batch(values))]);
    let ProduceResponse { responses, .. } = node.connect().await.call(13, &request).await;
    let PartitionProduceResponse { error_code, .. } = responses[0].partition_responses[0];
    assert_eq!(error_code, ErrorCode::None);
}

#[tokio::test]
async fn the_numbers_tell_of_a_broker_that_dies_and_comes_back() {
    let (mut nodes, ports) = three().await;
    let replicas: [&[i32]; 3] = [&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]];
    let topic = create_on(&nodes[0], "orders", &replicas, &[("min.insync.replicas", "3")]).await;
    let alone = create_on(&nodes[0], "alone", &[&[3]], &[]).await;
    for index in 0..3 {
        until_isr_is(&nodes[0], &topic, index, &[1, 2, 3]).await;
    }
    produce_until_acknowledged(&nodes[0], &topic, 0, "a").await;
    until_numbers_are(
        &ports,
        &[
            (PARTITIONS, 10),
            (LEADERS, 4),
            (GLOBAL_PARTITIONS, 4),
            (ACTIVE, 1),
            (UNDER_REPLICATED, 0),
            (UNDER_MIN_ISR, 0),
            // The three of one topic, and the one that is alone.
            (AT_MIN_ISR, 4),
            (OFFLINE, 0),
            (SHRINKS, 0),
            (EXPANDS, 0),
            (IN_SYNC, 0),
            (UNFENCINGS, 3),
            (FENCED, 0),
            (MAX_LAG, 0),
            (METADATA_LAG, 0),
            (MESSAGES, 1),
            (PRODUCE, 1),
            (BYTES_OUT, 0),
        ],
    )
    .await;
    let numbers = Numbers::of(&ports).await;
    let one = numbers.get(BYTES_IN);
    assert!(one > 0);
    assert_eq!(numbers.get("kafka_server_brokertopicmetrics_bytesin_total{topic=\"orders\"}"), one);
    assert_eq!((numbers.get(REPLICATION_IN), numbers.get(REPLICATION_OUT)), (2 * one, 2 * one));
    assert_eq!(read(&nodes[0], &topic, 0).await, ["a"]);
    until_numbers_are(&ports, &[(BYTES_OUT, one)]).await;

    // The last entries of the two others that count what was decided are gone with it, if it decided.
    let before = Numbers::of(&ports[..2]).await;
    let site = nodes.pop().unwrap().kill().await;
    let rest = &ports[..2];
    until_numbers_are(
        rest,
        &[
            (PARTITIONS, 6),
            (LEADERS, 3),
            (ACTIVE, 1),
            (UNDER_REPLICATED, 3),
            (UNDER_MIN_ISR, 3),
            (AT_MIN_ISR, 0),
            (OFFLINE, 1),
            (SHRINKS, 3),
            (EXPANDS, 0),
            (FENCED, 1),
            (IN_SYNC, before.get(IN_SYNC) + 1),
            (LEADERLESS, before.get(LEADERLESS) + 1),
            (UNCLEAN, 0),
        ],
    )
    .await;
    let numbers = Numbers::of(rest).await;
    assert_eq!(numbers.get(GONE) + numbers.get(SILENT), 1);
    produce_to_leader(&nodes[0], &topic, 0, &["b", "c"]).await;
    let lag = "ottla_replica_lag{topic=\"orders\",partition=\"0\",follower=\"3\"}";
    until_numbers_are(rest, &[(lag, 2), (MESSAGES, 3)]).await;
    assert!(Numbers::of(rest).await.get(LAG_OF_3) >= 2);

    nodes.push(site.start().await);
    until_numbers_are(
        &ports,
        &[
            (PARTITIONS, 10),
            (LEADERS, 4),
            (UNDER_REPLICATED, 0),
            (UNDER_MIN_ISR, 0),
            (AT_MIN_ISR, 4),
            (OFFLINE, 0),
            (SHRINKS, 3),
            (EXPANDS, 3),
            (FENCED, 0),
            (LAG_OF_3, 0),
            (MAX_LAG, 0),
        ],
    )
    .await;
    until_isr_is(&nodes[0], &alone, 0, &[3]).await;
}

#[tokio::test]
async fn bad_requests_on_the_admin_port_harm_nobody() {
    let mut site = Site::new(&[]);
    let port = open_admin_port(&mut site);
    let node = site.start().await;
    let status = async |request: &str| {
        let answer = http(port, request).await;
        answer.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(status("GET /metric HTTP/1.1\r\n\r\n").await, "HTTP/1.1 404 Not Found");
    assert_eq!(status("\r\nnonsense\r\n\r\n").await, "HTTP/1.1 400 Bad Request");
    let long = format!("GET /metrics HTTP/1.1\r\nx: {}", "x".repeat((8 << 10) - 26));
    assert_eq!(status(&long).await, "HTTP/1.1 431 Request Header Fields Too Large");
    // Some who say nothing leave room for others.
    let mut silent = Vec::new();
    for _ in 0..15 {
        silent.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    assert_eq!(status("HEAD /metrics HTTP/1.1\r\n\r\n").await, "HTTP/1.1 200 OK");
    drop(silent);
    let accept = "Accept: application/openmetrics-text;version=1.0.0";
    let page = http(port, &format!("GET /metrics HTTP/1.1\r\n{accept}\r\n\r\n")).await;
    assert!(page.contains("# TYPE ottla_leader_elections counter\n"), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
    node.connect().await.assert_served().await;
    node.stop().await;
}

/// What one node is told of what happened.
async fn events(node: &TestNode) -> Vec<ClusterEvent> {
    until("a controller tells of events", async || {
        let answer = node.connect().await.call(0, &ClusterEventsRequest::default()).await;
        answer.error_code.is_none().then_some(answer.events)
    })
    .await
}

fn of_broker(events: &[ClusterEvent], id: i32) -> Vec<&str> {
    let own = events.iter().filter(|event| event.topic.is_none() && event.broker.0 == id);
    own.map(|event| event.kind.as_str()).filter(|kind| *kind != "controller-changed").collect()
}

#[tokio::test]
async fn the_next_controller_tells_the_same_story() {
    let (mut nodes, _) = three().await;
    let topic = create_on(&nodes[0], "orders", &[&[3, 1, 2]], &[]).await;
    until_isr_is(&nodes[0], &topic, 0, &[1, 2, 3]).await;
    let site = nodes.pop().unwrap().kill().await;
    until_brokers_are(&nodes[0], &[1, 2]).await;
    nodes.push(site.start().await);
    for node in &nodes {
        until_brokers_are(node, &[1, 2, 3]).await;
    }
    let told = events(&nodes[0]).await;
    let in_service = ["broker-registered", "broker-unfenced"];
    assert_eq!(of_broker(&told, 1), in_service);
    let all = [&in_service[..], &["broker-fenced"], &in_service].concat();
    assert_eq!(of_broker(&told, 3), all, "{told:#?}");
    let moved = told.iter().find(|event| event.kind == "leader-changed").unwrap();
    assert_eq!((moved.previous_leader.0, moved.leader.0), (3, 1));
    assert_eq!(moved.reason.as_deref(), Some("in sync"));
    let fenced = told.iter().find(|event| event.kind == "broker-fenced").unwrap();
    assert_eq!(fenced.index, moved.index);
    assert!(fenced.reason.is_some());
    assert!(told.iter().all(|event| event.timestamp.0 > 0), "{told:#?}");
    assert!(told.iter().any(|event| event.kind == "controller-changed"), "{told:#?}");

    // Another controller has the story from its own log, as has one that is started again.
    let active = active_controller(&nodes[0]).await;
    let victim = usize::try_from(active - 1).unwrap();
    let site = nodes.remove(victim).kill().await;
    until_brokers_are(
        &nodes[0],
        &[1, 2, 3].into_iter().filter(|id| *id != active).collect::<Vec<_>>(),
    )
    .await;
    let later = events(&nodes[1]).await;
    assert_eq!(later[..told.len()], told);
    assert_eq!(of_broker(&later, active).last(), Some(&"broker-fenced"));
    let again = site.start().await;
    until_brokers_are(&again, &[1, 2, 3]).await;
    let told_by_it = events(&again).await;
    assert_eq!(told_by_it[..later.len()], later);
}
