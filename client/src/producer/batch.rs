//! Records on their way to one partition together.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use protocol::{
    ProducerEpoch, ProducerId, Sequence, Timestamp,
    records::{Batch as Decoded, BatchBuilder, BatchOptions, Compression, Record},
};
use tokio::time::Instant;

use super::ProducerRecord;
use crate::error::Error;

/// Who an idempotent producer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: ProducerId,
    pub(super) epoch: ProducerEpoch,
}

/// What makes a batch known again when it is sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) identity: Identity,
    pub(super) base_sequence: Sequence,
}

/// A batch from its first record until all of its receipts are given.
#[derive(Debug)]
pub(super) struct Batch<T> {
    pub(super) created_at: Instant,
    /// Set when it's first sent; from then on the broker may have it.
    pub(super) stamp: Option<Stamp>,
    /// How often it was sent in vain.
    pub(super) failures: u32,
    /// Whether it is sent again, so that others may have overtaken it.
    pub(super) is_retry: bool,
    /// Why it was last sent in vain.
    pub(super) last_error: Option<Error>,
    /// Why it isn't known whether the broker has it, once it isn't.
    pub(super) in_doubt: Option<Error>,
    /// None once its senders were told.
    pub(super) receipt: Option<Receipt<T>>,
    content: Content,
}

/// What the senders of some records are told through.
#[derive(Debug)]
pub(super) struct Receipt<T> {
    pub(super) token: Arc<T>,
    /// Their places in the batch that they were appended to.
    pub(super) records: Range<i32>,
}

impl<T> Receipt<T> {
    /// Takes away what is behind the first so many records.
    fn split_off(&mut self, record_count: i32) -> Self {
        let end = self.records.end;
        self.records.end = self.records.start + record_count;
        Self { token: self.token.clone(), records: self.records.end..end }
    }
}

#[derive(Debug)]
enum Content {
    Filling(BatchBuilder),
    Sealed { bytes: Bytes, stamp: Option<Stamp>, uncompressed_bytes: usize },
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Codec {
    pub(super) compression: Compression,
    pub(super) level: Option<i32>,
}

impl<T> Batch<T> {
    /// One without records, which takes the memory for so many bytes at once.
    pub(super) fn new(created_at: Instant, token: T, bytes: usize) -> Self {
        Self {
            created_at,
            stamp: None,
            failures: 0,
            is_retry: false,
            last_error: None,
            in_doubt: None,
            receipt: Some(Receipt { token: Arc::new(token), records: 0..0 }),
            content: Content::Filling(BatchBuilder::with_capacity(bytes)),
        }
    }

    /// The size before compression, in bytes.
    pub(super) fn size_in_bytes(&self) -> usize {
        match &self.content {
            Content::Filling(builder) => builder.size_in_bytes(),
            Content::Sealed { uncompressed_bytes, .. } => *uncompressed_bytes,
        }
    }

    /// How many records' senders are still to be told.
    pub(super) fn record_count(&self) -> i32 {
        self.receipt.as_ref().map_or(0, |Receipt { records, .. }| records.end - records.start)
    }

    /// Appends a record. Returns its place, and what its sender is told through.
    ///
    /// # Panics
    /// When the batch has been sealed, or its senders were told.
    pub(super) fn append(
        &mut self,
        record: &ProducerRecord,
        timestamp: Timestamp,
    ) -> (i32, Arc<T>) {
        let (Content::Filling(builder), Some(receipt)) = (&mut self.content, &mut self.receipt)
        else {
            panic!("a sealed batch takes no records")
        };
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder.append(timestamp, key, value, &record.headers);
        let index = receipt.records.end;
        receipt.records.end += 1;
        (index, receipt.token.clone())
    }

    /// The bytes to send, under the stamp that the batch has now.
    pub(super) fn seal(&mut self, codec: Codec) -> Bytes {
        let uncompressed_bytes = self.size_in_bytes();
        let builder = match &mut self.content {
            Content::Filling(builder) => std::mem::take(builder),
            Content::Sealed { bytes, stamp, .. } if *stamp == self.stamp => return bytes.clone(),
            // Rare: the producer lost its way and starts over in another epoch.
            Content::Sealed { bytes, .. } => builder(&records(bytes, uncompressed_bytes)),
        };
        let mut options = BatchOptions {
            compression: codec.compression,
            compression_level: codec.level,
            ..Default::default()
        };
        if let Some(Stamp { identity, base_sequence }) = self.stamp {
            options.producer_id = identity.id;
            options.producer_epoch = identity.epoch;
            options.base_sequence = base_sequence;
        }
        let bytes = builder.finish(&options);
        let stamp = self.stamp;
        self.content = Content::Sealed { bytes: bytes.clone(), stamp, uncompressed_bytes };
        bytes
    }

    /// Takes the second half of the records away, as a batch of their own. The halves keep the
    /// sequences that the records had together.
    ///
    /// # Panics
    /// When it hasn't been sent, or has less than two records.
    pub(super) fn split(&mut self) -> Self {
        let Content::Sealed { bytes, uncompressed_bytes, .. } = &self.content else {
            panic!("only what was sent can have been too large")
        };
        let record_count = self.record_count() / 2;
        assert!(record_count > 0, "a record can't be split");
        let records = records(bytes, *uncompressed_bytes);
        let (first, second) = records.split_at(records.len() / 2);
        let receipt = self.receipt.as_mut().map(|receipt| receipt.split_off(record_count));
        self.content = Content::Filling(builder(first));
        let base_sequence = |stamp: Stamp| stamp.base_sequence.plus(record_count);
        Self {
            created_at: self.created_at,
            stamp: self.stamp.map(|stamp| Stamp { base_sequence: base_sequence(stamp), ..stamp }),
            failures: self.failures,
            is_retry: self.is_retry,
            last_error: self.last_error.clone(),
            in_doubt: self.in_doubt.clone(),
            receipt,
            content: Content::Filling(builder(second)),
        }
    }
}

/// The records of a batch of our own making.
fn records(bytes: &Bytes, uncompressed_bytes: usize) -> Vec<Record> {
    const OWN: &str = "this client built the batch itself";
    let batch = Decoded::decode(bytes, uncompressed_bytes).expect(OWN);
    batch.owned_records().collect::<Result<_, _>>().expect(OWN)
}

/// The same records, ready for another header.
fn builder(records: &[Record]) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for record in records {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder.append(record.timestamp, key, value, &record.headers);
    }
    builder
}
