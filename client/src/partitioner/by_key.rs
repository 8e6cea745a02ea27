//! Kafka's default: keys by their hash, and what has no key in full batches.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use protocol::{PartitionIndex, TopicName};

use super::{Choice, Partitioner, murmur2};

/// The partition of a key, in a topic of so many partitions.
///
/// ```
/// use client::{partitioner::partition_of, protocol::PartitionIndex};
///
/// assert_eq!(partition_of(b"truck-7", 1), PartitionIndex(0));
/// // More partitions move keys.
/// assert_ne!(partition_of(b"truck-7", 10), partition_of(b"truck-7", 11));
/// ```
///
/// # Panics
/// When there are no partitions.
#[must_use]
pub fn partition_of(key: &[u8], partition_count: usize) -> PartitionIndex {
    let count = u32::try_from(partition_count).expect("partitions are numbered by an i32");
    // Kafka drops the sign bit of the hash before it divides.
    let index = (murmur2(key) & 0x7fff_ffff) % count;
    PartitionIndex(i32::try_from(index).expect("below the number of partitions"))
}

/// Keys by their hash. Records without key stay with one partition for a batch's worth of bytes and
/// then move on to a random one (KIP-480, KIP-794): full batches, and all partitions in turn.
///
/// Partitions without leader get no record without key as long as there are others.
#[derive(Debug, Default)]
pub struct ByKey {
    stays: Mutex<BTreeMap<TopicName, Stay>>,
}

/// Where a topic's records without key go at the moment.
#[derive(Clone, Copy, Debug)]
struct Stay {
    partition: PartitionIndex,
    bytes: usize,
}

impl Partitioner for ByKey {
    fn partition(&self, choice: &Choice<'_>) -> Option<PartitionIndex> {
        let Choice { record, topic, batch_bytes, .. } = *choice;
        if let (Some(key), 1..) = (&record.key, topic.partitions.len()) {
            return Some(partition_of(key, topic.partitions.len()));
        }
        let bytes = record.size_in_bytes_max();
        let mut stays = self.stays.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stay) = stays.get_mut(&topic.name)
            && stay.bytes < batch_bytes
            && topic.leader(stay.partition).is_some()
        {
            stay.bytes += bytes;
            return Some(stay.partition);
        }
        let partition = choice.any()?;
        stays.insert(topic.name.clone(), Stay { partition, bytes });
        Some(partition)
    }
}

impl Choice<'_> {
    /// A random partition, one with a leader if there is one.
    fn any(&self) -> Option<PartitionIndex> {
        let partitions = &self.topic.partitions;
        let led = partitions.iter().filter(|(_, partition)| partition.leader.is_some());
        let mut choices: Vec<_> = led.map(|(index, _)| *index).collect();
        if choices.is_empty() {
            choices = partitions.keys().copied().collect();
        }
        let count = u64::try_from(choices.len()).expect("a length");
        let chosen = self.entropy.number().checked_rem(count)?;
        Some(choices[usize::try_from(chosen).expect("below a length")])
    }
}
