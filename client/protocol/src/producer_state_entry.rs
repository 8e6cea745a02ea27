//! What outlives a broker of what it knows about one producer.

use crate::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

/// One producer's last batch in a partition, with the fields of Kafka's `.snapshot` files. The
/// replica decides by it, the log stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStateEntry {
    /// The producer.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// The last record's sequence; -1 when no batch of this epoch is left.
    pub last_sequence: Sequence,
    /// The last record's offset; -1 when no batch of this epoch is left.
    pub last_offset: Offset,
    /// From the first record of the last batch to its last.
    pub offset_delta: i32,
    /// The latest timestamp of the last batch.
    pub timestamp: Timestamp,
    /// The epoch of the transaction coordinator that wrote the last marker; -1 = none did.
    pub coordinator_epoch: i32,
    /// Where the open transaction starts.
    pub current_txn_first_offset: Option<Offset>,
}
