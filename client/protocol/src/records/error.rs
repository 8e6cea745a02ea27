//! What can be wrong with a record batch, and how a broker answers a producer that sent it.

use crate::{ErrorCode, Offset, records::Compression};

/// Why bytes are no valid record batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Fewer bytes than a header, or than the header's length says.
    #[error("a batch of {needed} bytes, of which there are {left}")]
    Truncated {
        /// Bytes that the batch takes.
        needed: usize,
        /// Bytes that there are.
        left: usize,
    },
    /// A length that leaves no room for a header.
    #[error("batch length {0} is shorter than a header")]
    Length(i32),
    /// A format other than magic 2.
    #[error("magic {0} is not supported")]
    Magic(i8),
    /// Bytes after the end of what must be one batch.
    #[error("{0} bytes after the batch")]
    TrailingBytes(usize),
    /// The bytes aren't those that the checksum was computed from.
    #[error("checksum {stored:#010x} is stored, {computed:#010x} computed")]
    Crc {
        /// In the header.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// Offsets below zero, beyond 2^63 - 1, or that end before they start.
    #[error("offsets start at {base_offset} and end {last_offset_delta} later")]
    OffsetRange {
        /// The first.
        base_offset: Offset,
        /// From the first to the last.
        last_offset_delta: i32,
    },
    /// A number of records that the range of offsets can't hold, or from a producer, doesn't equal.
    #[error("{record_count} records in {offsets} offsets")]
    RecordCount {
        /// Records by the header.
        record_count: i32,
        /// Offsets from the first to the last.
        offsets: i64,
    },
    /// A producer's batch must start at offset 0.
    #[error("a producer's batch starts at offset {0}")]
    BaseOffset(Offset),
    /// Control batches are the brokers' own.
    #[error("a producer may not write control records")]
    Control,
    /// A producer id without a sequence.
    #[error("a producer id with sequence {0}")]
    Sequence(i32),
    /// The time of appending is the broker's to set.
    #[error("a producer may not set the timestamp type LogAppendTime")]
    LogAppendTime,
    /// A codec that Kafka doesn't have.
    #[error("unknown compression type {0}")]
    UnknownCompression(u8),
    /// Bytes that the codec can't read.
    #[error("{compression} can't be decompressed: {reason}")]
    Decompression {
        /// The codec.
        compression: Compression,
        /// What the codec says.
        reason: String,
    },
    /// Records that decompress to more than was allowed.
    #[error("records decompress to more than {limit} bytes")]
    TooLarge {
        /// What was allowed, in bytes.
        limit: usize,
    },
    /// Bytes that are no record.
    #[error("malformed record: {0}")]
    Record(&'static str),
}

impl BatchError {
    /// The answer to a producer that sent such a batch: Kafka 4's.
    ///
    /// Kafka takes what can't be told apart from a torn message (length, magic, checksum) for
    /// CORRUPT_MESSAGE, which clients retry, and what was sent as it was meant for INVALID_RECORD,
    /// which they don't. Magic 0 and 1 are well known and therefore the latter; a batch cut short
    /// is no batch at all, and a request must have one.
    ///
    /// Two answers are better than Kafka's, which is UNKNOWN_SERVER_ERROR: those to an unknown
    /// codec and to bytes that their codec can't read. A limit on decompressed bytes is ours.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Magic(0 | 1) => ErrorCode::InvalidRecord,
            Self::Length(_) | Self::Magic(_) | Self::Crc { .. } => ErrorCode::CorruptMessage,
            Self::LogAppendTime => ErrorCode::InvalidTimestamp,
            Self::UnknownCompression(_) => ErrorCode::UnsupportedCompressionType,
            Self::TooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::Truncated { .. }
            | Self::TrailingBytes(_)
            | Self::OffsetRange { .. }
            | Self::RecordCount { .. }
            | Self::BaseOffset(_)
            | Self::Control
            | Self::Sequence(_)
            | Self::Decompression { .. }
            | Self::Record(_) => ErrorCode::InvalidRecord,
        }
    }
}
