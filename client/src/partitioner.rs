//! Which partition a record goes to, where its sender doesn't say.
//!
//! Keys go where Kafka's own clients send them, so that producers in different languages agree.
//! Records without key stay with one partition for a batch's worth of bytes and then move on
//! (KIP-480, KIP-794): full batches, and all partitions in turn.

use std::collections::BTreeMap;

use protocol::{PartitionIndex, TopicName};

use crate::{door::Entropy, metadata_cache::Topic};

/// The 32-bit murmur2 hash as Kafka seeds it.
#[must_use]
pub fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    let length = u32::try_from(bytes.len()).expect("a key is below 2 GiB");
    let mut hash = SEED ^ length;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

/// The partition of a key, in a topic of so many partitions.
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

/// Chooses partitions for records without key.
#[derive(Debug)]
pub struct Sticky {
    /// Bytes that one partition gets before the next one is chosen.
    stay_bytes: usize,
    topics: BTreeMap<TopicName, Stay>,
}

#[derive(Debug)]
struct Stay {
    partition: PartitionIndex,
    bytes: usize,
}

impl Sticky {
    /// Stays with a partition for so many bytes: a batch's size is a good number.
    #[must_use]
    pub fn new(stay_bytes: usize) -> Self {
        Self { stay_bytes, topics: BTreeMap::new() }
    }

    /// The partition for a record of so many bytes; none where the topic has no partitions.
    ///
    /// Partitions without leader are avoided as long as there are others.
    pub fn choose(
        &mut self,
        topic: &Topic,
        bytes: usize,
        entropy: &dyn Entropy,
    ) -> Option<PartitionIndex> {
        if let Some(stay) = self.topics.get_mut(&topic.name)
            && stay.bytes < self.stay_bytes
            && topic.leader(stay.partition).is_some()
        {
            stay.bytes += bytes;
            return Some(stay.partition);
        }
        let led = topic.partitions.iter().filter(|(_, partition)| partition.leader.is_some());
        let mut choices: Vec<_> = led.map(|(index, _)| *index).collect();
        if choices.is_empty() {
            choices = topic.partitions.keys().copied().collect();
        }
        let count = u64::try_from(choices.len()).expect("a length");
        let chosen = entropy.number().checked_rem(count)?;
        let partition = choices[usize::try_from(chosen).expect("below a length")];
        self.topics.insert(topic.name.clone(), Stay { partition, bytes });
        Some(partition)
    }
}

#[cfg(test)]
mod tests;
