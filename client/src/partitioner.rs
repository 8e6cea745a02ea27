//! Which partition a record goes to, where its sender doesn't say.
//!
//! The default is Kafka's ([`ByKey`]): keys go where Kafka's own clients send them, so that
//! producers in different languages agree, and records without key fill one batch after the other.
//! [`RoundRobin`] is the alternative that Kafka ships; anything else implements [`Partitioner`].

mod by_key;
mod murmur2;
mod round_robin;

use std::fmt;

use protocol::PartitionIndex;

pub use self::{
    by_key::{ByKey, partition_of},
    murmur2::murmur2,
    round_robin::RoundRobin,
};
use crate::{door::Entropy, metadata_cache::Topic, producer::ProducerRecord};

/// Chooses partitions for the records that name none.
///
/// It is asked once for each such record, in the order in which they are queued, and its answer is
/// final: a record is never moved to another partition.
///
/// ```
/// use std::sync::Arc;
///
/// use client::{
///     ProducerOptions,
///     partitioner::{Choice, Partitioner},
///     protocol::PartitionIndex,
/// };
///
/// /// What is urgent goes to partition 0, and everything else where Kafka sends it.
/// #[derive(Debug, Default)]
/// struct UrgentFirst(client::partitioner::ByKey);
///
/// impl Partitioner for UrgentFirst {
///     fn partition(&self, choice: &Choice<'_>) -> Option<PartitionIndex> {
///         let is_urgent = choice.record.headers.iter().any(|(name, _)| name == "urgent");
///         if is_urgent { Some(PartitionIndex(0)) } else { self.0.partition(choice) }
///     }
/// }
///
/// let options = ProducerOptions {
///     partitioner: Arc::new(UrgentFirst::default()),
///     ..ProducerOptions::default()
/// };
/// # let _ = options;
/// ```
pub trait Partitioner: Send + Sync + fmt::Debug + 'static {
    /// The record's partition; none where the topic has no partition to choose from. A partition
    /// that the topic doesn't have fails the record.
    fn partition(&self, choice: &Choice<'_>) -> Option<PartitionIndex>;
}

/// What a partitioner may go by.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The record.
    pub record: &'a ProducerRecord,
    /// Its topic, as it is known at the moment.
    pub topic: &'a Topic,
    /// The size at which the producer's batches are full.
    pub batch_bytes: usize,
    /// Chance: a partitioner that draws numbers elsewhere can't be simulated.
    pub entropy: &'a dyn Entropy,
}

#[cfg(test)]
mod tests;
