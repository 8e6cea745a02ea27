use super::*;
use crate::{
    record::{ConfigRecord, RemoveTopicRecord},
    test_cluster::{TestCluster, topic},
};

#[test]
fn equal_images_have_no_difference() {
    let cluster = TestCluster::of(2);
    let mut rebuilt = ClusterImage::default();
    cluster.image.to_records().iter().for_each(|record| rebuilt.replay(record));
    assert!(cluster.image.delta(&rebuilt).is_empty());
}

#[test]
fn a_partition_that_changed_comes_with_what_it_was() {
    let mut cluster = TestCluster::of(3);
    let id = cluster.create_on("t", &[&[1, 2], &[2, 3]]);
    let older = cluster.image.clone();
    cluster.fence(1);
    let delta = older.delta(&cluster.image);
    assert_eq!(delta.topics.keys().collect::<Vec<_>>(), [&id]);
    let change = &delta.topics[&id];
    assert_eq!(change.partitions.keys().collect::<Vec<_>>(), [&PartitionIndex(0)]);
    let partition = &change.partitions[&PartitionIndex(0)];
    assert_eq!(partition.older.as_ref().unwrap().leader, Some(BrokerId(1)));
    assert_eq!(partition.newer.leader, Some(BrokerId(2)));
    assert_eq!(delta.brokers.keys().collect::<Vec<_>>(), [&BrokerId(1)]);
}

#[test]
fn a_topic_that_was_created_again_is_both_removed_and_new() {
    let mut cluster = TestCluster::of(1);
    let old_id = cluster.create_on("t", &[&[1]]);
    let older = cluster.image.clone();
    cluster.commit(vec![RemoveTopicRecord { topic_id: old_id }.into()]);
    let new_id = cluster.create(topic("t", 1, 1, &[])).topic_id;
    let delta = older.delta(&cluster.image);
    assert_eq!(delta.removed_topics.keys().collect::<Vec<_>>(), [&old_id]);
    assert_eq!(delta.topics.keys().collect::<Vec<_>>(), [&new_id]);
    assert_eq!(delta.topics[&new_id].partitions[&PartitionIndex(0)].older, None);
}

#[test]
fn a_broker_that_is_gone_is_a_removal() {
    let mut cluster = TestCluster::of(2);
    let older = cluster.image.clone();
    cluster
        .decide(|image, context| image.unregister_broker(BrokerId(2), context.settings))
        .unwrap();
    let delta = older.delta(&cluster.image);
    assert_eq!(delta.brokers, BTreeMap::from([(BrokerId(2), Change::Removed)]));
}

#[test]
fn a_resource_without_values_left_comes_empty() {
    let mut cluster = TestCluster::of(1);
    cluster.create_with("t", &[&[1]], &[("retention.ms", "1000")]);
    let older = cluster.image.clone();
    let resource_type = ConfigResource::topic("t").kind.code();
    let (resource_name, name) = ("t".to_owned(), "retention.ms".to_owned());
    cluster.commit(vec![ConfigRecord { resource_type, resource_name, name, value: None }.into()]);
    let delta = older.delta(&cluster.image);
    assert_eq!(delta.configs, BTreeMap::from([(ConfigResource::topic("t"), Overrides::new())]));
    assert!(delta.topics.is_empty());
}
