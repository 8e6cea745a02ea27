use protocol::{BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, PartitionEpoch, Uuid};

use super::*;
use crate::{
    record::{
        ConfigRecord, FeatureLevelRecord, PartitionChangeRecord, RemoveTopicRecord, TopicRecord,
    },
    test_cluster::{TestCluster, topic},
};

fn rebuilt(image: &ClusterImage) -> ClusterImage {
    let mut rebuilt = ClusterImage::default();
    image.to_records().iter().for_each(|record| rebuilt.replay(record));
    rebuilt
}

/// A cluster that has something of everything.
fn rich() -> TestCluster {
    let mut cluster = TestCluster::of(3);
    cluster.create_with("orders", &[&[1, 2, 3], &[2, 3, 1]], &[("min.insync.replicas", "2")]);
    cluster.create_on("trucks", &[&[3]]);
    cluster.fence(3);
    cluster.commit(vec![
        ProducerIdsRecord { next_producer_id: ProducerId(3000), ..Default::default() }.into(),
    ]);
    cluster
}

#[test]
fn a_snapshot_rebuilds_the_image() {
    for cluster in [TestCluster::empty(), TestCluster::of(1), rich()] {
        let rebuilt = rebuilt(&cluster.image);
        assert_eq!(rebuilt, cluster.image);
        assert_eq!(rebuilt.digest(), cluster.image.digest());
    }
}

#[test]
fn a_snapshot_of_nothing_is_nothing() {
    assert_eq!(rebuilt(&ClusterImage::default()), ClusterImage::default());
}

#[test]
fn a_digest_tells_images_apart() {
    let mut cluster = rich();
    let before = cluster.image.digest();
    cluster.fence(2);
    assert_ne!(cluster.image.digest(), before);
}

#[test]
fn the_epoch_of_a_broker_that_is_gone_survives_a_snapshot() {
    let mut cluster = TestCluster::of(2);
    let gone = cluster.epoch(2);
    cluster
        .decide(|image, context| image.unregister_broker(BrokerId(2), context.settings))
        .unwrap();
    cluster.image = rebuilt(&cluster.image);
    assert_eq!(cluster.image.brokers().last_epoch(), gone);
    cluster.join(2);
    assert!(cluster.epoch(2) > gone);
}

#[test]
fn a_clone_shares_what_a_change_is_not_about() {
    let mut cluster = rich();
    let published = cluster.image.clone();
    let trucks = cluster.image.topics().get("trucks").unwrap().id;
    cluster.commit(vec![
        PartitionChangeRecord { topic_id: trucks, ..PartitionChangeRecord::default() }.into(),
    ]);
    let same = |name| {
        let (older, newer) = (published.topics().get(name), cluster.image.topics().get(name));
        std::ptr::eq(older.unwrap(), newer.unwrap())
    };
    assert!(same("orders"));
    assert!(!same("trucks"));
    assert!(Arc::ptr_eq(&published.brokers, &cluster.image.brokers));
    assert!(Arc::ptr_eq(&published.configs, &cluster.image.configs));
}

#[test]
fn epochs_rise_with_every_change_and_with_every_naming_of_a_leader() {
    let mut cluster = TestCluster::of(1);
    let topic_id = cluster.create_on("t", &[&[1]]);
    let nothing = PartitionChangeRecord { topic_id, ..PartitionChangeRecord::default() };
    let same_leader = PartitionChangeRecord { leader: Some(BrokerId(1)), ..nothing.clone() };
    let epochs = |cluster: &TestCluster| {
        let partition = cluster.partition("t", 0);
        (partition.leader_epoch, partition.partition_epoch)
    };
    assert_eq!(epochs(&cluster), (LeaderEpoch(0), PartitionEpoch(0)));
    cluster.commit(vec![nothing.into()]);
    assert_eq!(epochs(&cluster), (LeaderEpoch(0), PartitionEpoch(1)));
    cluster.commit(vec![same_leader.into()]);
    assert_eq!(epochs(&cluster), (LeaderEpoch(1), PartitionEpoch(2)));
}

#[test]
fn a_topic_takes_its_configuration_along() {
    let mut cluster = rich();
    let topic_id = cluster.image.topics().get("orders").unwrap().id;
    cluster.commit(vec![RemoveTopicRecord { topic_id }.into()]);
    assert!(cluster.image.configs().of(&ConfigResource::topic("orders")).is_empty());
    let again = cluster.create(topic("orders", 1, 1, &[]));
    assert_eq!(again.error_code, ErrorCode::None);
    assert_ne!(again.topic_id, topic_id);
    assert_eq!(cluster.image.topics().by_id(topic_id), None);
}

#[test]
fn a_value_that_is_unset_is_gone() {
    let mut cluster = rich();
    let unset = ConfigRecord {
        resource_type: 2,
        resource_name: "orders".to_owned(),
        name: "min.insync.replicas".to_owned(),
        value: None,
    };
    cluster.commit(vec![unset.into()]);
    assert_eq!(cluster.image.configs().resources().len(), 0);
}

#[test]
#[should_panic(expected = "producer ids below 3000 are taken")]
fn producer_ids_never_go_back() {
    rich().commit(vec![
        ProducerIdsRecord { next_producer_id: ProducerId(2000), ..Default::default() }.into(),
    ]);
}

#[test]
#[should_panic(expected = "has an id that is taken")]
fn a_topic_id_is_never_shared() {
    let mut cluster = rich();
    let topic_id = cluster.image.topics().get("orders").unwrap().id;
    cluster.commit(vec![TopicRecord { name: "other".into(), topic_id }.into()]);
}

#[test]
#[should_panic(expected = "the leader")]
fn a_leader_that_is_not_in_sync_is_a_bug() {
    let mut cluster = rich();
    let topic_id = cluster.image.topics().get("orders").unwrap().id;
    let leader = Some(BrokerId(3));
    cluster.commit(vec![PartitionChangeRecord { topic_id, leader, ..Default::default() }.into()]);
}

#[test]
#[should_panic(expected = "this build has no metadata.version 99")]
fn a_level_beyond_this_build_stops_it() {
    let mut cluster = rich();
    let name = MetadataVersion::FEATURE.to_owned();
    cluster.commit(vec![FeatureLevelRecord { name, level: 99 }.into()]);
}

#[test]
#[should_panic(expected = "changing broker 1 of another epoch")]
fn a_change_of_an_earlier_registration_is_a_bug() {
    let change = crate::record::BrokerRegistrationChangeRecord {
        broker_id: BrokerId(1),
        broker_epoch: BrokerEpoch(77),
        ..Default::default()
    };
    rich().commit(vec![change.into()]);
}

#[test]
fn a_directory_is_known_for_replicas_alone() {
    let cluster = rich();
    let partition = cluster.partition("trucks", 0);
    assert_eq!(partition.directory(BrokerId(3)), Some(crate::test_cluster::directory(3, 1)));
    assert_eq!(partition.directory(BrokerId(1)), None);
    assert!(cluster.image.brokers().get(BrokerId(1)).unwrap().has_online(Uuid::ZERO));
}
