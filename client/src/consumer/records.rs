//! Takes records out of what a broker answers to Fetch.

use std::{
    collections::{BTreeSet, VecDeque},
    iter::Peekable,
    sync::Arc,
};

use bytes::Bytes;
use protocol::{
    LeaderEpoch, Offset, ProducerId, Timestamp, TopicPartition,
    api::fetch::AbortedTransaction,
    records::{Batch, BatchError, BatchHeader, Batches, HEADER_SIZE, Record, RecordHeader},
};

use crate::{error::Error, offsets::Isolation};

/// A record and where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// The topic and the partition.
    pub partition: TopicPartition,
    /// The record's place in it.
    pub offset: Offset,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// When it was sent, or appended where the topic says so.
    pub timestamp: Timestamp,
    /// What partitioning and compaction go by.
    pub key: Option<Bytes>,
    /// The content. Null in a compacted topic: what had the same key is deleted.
    pub value: Option<Bytes>,
    /// In the order in which they were written; a key may occur twice.
    pub headers: Vec<RecordHeader>,
}

/// Records to hand out, and where the next fetch begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) records: VecDeque<ConsumerRecord>,
    pub(super) next_offset: Offset,
}

/// Decodes whole batches from an offset on: the first one may begin before it. Checksums are
/// checked; records of a batch may take `batch_bytes_max` bytes when they're decompressed.
pub(super) fn decode(
    from: &TopicPartition,
    offset: Offset,
    bytes: &Bytes,
    isolation: Isolation,
    aborted: Vec<AbortedTransaction>,
    batch_bytes_max: usize,
) -> Result<Decoded, Error> {
    let mut decoded = Decoded { records: VecDeque::new(), next_offset: offset };
    let mut aborted = Aborted::new(isolation, aborted);
    let mut batches = Batches::new(bytes);
    for batch in &mut batches {
        let at = decoded.next_offset;
        let corrupt = |source| corrupt(from, at, source);
        let (header, batch) = batch.map_err(corrupt)?;
        let is_aborted = aborted.covers(&header);
        if header.next_offset() <= at {
            continue;
        }
        let batch = Batch::decode(&bytes.slice_ref(batch), batch_bytes_max).map_err(corrupt)?;
        if !header.attributes.is_control() && !is_aborted {
            for record in batch.owned_records() {
                let record = record.map_err(corrupt)?;
                if record.offset >= at {
                    decoded.records.push_back(consumed(from, &header, record));
                }
            }
        }
        decoded.next_offset = header.next_offset();
    }
    // A broker sends at least one whole batch, however large (KIP-74). Without it there would be no
    // progress, ever.
    if decoded.next_offset == offset && !batches.rest().is_empty() {
        let left = batches.rest().len();
        return Err(corrupt(from, offset, BatchError::Truncated { needed: HEADER_SIZE, left }));
    }
    Ok(decoded)
}

fn corrupt(partition: &TopicPartition, offset: Offset, source: BatchError) -> Error {
    Error::Corrupt { partition: partition.clone(), offset, source: Arc::new(source) }
}

fn consumed(partition: &TopicPartition, header: &BatchHeader, record: Record) -> ConsumerRecord {
    ConsumerRecord {
        partition: partition.clone(),
        offset: record.offset,
        leader_epoch: header.partition_leader_epoch,
        timestamp: record.timestamp,
        key: record.key,
        value: record.value,
        headers: record.headers,
    }
}

/// Whose records are skipped: aborted transactions by first offset, each until its marker.
struct Aborted {
    isolation: Isolation,
    coming: Peekable<std::vec::IntoIter<AbortedTransaction>>,
    open: BTreeSet<ProducerId>,
}

impl Aborted {
    fn new(isolation: Isolation, mut transactions: Vec<AbortedTransaction>) -> Self {
        transactions.sort_by_key(|transaction| transaction.first_offset);
        Self { isolation, coming: transactions.into_iter().peekable(), open: BTreeSet::new() }
    }

    /// Whether a batch belongs to an aborted transaction, the batches being asked for in order.
    fn covers(&mut self, batch: &BatchHeader) -> bool {
        if self.isolation == Isolation::ReadUncommitted {
            return false;
        }
        let last_offset = batch.last_offset();
        while let Some(begun) = self.coming.next_if(|next| next.first_offset <= last_offset) {
            self.open.insert(begun.producer_id);
        }
        if !batch.attributes.is_transactional() {
            return false;
        }
        if batch.attributes.is_control() {
            // A producer has one transaction at a time, so its next marker ends this one.
            return self.open.remove(&batch.producer_id);
        }
        self.open.contains(&batch.producer_id)
    }
}

#[cfg(test)]
mod tests;
