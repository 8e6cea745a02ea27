//! What is known of one producer.

use std::collections::VecDeque;

use protocol::{
    Offset, ProducerEpoch, ProducerId, ProducerStateEntry, Sequence, Timestamp, bug,
    records::{BatchHeader, EndTransactionMarker},
};

/// How many batches of a producer are remembered: as many as Kafka's clients have in flight at most
/// (`max.in.flight.requests.per.connection` of an idempotent producer).
pub const BATCHES_REMEMBERED: usize = 5;

/// A batch that was appended, by its sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSequence {
    /// The last record's sequence.
    pub last_sequence: Sequence,
    /// The last record's offset.
    pub last_offset: Offset,
    /// From the first record's offset to the last one's; the same for sequences.
    pub offset_delta: i32,
    /// The latest timestamp.
    pub timestamp: Timestamp,
}

impl BatchSequence {
    fn of(header: &BatchHeader) -> Self {
        Self {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        }
    }

    /// The first record's sequence.
    #[must_use]
    pub fn first_sequence(&self) -> Sequence {
        self.last_sequence.plus(-self.offset_delta)
    }

    /// The first record's offset.
    #[must_use]
    pub fn first_offset(&self) -> Offset {
        self.last_offset.plus(-i64::from(self.offset_delta))
    }
}

const NO_OFFSET: Offset = Offset(-1);

/// What is known of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Producer {
    pub(super) epoch: ProducerEpoch,
    pub(super) coordinator_epoch: i32,
    pub(super) last_timestamp: Timestamp,
    pub(super) transaction_first_offset: Option<Offset>,
    /// The last batches of this epoch, the oldest first.
    batches: VecDeque<BatchSequence>,
}

impl Default for Producer {
    fn default() -> Self {
        Self {
            epoch: ProducerEpoch::default(),
            coordinator_epoch: -1,
            last_timestamp: Timestamp::default(),
            transaction_first_offset: None,
            batches: VecDeque::new(),
        }
    }
}

impl Producer {
    /// Takes over an entry of a snapshot: the next batch of the same epoch, or a new beginning.
    pub(super) fn restore(&mut self, entry: &ProducerStateEntry) {
        self.enter_epoch(entry.producer_epoch);
        self.coordinator_epoch = entry.coordinator_epoch;
        self.last_timestamp = entry.timestamp;
        self.transaction_first_offset = entry.current_txn_first_offset;
        if entry.last_offset >= Offset(0) {
            self.remember(BatchSequence {
                last_sequence: entry.last_sequence,
                last_offset: entry.last_offset,
                offset_delta: entry.offset_delta,
                timestamp: entry.timestamp,
            });
        }
    }

    /// Its entries in a snapshot: one for each batch, or one that says that there is none.
    pub(super) fn to_entries(
        &self,
        producer_id: ProducerId,
    ) -> impl Iterator<Item = ProducerStateEntry> {
        let none = ProducerStateEntry {
            producer_id,
            producer_epoch: self.epoch,
            last_sequence: Sequence::default(),
            last_offset: NO_OFFSET,
            offset_delta: 0,
            timestamp: self.last_timestamp,
            coordinator_epoch: self.coordinator_epoch,
            current_txn_first_offset: self.transaction_first_offset,
        };
        let last = self.batches.len().checked_sub(1);
        let entries =
            self.batches.iter().enumerate().map(move |(place, batch)| ProducerStateEntry {
                last_sequence: batch.last_sequence,
                last_offset: batch.last_offset,
                offset_delta: batch.offset_delta,
                // A marker may have come after the last batch; expiry counts from it.
                timestamp: if Some(place) == last { none.timestamp } else { batch.timestamp },
                ..none
            });
        self.batches.is_empty().then_some(none).into_iter().chain(entries)
    }

    /// The last sequence of this epoch, if it has any batch.
    pub(super) fn last_sequence(&self) -> Option<Sequence> {
        self.batches.back().map(|batch| batch.last_sequence)
    }

    /// The batch with exactly these sequences, if it's remembered.
    pub(super) fn duplicate(&self, header: &BatchHeader) -> Option<BatchSequence> {
        if header.producer_epoch != self.epoch {
            return None;
        }
        let same = |batch: &&BatchSequence| {
            batch.first_sequence() == header.base_sequence
                && batch.last_sequence == header.last_sequence()
        };
        self.batches.iter().find(same).copied()
    }

    pub(super) fn replay_batch(&mut self, header: &BatchHeader) {
        self.enter_epoch(header.producer_epoch);
        self.remember(BatchSequence::of(header));
        self.last_timestamp = header.max_timestamp;
    }

    fn remember(&mut self, batch: BatchSequence) {
        if self.batches.len() == BATCHES_REMEMBERED || bug!(T3) {
            self.batches.pop_front();
        }
        self.batches.push_back(batch);
    }

    /// Ends the open transaction, if there is one, and returns its first offset.
    pub(super) fn replay_marker(
        &mut self,
        header: &BatchHeader,
        marker: EndTransactionMarker,
    ) -> Option<Offset> {
        self.enter_epoch(header.producer_epoch);
        self.coordinator_epoch = marker.coordinator_epoch;
        self.last_timestamp = header.max_timestamp;
        self.transaction_first_offset.take()
    }

    fn enter_epoch(&mut self, epoch: ProducerEpoch) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.batches.clear();
        }
    }
}
