//! What a producer has yet to get acknowledged, partition by partition. Pure: time and chance come
//! in as arguments, and what to send or to tell goes out as values.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use protocol::{Offset, Timestamp, TopicPartition, records::BatchBuilder};
use tokio::time::Instant;

use super::{
    ProducerRecord,
    batch::{Batch, Codec, Identity, Receipt},
    lane::Lane,
};
use crate::{backoff::Backoff, door::Entropy, error::Error};

/// What the accumulator goes by.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) batch_bytes: usize,
    pub(super) linger: Duration,
    pub(super) delivery_timeout: Duration,
    pub(super) is_idempotent: bool,
    pub(super) codec: Codec,
    pub(super) backoff: Backoff,
}

/// How many batches of one partition may be under way: what brokers remember of each producer to
/// know duplicates by.
const IN_FLIGHT_MAX: usize = 5;

impl Settings {
    pub(super) fn in_flight_max(&self) -> usize {
        // Without sequences a batch that is sent again would come after those behind it.
        if self.is_idempotent { IN_FLIGHT_MAX } else { 1 }
    }
}

/// Batches count up over all partitions.
pub(super) type BatchId = u64;

/// Where a batch went, or why it didn't.
pub(super) type Outcome = Result<Appended, Error>;

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appended {
    /// The first record's; none where the broker doesn't say.
    pub(super) base_offset: Option<Offset>,
    /// The time that all records were given, where it isn't each one's own.
    pub(super) log_append_time: Option<Timestamp>,
}

/// A batch whose end is known.
#[derive(Debug)]
pub(super) struct Settled<T> {
    pub(super) receipts: Vec<Receipt<T>>,
    pub(super) result: Outcome,
}

/// A batch to send.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) to: TopicPartition,
    pub(super) id: BatchId,
    pub(super) bytes: Bytes,
}

/// All of a producer's batches. `T` is what a record's sender is told through.
#[derive(Debug)]
pub(super) struct Accumulator<T> {
    settings: Settings,
    lanes: BTreeMap<TopicPartition, Lane<T>>,
    next_id: BatchId,
    /// Batches before this one don't linger.
    flush: BatchId,
}

impl<T> Accumulator<T> {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, lanes: BTreeMap::new(), next_id: 0, flush: 0 }
    }

    /// Adds a record. Returns whether that made something due, or due at a time that wasn't known.
    pub(super) fn append(
        &mut self,
        to: &TopicPartition,
        record: &ProducerRecord,
        timestamp: Timestamp,
        now: Instant,
        token: T,
    ) -> bool {
        if !self.lanes.contains_key(to) {
            self.lanes.insert(to.clone(), Lane::new());
        }
        let lane = self.lanes.get_mut(to).expect("inserted above");
        let size = record.size_in_bytes_max();
        let mut is_news = false;
        if let Some((_, batch)) = &lane.filling
            && batch.size_in_bytes() + size > self.settings.batch_bytes
        {
            lane.close();
            is_news = true;
        }
        let (_, batch) = lane.filling.get_or_insert_with(|| {
            is_news = true;
            let id = self.next_id;
            self.next_id += 1;
            (id, Batch::new(now))
        });
        batch.append(record, timestamp, token);
        if batch.size_in_bytes() >= self.settings.batch_bytes {
            lane.close();
            is_news = true;
        }
        is_news
    }

    /// The partitions that have a batch to send now.
    pub(super) fn ready(&self, now: Instant) -> Vec<TopicPartition> {
        let is_ready = |lane: &Lane<T>| lane.is_ready(&self.settings, self.flush, now);
        self.lanes.iter().filter(|(_, lane)| is_ready(lane)).map(|(at, _)| at.clone()).collect()
    }

    /// Whether one of the ready partitions can't be served under this identity.
    pub(super) fn needs_identity(&self, current: Option<Identity>, now: Instant) -> bool {
        self.settings.is_idempotent
            && self.lanes.values().any(|lane| {
                lane.is_ready(&self.settings, self.flush, now) && lane.needs_identity(current)
            })
    }

    /// Takes a partition's next batch, if it is ready and has what it needs.
    pub(super) fn take(
        &mut self,
        from: &TopicPartition,
        current: Option<Identity>,
        now: Instant,
    ) -> Option<Sending> {
        let lane = self.lanes.get_mut(from)?;
        if !lane.is_ready(&self.settings, self.flush, now) {
            return None;
        }
        let (id, bytes) = lane.take(&self.settings, current)?;
        Some(Sending { to: from.clone(), id, bytes })
    }

    /// Takes in how sending a batch went. Returns it unless it's sent again.
    pub(super) fn settle(
        &mut self,
        of: &TopicPartition,
        id: BatchId,
        outcome: Outcome,
        now: Instant,
        entropy: &dyn Entropy,
    ) -> Option<Settled<T>> {
        let lane = self.lanes.get_mut(of).expect("only what was sent is settled");
        lane.settle(&self.settings, id, outcome, now, entropy)
    }

    /// Fails the batches that have waited for too long.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(TopicPartition, Settled<T>)> {
        let settings = &self.settings;
        let expire = |(at, lane): (&TopicPartition, &mut Lane<T>)| {
            let error = |last: Option<Error>| Error::DeliveryTimedOut {
                partition: at.clone(),
                after: settings.delivery_timeout,
                last: last.map(Box::new),
            };
            let late = lane.expire(settings, now, error);
            late.into_iter().map(|settled| (at.clone(), settled)).collect::<Vec<_>>()
        };
        self.lanes.iter_mut().flat_map(expire).collect()
    }

    /// Fails every batch that isn't under way.
    pub(super) fn fail_all(&mut self, error: &Error) -> Vec<(TopicPartition, Settled<T>)> {
        let fail = |(at, lane): (&TopicPartition, &mut Lane<T>)| {
            let all = lane.fail_all(error);
            all.into_iter().map(|settled| (at.clone(), settled)).collect::<Vec<_>>()
        };
        self.lanes.iter_mut().flat_map(fail).collect()
    }

    /// Makes everything due that is here now. Returns what to ask [`Accumulator::is_settled`] for.
    pub(super) fn flush(&mut self) -> BatchId {
        self.flush = self.next_id;
        self.flush
    }

    /// Whether every batch before this one is settled.
    pub(super) fn is_settled(&self, before: BatchId) -> bool {
        self.lanes.values().filter_map(Lane::oldest).all(|oldest| oldest >= before)
    }

    /// When to look again, should nothing else happen.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        self.lanes.values().filter_map(|lane| lane.wake_at(&self.settings, now)).min()
    }
}

impl ProducerRecord {
    /// The most that the record can take in a batch, in bytes.
    pub(super) fn size_in_bytes_max(&self) -> usize {
        let (key, value) = (self.key.as_deref(), self.value.as_deref());
        BatchBuilder::size_in_bytes_max(key, value, &self.headers)
    }
}

#[cfg(test)]
mod tests;
