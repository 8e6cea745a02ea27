use protocol::{Uuid, api::metadata::MetadataResponseBroker};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn broker(id: i32, host: &str) -> MetadataResponseBroker {
    MetadataResponseBroker {
        node_id: BrokerId(id),
        host: host.to_owned(),
        port: 9092,
        ..Default::default()
    }
}

/// One topic of one partition.
fn response(id: u8, leader: i32, epoch: i32) -> MetadataResponse {
    let partition = MetadataResponsePartition {
        leader_id: BrokerId(leader),
        leader_epoch: LeaderEpoch(epoch),
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some("orders".into()),
        topic_id: Uuid([id; 16]),
        partitions: vec![partition],
        ..Default::default()
    };
    MetadataResponse {
        brokers: vec![broker(1, "one"), broker(2, "two")],
        topics: vec![topic],
        ..Default::default()
    }
}

fn leader(cache: &MetadataCache, now: Instant) -> Option<(i32, i32)> {
    let topic = cache.topic(&"orders".into(), now, MINUTE)?;
    topic.leader(PartitionIndex(0)).map(|leader| (leader.id.0, leader.epoch.0))
}

fn orders() -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition: PartitionIndex(0) }
}

#[tokio::test]
async fn a_leader_epoch_never_goes_back() {
    let now = Instant::now();
    let mut cache = MetadataCache::default();
    cache.update(&response(7, 1, 5), now);
    cache.update(&response(7, 2, 4), now);
    assert_eq!(leader(&cache, now), Some((1, 5)));
    // The same epoch may lose its leader, and a later one may have another.
    cache.update(&response(7, -1, 5), now);
    assert_eq!(leader(&cache, now), None);
    cache.update(&response(7, 2, 6), now);
    assert_eq!(leader(&cache, now), Some((2, 6)));
}

#[tokio::test]
async fn a_topic_created_anew_starts_its_epochs_again() {
    let now = Instant::now();
    let mut cache = MetadataCache::default();
    cache.update(&response(7, 1, 5), now);
    cache.update(&response(8, 2, 0), now);
    assert_eq!(leader(&cache, now), Some((2, 0)));
    assert_eq!(cache.name_of(Uuid([8; 16])), Some(&"orders".into()));
    assert_eq!(cache.name_of(Uuid([7; 16])), None);
}

#[tokio::test]
async fn what_is_old_or_found_wrong_is_not_used() {
    let now = Instant::now();
    let mut cache = MetadataCache::default();
    cache.update(&response(7, 1, 5), now);
    assert!(leader(&cache, now + MINUTE).is_some());
    assert!(leader(&cache, now + 2 * MINUTE).is_none());
    cache.invalidate_broker(BrokerId(2));
    assert!(leader(&cache, now).is_some());
    cache.invalidate_broker(BrokerId(1));
    assert!(leader(&cache, now).is_none());
    cache.update(&response(7, 1, 5), now);
    cache.invalidate(&"orders".into());
    assert!(leader(&cache, now).is_none());
}

#[tokio::test]
async fn a_topic_that_is_gone_is_forgotten_and_one_in_trouble_is_not() {
    let now = Instant::now();
    let mut cache = MetadataCache::default();
    cache.update(&response(7, 1, 5), now);
    for (code, remains) in
        [(ErrorCode::LeaderNotAvailable, true), (ErrorCode::UnknownTopicOrPartition, false)]
    {
        let mut failed = response(7, 1, 5);
        failed.topics[0].error_code = code;
        let errors = cache.update(&failed, now);
        assert_eq!(errors, BTreeMap::from([("orders".into(), code)]));
        assert_eq!(leader(&cache, now).is_some(), remains);
    }
}

#[tokio::test]
async fn a_leader_named_in_passing_counts_only_if_it_is_newer_and_known() {
    let now = Instant::now();
    let mut cache = MetadataCache::default();
    let hint = |id, epoch| Leader { id: BrokerId(id), epoch: LeaderEpoch(epoch) };
    cache.update(&response(7, 1, 5), now);
    assert!(!cache.learn_leader(&orders(), hint(2, 5)));
    assert!(!cache.learn_leader(&orders(), hint(9, 6)));
    assert!(cache.learn_leader(&orders(), hint(2, 6)));
    assert_eq!(leader(&cache, now), Some((2, 6)));
}

#[tokio::test]
async fn brokers_are_replaced_but_never_by_none() {
    let now = Instant::now();
    let mut cache = MetadataCache::default();
    cache.update(&response(7, 1, 5), now);
    cache.update(&MetadataResponse::default(), now);
    assert_eq!(cache.brokers().len(), 2);
    let moved = MetadataResponse { brokers: vec![broker(2, "elsewhere")], ..Default::default() };
    cache.update(&moved, now);
    let hosts: Vec<_> = cache.brokers().values().map(|b| b.endpoint.to_string()).collect();
    assert_eq!(hosts, ["elsewhere:9092"]);
}
