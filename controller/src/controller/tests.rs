use std::path::Path;

use client::{
    door::{SystemClock, SystemEntropy},
    net::Tcp,
};
use metadata::{MetadataVersion, RecordBatch};
use protocol::{
    Offset, Stored, Uuid,
    api::create_topics::{CreatableTopic, CreateTopicsRequest},
};
use store::{MemoryStores, RocksStores};
use tempfile::TempDir;

use super::*;
use crate::{
    Format, VoterEndpoint, VoterKey,
    format::format,
    raft::{Outcome, Proposal, Stamp},
};

const NODE: BrokerId = BrokerId(1);
const CLUSTER: &str = "test-cluster";

fn doors(stores: impl Stores) -> ControllerDoors {
    ControllerDoors {
        stores: Arc::new(stores),
        net: Arc::new(Tcp),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        witness: Arc::new(crate::Nobody),
    }
}

fn format_alone(stores: &dyn Stores, dir: &Path) {
    let key = VoterKey { node_id: NODE, directory_id: Uuid([1; 16]) };
    let endpoint = VoterEndpoint { host: "127.0.0.1".into(), port: 9093 };
    let voters = [(key, endpoint)].into();
    format(stores, dir, &Format { cluster_id: CLUSTER.into(), key, voters }).unwrap();
}

fn config(dir: &Path) -> ControllerConfig {
    ControllerConfig::new(NODE, CLUSTER, dir.to_owned())
}

/// A formatted directory in RocksDB, and the controller on it.
struct OnDisk {
    dir: TempDir,
}

impl OnDisk {
    fn formatted() -> Self {
        let dir = tempfile::tempdir().unwrap();
        format_alone(&RocksStores::default(), dir.path());
        Self { dir }
    }

    async fn start(&self) -> Controller {
        Controller::start(config(self.dir.path()), doors(RocksStores::default())).await.unwrap()
    }
}

/// A controller in memory, for what has nothing to do with disks.
async fn in_memory(change: impl FnOnce(&mut ControllerConfig)) -> Controller {
    let stores = MemoryStores::default();
    let mut config = config(Path::new("metadata"));
    format_alone(&stores, &config.store_dir);
    change(&mut config);
    Controller::start(config, doors(stores)).await.unwrap()
}

/// A broker that is registered and unfenced.
async fn join(controller: &Controller) -> BrokerEpoch {
    let registration = registration(controller, [7; 16]).await.unwrap();
    assert_eq!(registration.error_code, ErrorCode::None);
    let epoch = registration.broker_epoch;
    let heartbeat = heartbeat(controller, epoch).await;
    assert!(heartbeat.is_caught_up && !heartbeat.is_fenced, "{heartbeat:?}");
    epoch
}

async fn registration(
    controller: &Controller,
    incarnation: [u8; 16],
) -> Result<BrokerRegistrationResponse, ErrorCode> {
    let request = BrokerRegistrationRequest {
        broker_id: NODE,
        cluster_id: CLUSTER.into(),
        incarnation_id: Uuid(incarnation),
        log_dirs: vec![Uuid([2; 16])],
        listeners: vec![protocol::api::broker_registration::Listener {
            name: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9092,
            security_protocol: 0,
        }],
        features: vec![protocol::api::broker_registration::Feature {
            name: MetadataVersion::FEATURE.into(),
            min_supported_version: MetadataVersion::MIN.level(),
            max_supported_version: MetadataVersion::LATEST.level(),
        }],
        ..Default::default()
    };
    controller.register_broker(request).await
}

async fn heartbeat(controller: &Controller, epoch: BrokerEpoch) -> BrokerHeartbeatResponse {
    let request = BrokerHeartbeatRequest {
        broker_id: NODE,
        broker_epoch: epoch,
        current_metadata_offset: Offset(controller.applied_index()),
        ..Default::default()
    };
    controller.broker_heartbeat(request).await.unwrap()
}

async fn create(controller: &Controller, name: &str) -> ErrorCode {
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: 3,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    match controller.create_topics(request).await {
        Ok(response) => response.topics[0].error_code,
        Err(error) => error,
    }
}

fn topics(controller: &Controller) -> Vec<String> {
    controller.image().topics().iter().map(|topic| topic.name.to_string()).collect()
}

mod administration;
mod founding;
mod three_voters;

#[tokio::test]
async fn a_new_cluster_starts_with_its_features() {
    let controller = in_memory(|_| {}).await;
    assert!(controller.is_active());
    assert_eq!(controller.image().metadata_version(), MetadataVersion::LATEST);
    assert_eq!(controller.leader(), Some(NODE));
    controller.shut_down().await;
}

#[tokio::test]
async fn topics_are_there_after_a_restart() {
    let disk = OnDisk::formatted();
    let controller = disk.start().await;
    join(&controller).await;
    assert_eq!(create(&controller, "orders").await, ErrorCode::None);
    assert_eq!(create(&controller, "orders").await, ErrorCode::TopicAlreadyExists);
    let (image, term) = (controller.image(), controller.quorum().term);
    controller.shut_down().await;

    let controller = disk.start().await;
    assert_eq!(controller.image(), image);
    // KAFKA-10527: a leader that comes back leads a term of its own.
    assert!(controller.quorum().term > term);
    assert_eq!(create(&controller, "orders").await, ErrorCode::TopicAlreadyExists);
    assert_eq!(create(&controller, "payments").await, ErrorCode::None);
    assert_eq!(topics(&controller), ["orders", "payments"]);
    controller.shut_down().await;
}

#[tokio::test]
async fn a_snapshot_stands_for_the_entries_that_are_purged() {
    let disk = OnDisk::formatted();
    let controller = disk.start().await;
    join(&controller).await;
    create(&controller, "before").await;
    controller.quorum.snapshot_and_purge().await.unwrap();
    create(&controller, "after").await;
    let image = controller.image();
    controller.shut_down().await;

    let controller = disk.start().await;
    assert_eq!(controller.image(), image);
    assert_eq!(controller.image().digest(), image.digest());
    assert_eq!(topics(&controller), ["after", "before"]);
    assert_eq!(create(&controller, "before").await, ErrorCode::TopicAlreadyExists);
    controller.shut_down().await;
}

#[tokio::test]
async fn a_quorum_of_one_waits_for_no_election_timeout() {
    let disk = OnDisk::formatted();
    let patient = ControllerConfig {
        quorum_heartbeat_interval: Duration::from_secs(5),
        quorum_election_timeout: Duration::from_secs(60),
        ..config(disk.dir.path())
    };
    for _ in 0..2 {
        let starting = Controller::start(patient.clone(), doors(RocksStores::default()));
        let controller = timeout(Duration::from_secs(20), starting).await.unwrap().unwrap();
        assert!(controller.is_active());
        controller.shut_down().await;
    }
}

#[tokio::test]
async fn a_proposal_that_was_decided_on_another_image_changes_nothing() {
    let controller = in_memory(|_| {}).await;
    join(&controller).await;
    let stale = controller.published.current();
    create(&controller, "orders").await;
    let before = controller.image();

    let records = metadata::record::TopicRecord { name: "stale".into(), topic_id: Uuid([3; 16]) };
    let batch = RecordBatch::pack(&[records.into()], MetadataVersion::LATEST);
    let proposal = Proposal { base: stale.changed, batch, stamp: Stamp::default() };
    assert_eq!(controller.quorum.propose(proposal).await, Ok(Outcome::Stale));
    assert_eq!(controller.image(), before);
    assert_eq!(create(&controller, "payments").await, ErrorCode::None);
    controller.shut_down().await;
}

#[tokio::test]
async fn requests_of_one_entry_see_what_the_earlier_ones_decided() {
    let controller = Arc::new(in_memory(|_| {}).await);
    join(&controller).await;
    let before = controller.applied_index();
    let asked: Vec<_> = (0..50)
        .map(|_| {
            let controller = controller.clone();
            tokio::spawn(async move { create(&controller, "orders").await })
        })
        .collect();
    let mut created = 0;
    for answer in asked {
        match answer.await.unwrap() {
            ErrorCode::None => created += 1,
            other => assert_eq!(other, ErrorCode::TopicAlreadyExists),
        }
    }
    assert_eq!(created, 1);
    assert_eq!(controller.applied_index(), before + 1);
    controller.shut_down().await;
}

#[tokio::test]
async fn blocks_of_producer_ids_are_disjoint_across_restarts() {
    let disk = OnDisk::formatted();
    let mut next = 0;
    for _ in 0..3 {
        let controller = disk.start().await;
        let epoch = join(&controller).await;
        let request = AllocateProducerIdsRequest { broker_id: NODE, broker_epoch: epoch };
        let block = controller.allocate_producer_ids(request).await.unwrap();
        assert_eq!(block.error_code, ErrorCode::None);
        assert!(block.producer_id_start.0 >= next);
        next = block.producer_id_start.0 + i64::from(block.producer_id_len);
        controller.shut_down().await;
    }
}

#[tokio::test]
async fn a_silent_broker_is_fenced() {
    let controller =
        in_memory(|config| config.broker_session_timeout = Duration::from_millis(200)).await;
    let epoch = join(&controller).await;
    for _ in 0..4 {
        sleep(Duration::from_millis(80)).await;
        assert!(!heartbeat(&controller, epoch).await.is_fenced);
    }
    sleep(Duration::from_millis(600)).await;
    assert!(controller.image().brokers().get(NODE).unwrap().fenced);
    assert!(!heartbeat(&controller, epoch).await.is_fenced);
    controller.shut_down().await;
}

#[tokio::test]
async fn a_second_process_with_the_same_id_waits_for_the_first_ones_session() {
    let controller =
        in_memory(|config| config.broker_session_timeout = Duration::from_millis(200)).await;
    let epoch = join(&controller).await;
    let refused = registration(&controller, [8; 16]).await.unwrap();
    assert_eq!(refused.error_code, ErrorCode::DuplicateBrokerRegistration);
    sleep(Duration::from_millis(600)).await;
    let taken = registration(&controller, [8; 16]).await.unwrap();
    assert_eq!(taken.error_code, ErrorCode::None);
    assert!(taken.broker_epoch > epoch);
    controller.shut_down().await;
}

#[tokio::test]
async fn a_poll_waits_for_the_next_entry() {
    let controller = Arc::new(in_memory(|_| {}).await);
    join(&controller).await;
    let index = controller.applied_index();
    let request = MetadataPollRequest {
        cluster_id: CLUSTER.into(),
        applied_index: index,
        max_wait_ms: 10_000,
        ..Default::default()
    };
    let polling = tokio::spawn({
        let controller = controller.clone();
        async move { controller.metadata_poll(request).await.unwrap() }
    });
    sleep(Duration::from_millis(50)).await;
    assert!(!polling.is_finished());
    create(&controller, "orders").await;
    let response = polling.await.unwrap();
    assert_eq!((response.index, response.controller_index), (index + 1, index + 1));
    assert_eq!(response.active_controller, NODE);
    assert_eq!(response.entries.len(), 1);
    controller.shut_down().await;
}

#[tokio::test]
async fn polled_entries_and_a_polled_snapshot_lead_to_the_same_image() {
    let disk = OnDisk::formatted();
    let controller = disk.start().await;
    join(&controller).await;
    create(&controller, "orders").await;
    let poll = MetadataPollRequest { cluster_id: CLUSTER.into(), ..Default::default() };

    let response = controller.metadata_poll(poll.clone()).await.unwrap();
    assert_eq!(response.snapshot, None);
    let mut by_entries = ClusterImage::default();
    for entry in response.entries {
        let records = RecordBatch::from_bytes(entry.batch).unwrap().unpack().unwrap();
        records.iter().for_each(|record| by_entries.replay(record));
    }
    assert_eq!(by_entries, *controller.image());

    // What is purged is known from the snapshot alone, after a restart.
    controller.quorum.snapshot_and_purge().await.unwrap();
    controller.shut_down().await;
    let controller = disk.start().await;
    let response = controller.metadata_poll(poll).await.unwrap();
    let batch = RecordBatch::from_bytes(response.snapshot.unwrap()).unwrap();
    let mut by_snapshot = ClusterImage::default();
    batch.unpack().unwrap().iter().for_each(|record| by_snapshot.replay(record));
    assert_eq!(by_snapshot, by_entries);
    controller.shut_down().await;
}

#[tokio::test]
async fn a_poll_that_nothing_comes_for_is_answered_in_time() {
    let controller = in_memory(|_| {}).await;
    let index = controller.applied_index();
    let request = MetadataPollRequest {
        cluster_id: CLUSTER.into(),
        applied_index: index,
        max_wait_ms: 20,
        ..Default::default()
    };
    let response = controller.metadata_poll(request).await.unwrap();
    assert_eq!(response.index, index);
    assert!(response.entries.is_empty() && response.snapshot.is_none());
    controller.shut_down().await;
}

#[tokio::test]
async fn a_poller_of_another_cluster_is_turned_away() {
    let controller = in_memory(|_| {}).await;
    let request = MetadataPollRequest { cluster_id: "other".into(), ..Default::default() };
    assert_eq!(
        controller.metadata_poll(request).await.unwrap_err(),
        ErrorCode::InconsistentClusterId
    );
    controller.shut_down().await;
}

#[tokio::test]
async fn a_bug_in_a_record_stops_the_quorum() {
    let controller = in_memory(|_| {}).await;
    let record = metadata::record::RemoveTopicRecord { topic_id: Uuid([4; 16]) };
    let batch = RecordBatch::pack(&[record.into()], MetadataVersion::LATEST);
    let base = controller.published.current().changed;
    let expected =
        format!("a bug was met in entry {} of the metadata log", controller.applied_index() + 1);
    let proposal = Proposal { base, batch, stamp: Stamp::default() };
    assert!(controller.quorum.propose(proposal).await.is_err());
    let error = timeout(Duration::from_secs(5), controller.stopped()).await.unwrap();
    assert_eq!(error.to_string(), expected);
    assert!(!controller.is_active());
    controller.shut_down().await;
}

#[tokio::test]
async fn a_bug_in_a_decision_stops_the_quorum() {
    let controller = in_memory(|_| {}).await;
    let decided = controller.decide::<(), _>(|_, _| panic!("a bug in a decision"));
    assert_eq!(decided.await, Err(ErrorCode::NotController));
    let error = timeout(Duration::from_secs(5), controller.stopped()).await.unwrap();
    assert_eq!(error.to_string(), "a bug was met in the quorum loop");
    controller.shut_down().await;
}

#[tokio::test]
async fn who_is_shut_down_is_no_controller() {
    let controller = in_memory(|_| {}).await;
    controller.shut_down().await;
    assert_eq!(create(&controller, "orders").await, ErrorCode::NotController);
}

#[tokio::test]
async fn a_store_that_is_not_this_nodes_is_refused_with_one_line() {
    let stores = MemoryStores::default();
    let dir = Path::new("metadata");
    let refused = async |config: ControllerConfig| {
        Controller::start(config, doors(stores.clone())).await.unwrap_err().to_string()
    };
    assert_eq!(
        refused(config(dir)).await,
        "metadata is not formatted: run `ottla format` on it first"
    );
    format_alone(&stores, dir);
    let foreign = ControllerConfig { cluster_id: "other".into(), ..config(dir) };
    assert_eq!(refused(foreign).await, "metadata belongs to cluster test-cluster, not other");
    let foreign = ControllerConfig { node_id: BrokerId(2), ..config(dir) };
    assert_eq!(refused(foreign).await, "metadata belongs to node 1, not 2");
}

#[tokio::test]
async fn a_store_in_use_is_refused_with_one_line() {
    let disk = OnDisk::formatted();
    let controller = disk.start().await;
    let second = Controller::start(config(disk.dir.path()), doors(RocksStores::default())).await;
    let error = second.unwrap_err().to_string();
    assert!(error.ends_with("is in use by another process"), "{error}");
    controller.shut_down().await;
}

#[tokio::test]
async fn voters_of_other_clusters_and_for_other_voters_are_turned_away() {
    let controller = in_memory(|_| {}).await;
    let key = VoterKey { node_id: NODE, directory_id: Uuid([1; 16]) };
    let wiped = VoterKey { directory_id: Uuid([5; 16]), ..key };
    for (cluster, target, expected) in [
        ("other", key, ErrorCode::InconsistentClusterId),
        (CLUSTER, wiped, ErrorCode::InvalidVoterKey),
    ] {
        let cluster_id = String::from(cluster);
        let append =
            RaftAppendRequest { cluster_id: cluster_id.clone(), target, ..Default::default() };
        assert_eq!(controller.raft_append(append).await.error_code, expected);
        let vote = RaftVoteRequest { cluster_id: cluster_id.clone(), target, ..Default::default() };
        assert_eq!(controller.raft_vote(vote).await.error_code, expected);
        let snapshot = RaftSnapshotRequest { cluster_id, target, ..Default::default() };
        assert_eq!(controller.raft_snapshot(snapshot).await.error_code, expected);
    }
    assert!(controller.is_active());
    controller.shut_down().await;
}
