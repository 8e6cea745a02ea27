//! What a partition knows of idempotent and transactional producers (KIP-98), as Kafka 4 has it.
//!
//! A producer numbers its records. Of each, the partition remembers the epoch and the last five
//! batches, so that a batch that was sent again is recognised and a gap refused. All of it comes
//! from the headers of batches: a follower, and a restarted broker, know what the leader knew.
//!
//! Here are no limits on the number of producers, and no verification of transactions with their
//! coordinator (KIP-890).

mod entry;
mod transactions;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use protocol::{
    ErrorCode, Offset, ProducerId, ProducerStateEntry, Sequence, Timestamp,
    records::{BatchHeader, EndTransactionMarker},
};

use entry::Producer;
pub use entry::{BATCHES_REMEMBERED, BatchSequence};
pub use transactions::CompletedTransaction;
use transactions::Transactions;

/// What a batch is, by its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceCheck {
    /// The one that comes next, or one without a producer id.
    Next,
    /// One that was appended before, and where.
    Duplicate(BatchSequence),
}

/// The producers of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerStates {
    producers: BTreeMap<ProducerId, Producer>,
    transactions: Transactions,
}

impl ProducerStates {
    /// Nobody is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The producers of a snapshot: ours, with an entry for each batch that is remembered, or
    /// Kafka's, with one for each producer.
    pub fn from_snapshot(entries: impl IntoIterator<Item = ProducerStateEntry>) -> Self {
        let mut states = Self::new();
        for entry in entries {
            states.producers.entry(entry.producer_id).or_default().restore(&entry);
        }
        for (producer_id, producer) in &states.producers {
            if let Some(first_offset) = producer.transaction_first_offset {
                states.transactions.begin(*producer_id, first_offset);
            }
        }
        states
    }

    /// What a snapshot keeps, in the order of producer ids: an entry for each batch that is
    /// remembered, the last one last.
    ///
    /// Kafka keeps the last batch alone, and reads this the same way: a later entry of a producer
    /// replaces the one before. But whoever forgets the others takes a retry of one of them for a
    /// gap, after which a producer can't know what is stored and what isn't.
    pub fn entries(&self) -> impl Iterator<Item = ProducerStateEntry> {
        self.producers.iter().flat_map(|(producer_id, producer)| producer.to_entries(*producer_id))
    }

    /// How many producers are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.producers.len()
    }

    /// Whether no producer is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// Checks a batch from a client, which has been validated.
    ///
    /// The rules, in Kafka's order:
    /// 1. It has the sequences of one of the last five batches of the same epoch: a duplicate.
    /// 2. Its epoch is older than the producer's: INVALID_PRODUCER_EPOCH. (PRODUCER_FENCED, the
    ///    same in the coordinator's words, would end a client that only needs to start over.)
    /// 3. Nothing is known of the producer: any sequence may come first, for what was known may
    ///    have expired, or been deleted with the log's beginning (KIP-360).
    /// 4. Its epoch is newer: the sequence starts again at 0, else OUT_OF_ORDER_SEQUENCE_NUMBER.
    /// 5. Its first sequence follows the last one, 0 after 2^31 - 1; else
    ///    OUT_OF_ORDER_SEQUENCE_NUMBER, which also meets a duplicate that is too old to be
    ///    recognised. (Kafka's DUPLICATE_SEQUENCE_NUMBER has no use any more.)
    /// 6. It's no part of a transaction while the producer has one open: INVALID_TXN_STATE.
    ///
    /// # Errors
    /// The error codes above.
    pub fn check(&self, header: &BatchHeader) -> Result<SequenceCheck, ErrorCode> {
        if !header.has_producer_id() {
            return Ok(SequenceCheck::Next);
        }
        let Some(producer) = self.producers.get(&header.producer_id) else {
            return Ok(SequenceCheck::Next);
        };
        if let Some(batch) = producer.duplicate(header) {
            return Ok(SequenceCheck::Duplicate(batch));
        }
        if header.producer_epoch < producer.epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        let next_sequence = if header.producer_epoch == producer.epoch {
            producer.last_sequence().map_or(Sequence(0), |last| last.plus(1))
        } else {
            Sequence(0)
        };
        if header.base_sequence != next_sequence {
            return Err(ErrorCode::OutOfOrderSequenceNumber);
        }
        let in_transaction = producer.transaction_first_offset.is_some();
        if in_transaction && !header.attributes.is_transactional() {
            return Err(ErrorCode::InvalidTxnState);
        }
        Ok(SequenceCheck::Next)
    }

    /// Takes a batch that is in the log, whoever put it there. Of a transaction's control batch,
    /// the marker says what its record does; compaction may have removed it.
    ///
    /// Nothing is checked here: what the leader appended is what happened.
    pub fn replay(
        &mut self,
        header: &BatchHeader,
        marker: Option<EndTransactionMarker>,
    ) -> Option<CompletedTransaction> {
        if !header.has_producer_id() {
            return None;
        }
        if header.attributes.is_control() {
            return self.replay_marker(header, marker?);
        }
        let producer = self.producers.entry(header.producer_id).or_default();
        producer.replay_batch(header);
        if header.attributes.is_transactional() && producer.transaction_first_offset.is_none() {
            producer.transaction_first_offset = Some(header.base_offset);
            self.transactions.begin(header.producer_id, header.base_offset);
        }
        None
    }

    fn replay_marker(
        &mut self,
        header: &BatchHeader,
        marker: EndTransactionMarker,
    ) -> Option<CompletedTransaction> {
        let producer = self.producers.entry(header.producer_id).or_default();
        let first_offset = producer.replay_marker(header, marker);
        // A marker in a partition that the transaction didn't write to completes nothing.
        let completed = CompletedTransaction {
            producer_id: header.producer_id,
            first_offset: first_offset?,
            last_offset: header.last_offset(),
            committed: marker.committed,
        };
        self.transactions.complete(&completed);
        Some(completed)
    }

    /// Forgets producers whose last batch is older than the given time (Kafka's
    /// `producer.id.expiration.ms`), by the batch's own timestamp. One with an open transaction
    /// stays.
    pub fn expire(&mut self, now: Timestamp, expiration_ms: i64) {
        self.producers.retain(|_, producer| {
            producer.transaction_first_offset.is_some()
                || now.0.saturating_sub(producer.last_timestamp.0) < expiration_ms
        });
    }

    /// The first offset of a transaction that is open, or whose end isn't replicated yet.
    #[must_use]
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        self.transactions.first_unstable_offset()
    }

    /// The last stable offset once a completed transaction is replicated: the start of the first
    /// one that is still open, or the offset after the marker. The log's transaction index keeps
    /// it, to know where a reader's search for aborted transactions may end.
    #[must_use]
    pub fn last_stable_offset(&self, completed: &CompletedTransaction) -> Offset {
        let after = completed.last_offset.plus(1);
        self.transactions.first_open_offset().map_or(after, |offset| offset.min(after))
    }

    /// Transactions that ended before the high watermark are stable.
    pub fn high_watermark_moved(&mut self, high_watermark: Offset) {
        self.transactions.high_watermark_moved(high_watermark);
    }
}
