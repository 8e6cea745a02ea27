use std::collections::BTreeSet;

use protocol::{BrokerId, LeaderEpoch};

use super::*;
use crate::{door::SystemEntropy, metadata_cache::Partition};

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
fn a_partition_is_kept_for_a_batch_of_bytes() {
    let topic = topic(&[1; 100]);
    let mut sticky = Sticky::new(1000);
    let first = sticky.choose(&topic, 100, &SystemEntropy).unwrap();
    for _ in 1..10 {
        assert_eq!(sticky.choose(&topic, 100, &SystemEntropy), Some(first));
    }
    let chosen: BTreeSet<_> =
        (0..200).map(|_| sticky.choose(&topic, 1000, &SystemEntropy).unwrap()).collect();
    assert!(chosen.len() > 20, "{chosen:?}");
}

#[test]
fn partitions_without_leader_are_avoided_while_there_are_others() {
    let mut sticky = Sticky::new(1);
    for _ in 0..50 {
        let chosen = sticky.choose(&topic(&[-1, 1, -1]), 10, &SystemEntropy);
        assert_eq!(chosen, Some(PartitionIndex(1)));
    }
    assert!(sticky.choose(&topic(&[-1, -1]), 10, &SystemEntropy).is_some());
    assert_eq!(sticky.choose(&topic(&[]), 10, &SystemEntropy), None);
}
