//! Batches as producers send them, well made and badly, and what is in fetched ones.

use bytes::{Bytes, BytesMut};
use client::door::{Clock, SystemClock};
use protocol::{
    Offset, ProducerEpoch, ProducerId, Sequence, Timestamp,
    records::{
        Batch, BatchBuilder, BatchHeader, BatchOptions, Batches, Compression, Record, crc32c,
    },
};

/// Places in a batch's header.
pub(crate) const LENGTH: usize = 8;
pub(crate) const MAGIC: usize = 16;
pub(crate) const CRC: usize = 17;
pub(crate) const ATTRIBUTES: usize = 21;
pub(crate) const LAST_OFFSET_DELTA: usize = 23;
pub(crate) const RECORD_COUNT: usize = 57;

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// A batch of records with these values, and keys.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    batch_with(values, &BatchOptions::default())
}

pub(crate) fn compressed(values: &[&str], compression: Compression) -> Bytes {
    batch_with(values, &BatchOptions { compression, ..BatchOptions::default() })
}

pub(crate) fn batch_with(values: &[&str], options: &BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(now(), Some(b"key"), Some(value.as_bytes()), &[]);
    }
    builder.finish(options)
}

/// A batch of one record of a time.
pub(crate) fn batch_at(timestamp: Timestamp, value: &str) -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.append(timestamp, Some(b"key"), Some(value.as_bytes()), &[]);
    builder.finish(&BatchOptions::default())
}

/// A batch of one record without a key.
pub(crate) fn batch_without_key(compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.append(now(), None, Some(b"value"), &[]);
    builder.finish(&BatchOptions { compression, ..BatchOptions::default() })
}

/// A batch of about this size.
pub(crate) fn batch_of_size(bytes: usize) -> Bytes {
    batch(&["x".repeat(bytes).as_str()])
}

/// A batch of one record from an idempotent producer.
pub(crate) fn sequenced(id: ProducerId, epoch: i16, sequence: i32) -> Bytes {
    let options = BatchOptions {
        producer_id: id,
        producer_epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(sequence),
        ..BatchOptions::default()
    };
    batch_with(&["value"], &options)
}

/// Overwrites bytes of a batch and nothing else: the checksum is then wrong, where it covers them.
pub(crate) fn overwrite(batch: &Bytes, at: usize, with: &[u8]) -> Bytes {
    let mut bytes = BytesMut::from(&batch[..]);
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes.freeze()
}

/// Overwrites bytes of a batch, and makes the checksum fit them.
pub(crate) fn forge(batch: &Bytes, at: usize, with: &[u8]) -> Bytes {
    let forged = overwrite(batch, at, with);
    let crc = crc32c(&forged[ATTRIBUTES..]);
    overwrite(&forged, CRC, &crc.to_be_bytes())
}

/// The headers of fetched batches.
pub(crate) fn headers(records: Option<&Bytes>) -> Vec<BatchHeader> {
    let records = records.expect("records are never null");
    Batches::new(records).map(|batch| batch.unwrap().0).collect()
}

/// All fetched records.
pub(crate) fn records(records: Option<&Bytes>) -> Vec<Record> {
    let records = records.expect("records are never null");
    Batches::new(records)
        .flat_map(|batch| {
            let batch = Bytes::copy_from_slice(batch.unwrap().1);
            let batch = Batch::decode(&batch, 64 << 20).unwrap();
            batch.owned_records().map(Result::unwrap).collect::<Vec<_>>()
        })
        .collect()
}

/// Offsets and values of all fetched records.
pub(crate) fn values(fetched: Option<&Bytes>) -> Vec<(Offset, String)> {
    let value =
        |record: &Record| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap();
    records(fetched).iter().map(|record| (record.offset, value(record))).collect()
}
