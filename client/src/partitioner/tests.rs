use std::collections::BTreeSet;

use protocol::{BrokerId, LeaderEpoch};

use super::*;
use crate::{
    door::SystemEntropy,
    metadata_cache::{Partition, Topic},
};

fn topic(leaders: &[i32]) -> Topic {
    let partition = |leader: i32| Partition {
        leader: Some(BrokerId(leader)).filter(|id| id.0 >= 0),
        leader_epoch: LeaderEpoch(0),
        replicas: Vec::new(),
        isr: Vec::new(),
        offline_replicas: Vec::new(),
    };
    Topic {
        name: "orders".into(),
        id: None,
        is_internal: false,
        partitions: (0..).map(PartitionIndex).zip(leaders.iter().copied().map(partition)).collect(),
    }
}

/// Where a record without key goes.
fn choose(
    partitioner: &dyn Partitioner,
    topic: &Topic,
    value_bytes: usize,
) -> Option<PartitionIndex> {
    let record = ProducerRecord::new("orders", vec![0; value_bytes]);
    let entropy = &SystemEntropy;
    partitioner.partition(&Choice { record: &record, topic, batch_bytes: 1000, entropy })
}

// The hashes are those of Kafka's own test, UtilsTest.testMurmur2.
#[test]
fn murmur2_gives_what_kafkas_clients_give() {
    for (key, hash) in [
        ("21", -973_932_308_i32),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ] {
        assert_eq!(murmur2(key.as_bytes()), hash.cast_unsigned(), "{key}");
    }
}

#[test]
fn a_negative_hash_still_gives_a_partition() {
    for count in 1..50 {
        let partition = partition_of(b"21", count);
        assert!((0..i32::try_from(count).unwrap()).contains(&partition.0));
    }
}

#[test]
fn a_key_always_goes_to_its_partition() {
    let (by_key, topic) = (ByKey::default(), topic(&[1, -1, 1]));
    for _ in 0..20 {
        for key in ["21", "foobar", "abc"] {
            let record = ProducerRecord::new("orders", vec![0; 600]).with_key(key);
            let (record, topic) = (&record, &topic);
            let choice = Choice { record, topic, batch_bytes: 1000, entropy: &SystemEntropy };
            assert_eq!(by_key.partition(&choice), Some(partition_of(key.as_bytes(), 3)));
        }
    }
}

#[test]
fn without_key_a_partition_is_kept_for_a_batch_of_bytes() {
    let topic = topic(&[1; 100]);
    let by_key = ByKey::default();
    let first = choose(&by_key, &topic, 60).unwrap();
    for _ in 1..10 {
        assert_eq!(choose(&by_key, &topic, 60), Some(first));
    }
    let chosen: BTreeSet<_> = (0..200).map(|_| choose(&by_key, &topic, 1000).unwrap()).collect();
    assert!(chosen.len() > 20, "{chosen:?}");
}

#[test]
fn partitions_without_leader_are_avoided_while_there_are_others() {
    for partitioner in [&ByKey::default() as &dyn Partitioner, &RoundRobin::default()] {
        for _ in 0..50 {
            let chosen = choose(partitioner, &topic(&[-1, 1, -1]), 1000);
            assert_eq!(chosen, Some(PartitionIndex(1)));
        }
        assert!(choose(partitioner, &topic(&[-1, -1]), 1000).is_some());
        assert_eq!(choose(partitioner, &topic(&[]), 1000), None);
    }
}

#[test]
fn round_robin_takes_partitions_in_turn() {
    let round_robin = RoundRobin::default();
    let chosen = (0..7).map(|_| choose(&round_robin, &topic(&[1, 1, -1, 1]), 10).unwrap().0);
    assert_eq!(chosen.collect::<Vec<_>>(), [0, 1, 3, 0, 1, 3, 0]);
}
