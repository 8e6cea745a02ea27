//! All partitions in turn.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, PoisonError},
};

use protocol::{PartitionIndex, TopicName};

use super::{Choice, Partitioner};

/// Each record to the next partition, whatever its key. Partitions without leader are left out as
/// long as there are others.
///
/// Spreads records evenly, in batches that fill slowly where there are many partitions.
#[derive(Debug, Default)]
pub struct RoundRobin {
    last: Mutex<BTreeMap<TopicName, PartitionIndex>>,
}

impl Partitioner for RoundRobin {
    fn partition(&self, Choice { topic, .. }: &Choice<'_>) -> Option<PartitionIndex> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.get(&topic.name).copied().unwrap_or(PartitionIndex(-1));
        let behind = topic.partitions.range((Bound::Excluded(before), Bound::Unbounded));
        let in_turn = || behind.clone().chain(&topic.partitions);
        let led = in_turn().find(|(_, partition)| partition.leader.is_some());
        let next = *led.or_else(|| in_turn().next())?.0;
        last.insert(topic.name.clone(), next);
        Some(next)
    }
}
