//! Is this a batch? From the cheapest check to the dearest: frame, checksum, ranges, records.

use crate::{
    Offset, Sequence, Timestamp,
    records::{BatchError, BatchHeader, Records, TimestampType, header::computed_crc},
};

/// Checks that bytes are exactly one batch: its length, magic, checksum, offsets and counts.
/// The records stay unread, compressed or not.
///
/// # Errors
/// The first check that fails. The checksum comes before the ranges, so that a torn batch is
/// called torn and not wrong.
pub fn validate(batch: &[u8]) -> Result<BatchHeader, BatchError> {
    let header = BatchHeader::parse_frame(batch)?;
    let size = header.size_in_bytes();
    if batch.len() < size {
        return Err(BatchError::Truncated { needed: size, left: batch.len() });
    }
    if batch.len() > size {
        return Err(BatchError::TrailingBytes(batch.len() - size));
    }
    let computed = computed_crc(batch);
    if header.crc != computed {
        return Err(BatchError::Crc { stored: header.crc, computed });
    }
    header.check_range()?;
    Ok(header)
}

/// Checks that bytes are exactly one batch, and one that a producer may send: it starts at offset
/// 0, has a record for every offset, is no control batch, names a codec that Kafka has, and with a
/// producer id, a sequence.
///
/// # Errors
/// The first check that fails; [`BatchError::error_code`] is the answer.
pub fn validate_produced(batch: &[u8]) -> Result<BatchHeader, BatchError> {
    let header = validate(batch)?;
    let BatchHeader { record_count, base_offset, base_sequence, attributes, .. } = header;
    if base_offset != Offset(0) {
        return Err(BatchError::BaseOffset(base_offset));
    }
    let offsets = i64::from(header.last_offset_delta) + 1;
    if i64::from(record_count) != offsets {
        return Err(BatchError::RecordCount { record_count, offsets });
    }
    if attributes.is_control() {
        return Err(BatchError::Control);
    }
    if header.has_producer_id() && base_sequence < Sequence(0) {
        return Err(BatchError::Sequence(base_sequence.0));
    }
    if attributes.timestamp_type() == TimestampType::LogAppendTime {
        return Err(BatchError::LogAppendTime);
    }
    attributes.compression()?;
    Ok(header)
}

/// What a walk over the records of a batch finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordsSummary {
    /// The latest timestamp; -1 where no record has one.
    pub max_timestamp: Timestamp,
    /// The earliest timestamp, of records that have one; -1 where none has.
    pub min_timestamp: Timestamp,
    /// The offset delta of the first record without a key: a compacted topic refuses it.
    pub first_without_key: Option<i32>,
}

/// Walks over the records of a produced batch: they fill the bytes exactly, there are as many as
/// the header says, and their offsets count up from 0. Allocates nothing.
///
/// The bytes are the records without the header, decompressed.
///
/// # Errors
/// [`BatchError::Record`].
pub fn check_records(header: &BatchHeader, records: &[u8]) -> Result<RecordsSummary, BatchError> {
    let none = Timestamp::default();
    let mut summary =
        RecordsSummary { max_timestamp: none, min_timestamp: none, first_without_key: None };
    for (expected, record) in (0..).zip(Records::new(records, header.record_count)) {
        let record = record?;
        if record.offset_delta != expected {
            return Err(BatchError::Record("offsets don't count up from the base offset"));
        }
        if record.key.is_none() {
            summary.first_without_key.get_or_insert(record.offset_delta);
        }
        let timestamp = header.timestamp(record.timestamp_delta);
        if timestamp != none {
            summary.max_timestamp = summary.max_timestamp.max(timestamp);
            if summary.min_timestamp == none || timestamp < summary.min_timestamp {
                summary.min_timestamp = timestamp;
            }
        }
    }
    Ok(summary)
}
