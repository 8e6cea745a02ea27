//! What a producer's batch has to be before it's appended, and what the topic's configuration makes
//! of it.
//!
//! A compressed batch is believed: its header's checksum holds, and its count and timestamps are the
//! producer's word. It's decompressed only where the topic's semantics need its records: a compacted
//! topic needs keys, another codec needs recompression (Kafka's LogValidator always reads them).
//! Records that aren't compressed are walked, which costs little.

use bytes::{Bytes, BytesMut};
use metadata::config::{CompressionType, TimestampType, TopicConfig};
use protocol::{
    ErrorCode, Timestamp,
    records::{
        Batch, BatchBuilder, BatchError, BatchHeader, BatchOptions, Compression, HEADER_SIZE,
        RecordsSummary, check_records, set_log_append_time, set_max_timestamp, validate_produced,
    },
};

/// A batch that has to be decompressed may be this many times as large as the topic lets a batch be
/// as it's sent. Real records rarely shrink to less; what is larger is made to fill memory.
const DECOMPRESSED_TIMES_MAX: usize = 64;

/// The most that it may decompress to, whatever the topic says.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// A batch that may be appended: offset and leader epoch are still to be patched.
#[derive(Debug)]
pub(crate) struct ProducedBatch {
    pub(crate) bytes: BytesMut,
    pub(crate) header: BatchHeader,
    /// The timestamp that all its records got from the broker, if the topic says so.
    pub(crate) log_append_time: Option<Timestamp>,
}

/// Why a batch isn't appended, with the words that Kafka's clients log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefusedBatch {
    pub(crate) error: ErrorCode,
    pub(crate) message: Option<String>,
}

impl RefusedBatch {
    pub(super) fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { error, message: Some(message.into()) }
    }
}

impl From<ErrorCode> for RefusedBatch {
    fn from(error: ErrorCode) -> Self {
        Self { error, message: None }
    }
}

impl From<BatchError> for RefusedBatch {
    fn from(error: BatchError) -> Self {
        Self::new(error.error_code(), error.to_string())
    }
}

impl ProducedBatch {
    /// Checks a batch against the topic's configuration, and rewrites it where that says so.
    pub(crate) fn check(
        mut bytes: BytesMut,
        config: &TopicConfig,
        zstd_allowed: bool,
        now: Timestamp,
    ) -> Result<Self, RefusedBatch> {
        check_size(bytes.len(), config)?;
        let mut header = validate_produced(&bytes)?;
        let compression = header.attributes.compression()?;
        if compression == Compression::Zstd && !zstd_allowed {
            let message = "Produce requests of this version may not be compressed with zstd";
            return Err(RefusedBatch::new(ErrorCode::UnsupportedCompressionType, message));
        }
        let target = target_codec(config, compression);
        let decoded = if target.is_some() || config.cleanup_policy.compact {
            Some(decode(header, &bytes, config)?)
        } else {
            None
        };
        let records = match &decoded {
            Some(batch) => Some(&batch.bytes()[..]),
            None if compression == Compression::None => Some(&bytes[HEADER_SIZE..]),
            None => None,
        };
        let summary = records.map(|records| check_records(&header, records)).transpose()?;
        if config.cleanup_policy.compact {
            check_keys(summary.as_ref())?;
        }
        let log_append_time = match config.message_timestamp_type {
            TimestampType::LogAppendTime => Some(now),
            TimestampType::CreateTime => {
                check_timestamps(&header, summary.as_ref(), config, now)?;
                None
            }
        };
        if let (Some(batch), Some((target, level))) = (&decoded, target) {
            bytes = recompress(batch, target, level)?;
            check_size(bytes.len(), config)?;
        }
        if let Some(now) = log_append_time {
            set_log_append_time(&mut bytes, now);
        } else if let Some(summary) = summary {
            // The header's maximum is what the time index and retention believe.
            let kind = protocol::records::TimestampType::CreateTime;
            set_max_timestamp(&mut bytes, kind, summary.max_timestamp);
        }
        header = BatchHeader::parse(&bytes)?;
        Ok(Self { bytes, header, log_append_time })
    }
}

fn check_size(size: usize, config: &TopicConfig) -> Result<(), RefusedBatch> {
    let max = config.max_message_bytes;
    if u64::try_from(size).is_ok_and(|size| size <= u64::from(max)) {
        return Ok(());
    }
    let message = format!(
        "The record batch size is {size} bytes which exceeds the maximum configured size of {max} bytes."
    );
    Err(RefusedBatch::new(ErrorCode::MessageTooLarge, message))
}

/// The codec to store with, where it isn't the one that the batch came with.
fn target_codec(
    config: &TopicConfig,
    came_with: Compression,
) -> Option<(Compression, Option<i32>)> {
    let (codec, level) = match config.compression_type {
        CompressionType::Producer => return None,
        CompressionType::Uncompressed => (Compression::None, None),
        CompressionType::Gzip(level) => {
            (Compression::Gzip, level.and_then(|level| i32::try_from(level).ok()))
        }
        CompressionType::Snappy => (Compression::Snappy, None),
        CompressionType::Lz4(level) => (Compression::Lz4, Some(level)),
        CompressionType::Zstd(level) => (Compression::Zstd, Some(level)),
    };
    (codec != came_with).then_some((codec, level))
}

fn check_keys(summary: Option<&RecordsSummary>) -> Result<(), RefusedBatch> {
    match summary.and_then(|summary| summary.first_without_key) {
        None => Ok(()),
        Some(index) => {
            let message = format!(
                "Compacted topic cannot accept message without key: record {index} has none."
            );
            Err(RefusedBatch::new(ErrorCode::InvalidRecord, message))
        }
    }
}

fn check_timestamps(
    header: &BatchHeader,
    summary: Option<&RecordsSummary>,
    config: &TopicConfig,
    now: Timestamp,
) -> Result<(), RefusedBatch> {
    let (min, max) = match summary {
        Some(summary) => (summary.min_timestamp, summary.max_timestamp),
        None => (header.base_timestamp, header.max_timestamp),
    };
    let earliest = now.0.saturating_sub(config.message_timestamp_before_max_ms);
    let latest = now.0.saturating_add(config.message_timestamp_after_max_ms);
    for timestamp in [min, max] {
        // A record without a timestamp is taken as it is.
        if timestamp != Timestamp(-1) && !(earliest..=latest).contains(&timestamp.0) {
            let message = format!(
                "Timestamp {timestamp} of the message is out of range. \
                 The timestamp should be within [{earliest}, {latest}]"
            );
            return Err(RefusedBatch::new(ErrorCode::InvalidTimestamp, message));
        }
    }
    Ok(())
}

fn decode(header: BatchHeader, bytes: &[u8], config: &TopicConfig) -> Result<Batch, RefusedBatch> {
    let sent_max = usize::try_from(config.max_message_bytes).unwrap_or(usize::MAX);
    let limit = sent_max.saturating_mul(DECOMPRESSED_TIMES_MAX).min(DECOMPRESSED_BYTES_MAX);
    Ok(Batch::decode_validated(header, &Bytes::copy_from_slice(bytes), limit)?)
}

fn recompress(
    batch: &Batch,
    compression: Compression,
    compression_level: Option<i32>,
) -> Result<BytesMut, RefusedBatch> {
    let header = batch.header();
    let mut builder = BatchBuilder::new();
    for record in batch.owned_records() {
        let record = record?;
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder.append(record.timestamp, key, value, &record.headers);
    }
    let rebuilt = builder.finish(&BatchOptions {
        compression,
        compression_level,
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        transactional: header.attributes.is_transactional(),
        ..BatchOptions::default()
    });
    Ok(BytesMut::from(rebuilt))
}

#[cfg(test)]
mod tests;
