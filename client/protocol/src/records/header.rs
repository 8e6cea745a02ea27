//! The header of a batch: a parsed copy of its 61 bytes, and changes to them in place.
//!
//! ```text
//!  0  base offset             i64   outside the checksum: the broker's to set
//!  8  batch length            i32   bytes that follow this field
//! 12  partition leader epoch  i32   outside the checksum: the broker's to set
//! 16  magic                   i8    2
//! 17  CRC-32C                 u32   of everything that follows
//! 21  attributes              i16
//! 23  last offset delta       i32
//! 27  base timestamp          i64
//! 35  max timestamp           i64
//! 43  producer id             i64
//! 51  producer epoch          i16
//! 53  base sequence           i32
//! 57  record count            i32
//! ```

use crate::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp,
    records::{BatchError, Compression, crc32c},
};

/// The size of a header, in bytes.
pub const HEADER_SIZE: usize = 61;
/// The bytes up to and with the length: what a batch takes beyond its length.
pub const LOG_OVERHEAD: usize = 12;

const BASE_OFFSET: usize = 0;
const LENGTH: usize = 8;
const PARTITION_LEADER_EPOCH: usize = 12;
const MAGIC: usize = 16;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
const LAST_OFFSET_DELTA: usize = 23;
const BASE_TIMESTAMP: usize = 27;
const MAX_TIMESTAMP: usize = 35;
const PRODUCER_ID: usize = 43;
const PRODUCER_EPOCH: usize = 51;
const BASE_SEQUENCE: usize = 53;
const RECORD_COUNT: usize = 57;
const _: () = assert!(RECORD_COUNT + size_of::<i32>() == HEADER_SIZE);

/// The format of these batches.
const MAGIC_2: i8 = 2;

/// Who set a record's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// The producer, each record its own.
    #[default]
    CreateTime,
    /// The broker, one for the whole batch: the header's max timestamp.
    LogAppendTime,
}

/// The flags of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    const COMPRESSION: i16 = 0b111;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// The codec of the records.
    ///
    /// # Errors
    /// [`BatchError::UnknownCompression`].
    pub fn compression(self) -> Result<Compression, BatchError> {
        let id = self.0.to_be_bytes()[1] & Self::COMPRESSION.to_be_bytes()[1];
        Compression::from_id(id).ok_or(BatchError::UnknownCompression(id))
    }

    /// Who set the timestamps.
    #[must_use]
    pub fn timestamp_type(self) -> TimestampType {
        if self.has(Self::LOG_APPEND_TIME) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// Whether the records belong to a transaction.
    #[must_use]
    pub fn is_transactional(self) -> bool {
        self.has(Self::TRANSACTIONAL)
    }

    /// Whether the records are the brokers' own: markers that no consumer gets to see.
    #[must_use]
    pub fn is_control(self) -> bool {
        self.has(Self::CONTROL)
    }

    /// Whether the base timestamp is the time from which on a compaction may drop tombstones
    /// (KIP-534).
    #[must_use]
    pub fn has_delete_horizon(self) -> bool {
        self.has(Self::DELETE_HORIZON)
    }

    /// The same flags with another codec.
    #[must_use]
    pub fn with_compression(self, compression: Compression) -> Self {
        Self(self.0 & !Self::COMPRESSION | i16::from(compression.id()))
    }

    /// The same flags with another timestamp type.
    #[must_use]
    pub fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(Self::LOG_APPEND_TIME, timestamp_type == TimestampType::LogAppendTime)
    }

    /// The same flags, transactional or not.
    #[must_use]
    pub fn with_transactional(self, transactional: bool) -> Self {
        self.with(Self::TRANSACTIONAL, transactional)
    }

    /// The same flags, control or not.
    #[must_use]
    pub fn with_control(self, control: bool) -> Self {
        self.with(Self::CONTROL, control)
    }

    fn has(self, flag: i16) -> bool {
        self.0 & flag != 0
    }

    fn with(self, flag: i16, set: bool) -> Self {
        Self(if set { self.0 | flag } else { self.0 & !flag })
    }
}

/// A copy of a batch's header.
///
/// One that [`BatchHeader::parse`] returned has offsets from 0 to 2^63 - 1 in ascending order and
/// no more records than offsets; the checksum is [`crate::records::validate`]'s business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The first record's offset.
    pub base_offset: Offset,
    /// The size of the batch after this field, in bytes.
    pub batch_length: i32,
    /// The epoch of the leader that appended the batch.
    pub partition_leader_epoch: LeaderEpoch,
    /// The checksum of everything from the attributes on.
    pub crc: u32,
    /// The flags.
    pub attributes: Attributes,
    /// From the first offset to the last, compacted away or not.
    pub last_offset_delta: i32,
    /// What the records' timestamps count from.
    pub base_timestamp: Timestamp,
    /// The latest of the records' timestamps, or the time of appending.
    pub max_timestamp: Timestamp,
    /// The idempotent producer, or -1.
    pub producer_id: ProducerId,
    /// Its epoch, or -1.
    pub producer_epoch: ProducerEpoch,
    /// The first record's sequence, or -1.
    pub base_sequence: Sequence,
    /// How many records there are. Zero in a batch of which compaction left only the header.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header that bytes start with. The records may be missing.
    ///
    /// # Errors
    /// [`BatchError::Truncated`], [`BatchError::Length`], [`BatchError::Magic`],
    /// [`BatchError::OffsetRange`], [`BatchError::RecordCount`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let header = Self::parse_frame(bytes)?;
        header.check_range()?;
        Ok(header)
    }

    /// Reads the header and checks no more than that it is one: length and magic.
    pub(super) fn parse_frame(bytes: &[u8]) -> Result<Self, BatchError> {
        if bytes.len() < HEADER_SIZE {
            return Err(BatchError::Truncated { needed: HEADER_SIZE, left: bytes.len() });
        }
        let header = Self {
            base_offset: Offset(i64::from_be_bytes(field(bytes, BASE_OFFSET))),
            batch_length: i32::from_be_bytes(field(bytes, LENGTH)),
            partition_leader_epoch: LeaderEpoch(i32::from_be_bytes(field(
                bytes,
                PARTITION_LEADER_EPOCH,
            ))),
            crc: u32::from_be_bytes(field(bytes, CRC)),
            attributes: Attributes(i16::from_be_bytes(field(bytes, ATTRIBUTES))),
            last_offset_delta: i32::from_be_bytes(field(bytes, LAST_OFFSET_DELTA)),
            base_timestamp: Timestamp(i64::from_be_bytes(field(bytes, BASE_TIMESTAMP))),
            max_timestamp: Timestamp(i64::from_be_bytes(field(bytes, MAX_TIMESTAMP))),
            producer_id: ProducerId(i64::from_be_bytes(field(bytes, PRODUCER_ID))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(field(bytes, PRODUCER_EPOCH))),
            base_sequence: Sequence(i32::from_be_bytes(field(bytes, BASE_SEQUENCE))),
            record_count: i32::from_be_bytes(field(bytes, RECORD_COUNT)),
        };
        // The magic comes first: the older formats have shorter headers.
        let magic = i8::from_be_bytes(field(bytes, MAGIC));
        if magic != MAGIC_2 {
            return Err(BatchError::Magic(magic));
        }
        if usize::try_from(header.batch_length).map_or(true, |n| n < HEADER_SIZE - LOG_OVERHEAD) {
            return Err(BatchError::Length(header.batch_length));
        }
        Ok(header)
    }

    /// Whether offsets and counts can be true. Afterwards no method here overflows.
    pub(super) fn check_range(&self) -> Result<(), BatchError> {
        let Self { base_offset, last_offset_delta, record_count, .. } = *self;
        let next_offset = base_offset.0.checked_add(i64::from(last_offset_delta) + 1);
        if base_offset.0 < 0 || last_offset_delta < 0 || next_offset.is_none() {
            return Err(BatchError::OffsetRange { base_offset, last_offset_delta });
        }
        let offsets = i64::from(last_offset_delta) + 1;
        if record_count < 0 || i64::from(record_count) > offsets {
            return Err(BatchError::RecordCount { record_count, offsets });
        }
        Ok(())
    }

    /// Appends the header's bytes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.base_offset.0.to_be_bytes());
        out.extend_from_slice(&self.batch_length.to_be_bytes());
        out.extend_from_slice(&self.partition_leader_epoch.0.to_be_bytes());
        out.extend_from_slice(&MAGIC_2.to_be_bytes());
        out.extend_from_slice(&self.crc.to_be_bytes());
        out.extend_from_slice(&self.attributes.0.to_be_bytes());
        out.extend_from_slice(&self.last_offset_delta.to_be_bytes());
        out.extend_from_slice(&self.base_timestamp.0.to_be_bytes());
        out.extend_from_slice(&self.max_timestamp.0.to_be_bytes());
        out.extend_from_slice(&self.producer_id.0.to_be_bytes());
        out.extend_from_slice(&self.producer_epoch.0.to_be_bytes());
        out.extend_from_slice(&self.base_sequence.0.to_be_bytes());
        out.extend_from_slice(&self.record_count.to_be_bytes());
    }

    /// The size of the whole batch, in bytes.
    #[must_use]
    pub fn size_in_bytes(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.batch_length).expect("a parsed length is positive")
    }

    /// The last record's offset, compacted away or not.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// The offset after the last.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().plus(1)
    }

    /// Whether an idempotent producer sent the batch.
    #[must_use]
    pub fn has_producer_id(&self) -> bool {
        self.producer_id != ProducerId::default()
    }

    /// The last record's sequence, or -1 where there is none.
    #[must_use]
    pub fn last_sequence(&self) -> Sequence {
        if self.base_sequence == Sequence::default() {
            return self.base_sequence;
        }
        self.base_sequence.plus(self.last_offset_delta)
    }

    /// The timestamp of a record of this batch, from its delta.
    #[must_use]
    pub fn timestamp(&self, delta: i64) -> Timestamp {
        match self.attributes.timestamp_type() {
            // A hostile delta may wrap, as it does in Kafka; nothing rests on the value.
            TimestampType::CreateTime => Timestamp(self.base_timestamp.0.wrapping_add(delta)),
            TimestampType::LogAppendTime => self.max_timestamp,
        }
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the header is there as a whole")
}

fn set<const N: usize>(batch: &mut [u8], at: usize, value: [u8; N]) {
    batch[at..at + N].copy_from_slice(&value);
}

/// Changes the base offset of a batch in place; the checksum stays valid.
pub fn set_base_offset(batch: &mut [u8], base_offset: Offset) {
    set(batch, BASE_OFFSET, base_offset.0.to_be_bytes());
}

/// Changes the leader epoch of a batch in place; the checksum stays valid.
pub fn set_partition_leader_epoch(batch: &mut [u8], leader_epoch: LeaderEpoch) {
    set(batch, PARTITION_LEADER_EPOCH, leader_epoch.0.to_be_bytes());
}

/// Makes the time of appending the timestamp of all records of a batch, in place, and computes the
/// checksum anew. The bytes must be one whole batch.
pub fn set_log_append_time(batch: &mut [u8], now: Timestamp) {
    set_max_timestamp(batch, TimestampType::LogAppendTime, now);
}

/// Changes timestamp type and max timestamp of a batch in place, and where that changes anything,
/// computes the checksum anew. The bytes must be one whole batch.
pub fn set_max_timestamp(batch: &mut [u8], timestamp_type: TimestampType, max: Timestamp) {
    let attributes = Attributes(i16::from_be_bytes(field(batch, ATTRIBUTES)));
    let changed = attributes.with_timestamp_type(timestamp_type);
    if changed == attributes && max.0.to_be_bytes() == field(batch, MAX_TIMESTAMP) {
        return;
    }
    set(batch, ATTRIBUTES, changed.0.to_be_bytes());
    set(batch, MAX_TIMESTAMP, max.0.to_be_bytes());
    update_crc(batch);
}

/// The checksum of a whole batch, computed from its bytes.
pub(super) fn computed_crc(batch: &[u8]) -> u32 {
    crc32c(&batch[ATTRIBUTES..])
}

/// Stores the checksum of a whole batch.
pub(super) fn update_crc(batch: &mut [u8]) {
    set(batch, CRC, computed_crc(batch).to_be_bytes());
}
