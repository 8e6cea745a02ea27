//! What a producer has yet to get acknowledged, partition by partition. Pure: time and chance come
//! in as arguments, and what to send or to tell goes out as values.
//!
//! Whatever happens costs no more than the partitions that it concerns, however many there are: an
//! agenda says which partition is due when, and a list of open batches which one is late first.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use protocol::{Offset, Timestamp, TopicPartition};
use tokio::time::Instant;

use super::{
    ProducerRecord,
    batch::{Batch, Codec, Identity, Receipt},
    lane::{Ended, Lane, Next},
};
use crate::{backoff::Backoff, door::Entropy, error::Error};

/// What the accumulator goes by.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) batch_bytes: usize,
    pub(super) linger: Duration,
    pub(super) delivery_timeout: Duration,
    pub(super) retries: u32,
    pub(super) is_idempotent: bool,
    /// How many batches of one partition may be under way.
    pub(super) in_flight_max: usize,
    pub(super) codec: Codec,
    pub(super) backoff: Backoff,
}

/// Names a batch, and says where it stands among the others of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BatchId {
    /// Counts up over all partitions.
    number: u64,
    /// The place of its first record in the batch that it was once part of.
    first_record: i32,
}

impl BatchId {
    /// The part of this batch behind so many records.
    pub(super) fn behind(self, record_count: i32) -> Self {
        Self { first_record: self.first_record + record_count, ..self }
    }
}

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

/// A record's place in the batch that it was added to.
#[derive(Debug)]
pub(super) struct Added<T> {
    pub(super) token: Arc<T>,
    pub(super) index: i32,
    /// Whether this made something due earlier than anything else was.
    pub(super) is_due_earlier: bool,
}

/// A batch whose senders are to be told.
#[derive(Debug)]
pub(super) struct Settled<T> {
    /// None where they were told already.
    pub(super) receipt: Option<Receipt<T>>,
    pub(super) result: Outcome,
}

/// A batch to send.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) to: TopicPartition,
    pub(super) id: BatchId,
    pub(super) bytes: Bytes,
}

/// All of a producer's batches. `T` is what the senders of a batch's records are told through.
#[derive(Debug)]
pub(super) struct Accumulator<T> {
    settings: Settings,
    identity: Option<Identity>,
    lanes: BTreeMap<TopicPartition, Entry<T>>,
    /// When to look at which lane.
    agenda: BTreeSet<(Instant, TopicPartition)>,
    /// Lanes that wait for an identity, out of the agenda meanwhile.
    unidentified: BTreeSet<TopicPartition>,
    /// The batches whose senders are still to be told, and by when.
    open: BTreeMap<BatchId, (Instant, TopicPartition)>,
    /// What is to be told.
    settled: Vec<Settled<T>>,
    next_number: u64,
    /// Batches before this one don't linger.
    flush: BatchId,
}

#[derive(Debug)]
struct Entry<T> {
    lane: Lane<T>,
    place: Place,
}

/// Where a lane is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nowhere: there is nothing to send before something else happens.
    Idle,
    /// In the agenda, at this time.
    Agenda(Instant),
    /// Handed out as ready, or unidentified.
    Out,
}

impl<T> Accumulator<T> {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            identity: None,
            lanes: BTreeMap::new(),
            agenda: BTreeSet::new(),
            unidentified: BTreeSet::new(),
            open: BTreeMap::new(),
            settled: Vec::new(),
            next_number: 0,
            flush: BatchId { number: 0, first_record: 0 },
        }
    }

    /// Adds a record. Only one that begins a batch asks for the time and for a token.
    pub(super) fn append(
        &mut self,
        to: &TopicPartition,
        record: &ProducerRecord,
        timestamp: Timestamp,
        begin: impl FnOnce() -> (Instant, T),
    ) -> Added<T> {
        let batch_bytes = self.settings.batch_bytes;
        let Entry { lane, .. } = match self.lanes.get_mut(to) {
            Some(entry) => entry,
            None => {
                let entry = Entry { lane: Lane::new(), place: Place::Idle };
                self.lanes.entry(to.clone()).or_insert(entry)
            }
        };
        let size = record.size_in_bytes_max();
        if lane.filling.as_ref().is_some_and(|(_, b)| b.size_in_bytes() + size > batch_bytes) {
            lane.close();
        }
        let mut opened = None;
        let capacity = lane.capacity(batch_bytes);
        let (_, batch) = lane.filling.get_or_insert_with(|| {
            let id = BatchId { number: self.next_number, first_record: 0 };
            self.next_number += 1;
            let (now, token) = begin();
            opened = Some((id, later(now, self.settings.delivery_timeout)));
            (id, Batch::new(now, token, capacity))
        });
        let (index, token) = batch.append(record, timestamp);
        let is_full = batch.size_in_bytes() >= batch_bytes;
        if is_full {
            lane.close();
        }
        if opened.is_none() && !is_full {
            return Added { token, index, is_due_earlier: false };
        }
        let before = self.wake_at();
        if let Some((id, deadline)) = opened {
            self.open.insert(id, (deadline, to.clone()));
        }
        self.schedule(to);
        let after = self.wake_at();
        let is_due_earlier = before.is_none_or(|before| after.is_some_and(|at| at < before));
        Added { token, index, is_due_earlier }
    }

    /// The partitions that have a batch to send now, the one that has waited longest first. Each is
    /// handed out once, until something is [taken](Accumulator::take) from it.
    pub(super) fn ready(&mut self, now: Instant) -> Vec<TopicPartition> {
        let mut ready = Vec::new();
        while self.agenda.first().is_some_and(|(at, _)| *at <= now) {
            let (_, partition) = self.agenda.pop_first().expect("it has a first");
            self.entry(&partition).place = Place::Out;
            ready.push(partition);
        }
        ready
    }

    /// The size of a partition's next batch, before compression, in bytes.
    pub(super) fn next_bytes(&self, of: &TopicPartition) -> usize {
        self.lanes.get(of).map_or(0, |entry| entry.lane.next_bytes())
    }

    /// Takes the next batch of a partition that was handed out as ready. None where it isn't ready
    /// any more, or waits for an identity.
    pub(super) fn take(&mut self, from: &TopicPartition, now: Instant) -> Option<Sending> {
        let (settings, flush, identity) = (&self.settings, self.flush, self.identity);
        let Entry { lane, place } = self.lanes.get_mut(from).expect("it was handed out");
        assert_eq!(*place, Place::Out, "{from} is handed out once");
        let mut ended = Ended::new();
        let next = match lane.due_at(settings, flush) {
            Some(at) if at <= now => lane.take(settings, identity, &mut ended),
            _ => Next::Nothing,
        };
        self.end(ended);
        if matches!(next, Next::NeedsIdentity) {
            self.unidentified.insert(from.clone());
            return None;
        }
        self.entry(from).place = Place::Idle;
        self.schedule(from);
        let Next::Batch(id, bytes) = next else { return None };
        Some(Sending { to: from.clone(), id, bytes })
    }

    /// Whether batches wait for an identity other than the present one.
    pub(super) fn needs_identity(&self) -> bool {
        !self.unidentified.is_empty()
    }

    /// The producer's present identity.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// Gives the producer an identity, or takes one away that the brokers don't accept any more.
    pub(super) fn set_identity(&mut self, identity: Option<Identity>) {
        self.identity = identity;
        for partition in std::mem::take(&mut self.unidentified) {
            self.entry(&partition).place = Place::Idle;
            self.schedule(&partition);
        }
    }

    /// Takes in how sending a batch went.
    pub(super) fn settle(
        &mut self,
        of: &TopicPartition,
        id: BatchId,
        outcome: Outcome,
        now: Instant,
        entropy: &dyn Entropy,
    ) {
        let lane = &mut self.lanes.get_mut(of).expect("only what was sent is settled").lane;
        if let Some(second) = lane.split(id, &outcome) {
            let deadline = self.open.get(&id).expect("its senders aren't told").clone();
            self.open.insert(second, deadline);
        } else if let Some(settled) = lane.settle(&self.settings, id, outcome, now, entropy) {
            self.end(vec![(id, settled)]);
        }
        self.schedule(of);
    }

    /// Fails the batches that have waited for too long.
    pub(super) fn expire(&mut self, now: Instant) {
        let after = self.settings.delivery_timeout;
        while let Some(first) = self.open.first_entry().filter(|first| first.get().0 <= now) {
            let (id, (_, partition)) = first.remove_entry();
            let settled = self.entry(&partition).lane.expire(id, |last| {
                let partition = partition.clone();
                Error::DeliveryTimedOut { partition, after, last: last.map(Box::new) }
            });
            self.end(vec![(id, settled)]);
            self.schedule(&partition);
        }
    }

    /// Fails every batch that isn't under way.
    pub(super) fn fail_all(&mut self, error: &Error) {
        let failed: Vec<_> = self
            .lanes
            .iter_mut()
            .map(|(partition, entry)| (partition.clone(), entry.lane.fail_all(error)))
            .collect();
        for (partition, ended) in failed {
            self.end(ended);
            self.schedule(&partition);
        }
    }

    /// What has come to an end since this was last asked.
    pub(super) fn settled(&mut self) -> Vec<Settled<T>> {
        std::mem::take(&mut self.settled)
    }

    /// Makes everything due that is here now. Returns what to ask [`Accumulator::is_settled`] for.
    pub(super) fn flush(&mut self) -> BatchId {
        self.flush = BatchId { number: self.next_number, first_record: 0 };
        let partitions: Vec<_> = self.lanes.keys().cloned().collect();
        partitions.iter().for_each(|partition| self.schedule(partition));
        self.flush
    }

    /// Whether every batch before this one is settled.
    pub(super) fn is_settled(&self, before: BatchId) -> bool {
        self.open.first_key_value().is_none_or(|(oldest, _)| *oldest >= before)
    }

    /// When to look again, should nothing else happen.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let due = self.agenda.first().map(|(at, _)| *at);
        let late = self.open.first_key_value().map(|(_, (deadline, _))| *deadline);
        due.into_iter().chain(late).min()
    }

    fn entry(&mut self, of: &TopicPartition) -> &mut Entry<T> {
        self.lanes.get_mut(of).expect("a lane stays once it is there")
    }

    fn end(&mut self, ended: Ended<T>) {
        for (id, settled) in ended {
            self.open.remove(&id);
            self.settled.push(settled);
        }
    }

    /// Brings the agenda up to date after something happened in a lane.
    fn schedule(&mut self, partition: &TopicPartition) {
        let (settings, flush) = (&self.settings, self.flush);
        let Entry { lane, place } = self.lanes.get_mut(partition).expect("it is there");
        let due = lane.due_at(settings, flush).map_or(Place::Idle, Place::Agenda);
        if *place == Place::Out || *place == due {
            return;
        }
        if let Place::Agenda(at) = std::mem::replace(place, due) {
            self.agenda.remove(&(at, partition.clone()));
        }
        if let Place::Agenda(at) = due {
            self.agenda.insert((at, partition.clone()));
        }
    }
}

/// A time after another, or one that nobody lives to see.
pub(super) fn later(at: Instant, after: Duration) -> Instant {
    const AGES: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    at + after.min(AGES)
}

#[cfg(test)]
mod tests;
