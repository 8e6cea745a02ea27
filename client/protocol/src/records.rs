//! Record batches of magic 2: what producers send, logs store and consumers get.
//!
//! A batch is a header of [`HEADER_SIZE`] bytes and its records, compressed or not. Bytes pass
//! through a broker untouched: it reads the header ([`BatchHeader`]), checks it ([`validate`]) and
//! patches the base offset and the leader epoch, which lie outside the checksum. Only who needs
//! the records themselves decodes them ([`Batch`], [`Records`]).
//!
//! The older formats, magic 0 and 1, are not here: Kafka 4 neither accepts nor converts them
//! (KIP-724, KIP-896).

mod batch;
mod batches;
mod builder;
mod compression;
mod control;
mod crc;
mod error;
mod header;
mod record;
mod validate;
mod varint;

pub use batch::Batch;
pub use batches::Batches;
pub use builder::{BatchBuilder, BatchOptions};
pub use compression::{Compression, compress, decompress};
pub use control::{ControlRecord, EndTransactionMarker, LeaderChange, Voter};
pub use crc::{Crc32c, crc32c};
pub use error::BatchError;
pub use header::{
    Attributes, BatchHeader, HEADER_SIZE, LOG_OVERHEAD, TimestampType, set_base_offset,
    set_log_append_time, set_max_timestamp, set_partition_leader_epoch,
};
pub use record::{HeaderRefs, Record, RecordHeader, RecordRef, Records};
pub use validate::{RecordsSummary, check_records, validate, validate_produced};

#[cfg(test)]
mod tests;
