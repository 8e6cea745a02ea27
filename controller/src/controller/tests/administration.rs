//! Elections, features and the quorum, as they are asked for.

use metadata::{ClusterImage, MetadataRecord};
use protocol::{
    LeaderEpoch, PartitionIndex, Timestamp, TopicId,
    api::{
        alter_partition::{AlterPartitionPartition, AlterPartitionTopic, BrokerState},
        create_topics::CreatableReplicaAssignment,
        describe_quorum::{
            DescribeQuorumPartition, DescribeQuorumRequest, DescribeQuorumTopic, METADATA_TOPIC,
        },
        elect_leaders::ElectLeadersRequest,
        update_features::{FeatureUpdate, SAFE_DOWNGRADE, UPGRADE, UpdateFeaturesRequest},
    },
};

use super::*;

const OTHER: BrokerId = BrokerId(2);

/// Registers broker 2, and unfences it.
async fn join_other(controller: &Controller) -> BrokerEpoch {
    let request = BrokerRegistrationRequest {
        broker_id: OTHER,
        incarnation_id: Uuid([8; 16]),
        cluster_id: CLUSTER.into(),
        listeners: vec![protocol::api::broker_registration::Listener {
            name: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9094,
            security_protocol: 0,
        }],
        features: vec![protocol::api::broker_registration::Feature {
            name: MetadataVersion::FEATURE.into(),
            min_supported_version: MetadataVersion::MIN.level(),
            max_supported_version: MetadataVersion::LATEST.level(),
        }],
        ..Default::default()
    };
    let epoch = controller.register_broker(request).await.unwrap().broker_epoch;
    beat(controller, OTHER, epoch, false).await;
    epoch
}

async fn beat(controller: &Controller, id: BrokerId, epoch: BrokerEpoch, want_fence: bool) {
    let request = BrokerHeartbeatRequest {
        broker_id: id,
        broker_epoch: epoch,
        current_metadata_offset: Offset(controller.applied_index()),
        want_fence,
        ..Default::default()
    };
    let response = controller.broker_heartbeat(request).await.unwrap();
    assert_eq!((response.error_code, response.is_fenced), (ErrorCode::None, want_fence));
}

/// Topic `t` of one partition on brokers 1 and 2, led by 2, with 1 back in sync.
async fn led_by_the_other(controller: &Controller) -> TopicId {
    let (one, two) = (join(controller).await, join_other(controller).await);
    let assignment = CreatableReplicaAssignment {
        partition_index: PartitionIndex(0),
        broker_ids: vec![NODE, OTHER],
    };
    let topic = CreatableTopic {
        name: "t".into(),
        num_partitions: -1,
        replication_factor: -1,
        assignments: vec![assignment],
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let topic_id = controller.create_topics(request).await.unwrap().topics[0].topic_id;
    beat(controller, NODE, one, true).await;
    beat(controller, NODE, one, false).await;

    let image = controller.image();
    let partition = image.topics().partition(topic_id, PartitionIndex(0)).unwrap();
    assert_eq!((partition.leader, partition.isr.as_slice()), (Some(OTHER), &[OTHER][..]));
    let member = |broker_id, broker_epoch| BrokerState { broker_id, broker_epoch };
    let wanted = AlterPartitionPartition {
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        new_isr_with_epochs: vec![member(NODE, one), member(OTHER, two)],
        ..Default::default()
    };
    let request = AlterPartitionRequest {
        broker_id: OTHER,
        broker_epoch: two,
        topics: vec![AlterPartitionTopic { topic_id, partitions: vec![wanted] }],
    };
    let response = controller.alter_partition(request, 3).await.unwrap();
    let answer = &response.topics[0].partitions[0];
    assert_eq!((answer.error_code, answer.isr.as_slice()), (ErrorCode::None, &[NODE, OTHER][..]));
    topic_id
}

fn leader(controller: &Controller, topic_id: TopicId) -> (Option<BrokerId>, LeaderEpoch) {
    let image = controller.image();
    let partition = image.topics().partition(topic_id, PartitionIndex(0)).unwrap();
    (partition.leader, partition.leader_epoch)
}

#[tokio::test]
async fn leadership_returns_when_it_is_asked_for() {
    let controller = in_memory(|_| {}).await;
    let topic_id = led_by_the_other(&controller).await;
    let none = ElectLeadersRequest { topic_partitions: Some(Vec::new()), ..Default::default() };
    let response = controller.elect_leaders(none).await.unwrap();
    assert_eq!(response.replica_election_results.len(), 0);
    let all = ElectLeadersRequest { topic_partitions: None, ..Default::default() };
    let response = controller.elect_leaders(all).await.unwrap();
    assert_eq!(response.replica_election_results.len(), 1);
    assert_eq!(leader(&controller, topic_id), (Some(NODE), LeaderEpoch(2)));
    controller.shut_down().await;
}

#[tokio::test]
async fn leadership_returns_by_itself() {
    let interval = Some(Duration::from_millis(20));
    let controller = in_memory(|config| config.leader_balance_interval = interval).await;
    let topic_id = led_by_the_other(&controller).await;
    while leader(&controller, topic_id).0 != Some(NODE) {
        sleep(Duration::from_millis(1)).await;
    }
    controller.shut_down().await;
}

#[tokio::test]
async fn the_quorum_is_described() {
    let controller = in_memory(|_| {}).await;
    let partition = |index| DescribeQuorumPartition { partition_index: PartitionIndex(index) };
    let topic = |name: &str| DescribeQuorumTopic {
        topic_name: name.into(),
        partitions: vec![partition(0), partition(1)],
    };
    let request = DescribeQuorumRequest { topics: vec![topic(METADATA_TOPIC), topic("orders")] };
    let now = Timestamp(1_000_000);
    let response = controller.describe_quorum(&request, now).unwrap();
    let described = &response.topics[0].partitions[0];
    assert_eq!((described.error_code, described.leader_id), (ErrorCode::None, NODE));
    let term = controller.quorum().term;
    assert_eq!(described.leader_epoch.0, i32::try_from(term).unwrap());
    let [voter] = described.current_voters.as_slice() else { panic!("{described:?}") };
    assert_eq!((voter.replica_id, voter.log_end_offset), (NODE, described.high_watermark));
    assert_eq!((voter.last_fetch_timestamp.0, voter.last_caught_up_timestamp), (-1, now));
    let listener = &response.nodes[0].listeners[0];
    assert_eq!((listener.name.as_str(), listener.port), ("CONTROLLER", 9093));
    let unknown = ErrorCode::UnknownTopicOrPartition;
    for unknown_one in [&response.topics[0].partitions[1], &response.topics[1].partitions[0]] {
        assert_eq!(unknown_one.error_code, unknown);
    }
    controller.shut_down().await;
    let refused = controller.describe_quorum(&request, now).unwrap_err();
    assert_eq!(refused, ErrorCode::NotController);
}

async fn set_level(controller: &Controller, level: i16, upgrade_type: i8) {
    let update = FeatureUpdate {
        feature: MetadataVersion::FEATURE.into(),
        max_version_level: level,
        upgrade_type,
        ..Default::default()
    };
    let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
    let response = controller.update_features(request, 2).await.unwrap();
    assert_eq!((response.error_code, response.error_message), (ErrorCode::None, None));
    assert_eq!(controller.image().metadata_version().level(), level);
}

#[tokio::test]
async fn what_a_lower_level_cannot_read_is_gone_from_log_and_polls() {
    let disk = OnDisk::formatted();
    let controller = disk.start().await;
    join(&controller).await;
    let before = controller.applied_index();
    set_level(&controller, 1, SAFE_DOWNGRADE).await;
    let poll = MetadataPollRequest { cluster_id: CLUSTER.into(), ..Default::default() };
    let polled = controller.metadata_poll(poll).await.unwrap();
    assert!(polled.snapshot.is_some(), "{polled:?}");

    let store = locked(&controller.store).clone().unwrap();
    let holds_older = || {
        let keys = crate::keys::log_range(0..u64::try_from(before).unwrap());
        !store.scan(crate::keys::borrowed(&keys), store::Order::Ascending, 1).unwrap().is_empty()
    };
    while holds_older() {
        sleep(Duration::from_millis(1)).await;
    }
    create(&controller, "orders").await;
    let image = controller.image();
    drop(store);
    controller.shut_down().await;

    let controller = disk.start().await;
    assert_eq!(controller.image(), image);
    set_level(&controller, 2, UPGRADE).await;
    controller.shut_down().await;
}

/// What a witness was told, in order.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl Witness for Told {
    fn applied(
        &self,
        node: BrokerId,
        _: u64,
        index: u64,
        records: &[MetadataRecord],
        image: &ClusterImage,
    ) {
        let (records, topics) = (records.len(), image.topics().len());
        locked(&self.0).push(format!("{node} applied {index}: {records} records, {topics} topics"));
    }

    fn restored(&self, node: BrokerId, _: u64, index: u64, image: &ClusterImage) {
        locked(&self.0).push(format!("{node} restored {index}: {} topics", image.topics().len()));
    }

    fn active(&self, node: BrokerId, _: u64) {
        let mut told = locked(&self.0);
        let active = format!("{node} active");
        if told.last() != Some(&active) {
            told.push(active);
        }
    }
}

#[tokio::test]
async fn a_witness_hears_of_every_entry_in_order() {
    let disk = OnDisk::formatted();
    let told = Arc::new(Told::default());
    let start = || async {
        let doors = ControllerDoors { witness: told.clone(), ..doors(RocksStores::default()) };
        Controller::start(config(disk.dir.path()), doors).await.unwrap()
    };
    let controller = start().await;
    join(&controller).await;
    create(&controller, "orders").await;
    let last = controller.applied_index();
    controller.shut_down().await;
    let lived = std::mem::take(&mut *locked(&told.0));
    let applied: Vec<_> = lived.iter().filter(|line| line.contains("applied")).collect();
    assert_eq!(applied.len(), usize::try_from(last + 1).unwrap(), "{lived:#?}");
    assert_eq!(**applied.last().unwrap(), format!("1 applied {last}: 4 records, 1 topics"));
    assert!(lived.contains(&"1 active".to_owned()) && !lived[0].contains("active"), "{lived:#?}");

    let controller = start().await;
    controller.shut_down().await;
    let lived = std::mem::take(&mut *locked(&told.0));
    assert!(lived[0].contains("restored"), "{lived:#?}");
}
