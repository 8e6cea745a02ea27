//! Control records: what brokers write into a log for each other. A batch of them holds one, and
//! consumers see nothing of it but a gap in the offsets.
//!
//! The key is a version and a type, the value a message of that type.

use bytes::{Buf, Bytes};

use crate::{
    BrokerId, Context, DirectoryId, Reader, Sink, Timestamp, Wire,
    records::{Batch, BatchBuilder, BatchError, BatchOptions, Compression},
};

const ABORT: i16 = 0;
const COMMIT: i16 = 1;
const LEADER_CHANGE: i16 = 2;

const KEY_VERSION: i16 = 0;
const MARKER_VERSION: i16 = 0;
const LEADER_CHANGE_VERSION: i16 = 1;

/// What a control record says.
#[derive(Clone, Debug, PartialEq)]
pub enum ControlRecord {
    /// A producer's transaction ended in this partition.
    EndTransaction(EndTransactionMarker),
    /// A raft quorum whose log this is has a new leader (KIP-595).
    LeaderChange(LeaderChange),
    /// Something else, by its type: to be skipped.
    Other(i16),
}

/// The end of a transaction in one partition (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTransactionMarker {
    /// Whether the transaction was committed; aborted otherwise.
    pub committed: bool,
    /// The epoch of the transaction coordinator that sent the marker.
    pub coordinator_epoch: i32,
}

crate::wire_struct! {
    /// A raft quorum has a new leader (KIP-595).
    LeaderChange {
        /// The new leader.
        leader_id: BrokerId { 0.. },
        /// Who may vote.
        voters: Vec<Voter> { 0.. },
        /// Who voted for the leader.
        granting_voters: Vec<Voter> { 0.. },
    }
}

crate::wire_struct! {
    /// A voter of a raft quorum.
    Voter {
        /// The node.
        voter_id: BrokerId { 0.. },
        /// Its directory (KIP-853).
        voter_directory_id: DirectoryId { 1.. },
    }
}

fn leader_change_context(version: i16) -> Context {
    Context { version, flexible: true }
}

impl ControlRecord {
    /// A batch that holds this record. Of the options, `control` is set and compression unset.
    ///
    /// # Panics
    /// For [`ControlRecord::Other`], of which nothing is known but the type.
    #[must_use]
    pub fn to_batch(&self, timestamp: Timestamp, options: BatchOptions) -> Bytes {
        let mut value = Vec::new();
        let record_type = match self {
            Self::EndTransaction(marker) => {
                value.extend_from_slice(&MARKER_VERSION.to_be_bytes());
                value.extend_from_slice(&marker.coordinator_epoch.to_be_bytes());
                if marker.committed { COMMIT } else { ABORT }
            }
            Self::LeaderChange(change) => {
                value.put(&LEADER_CHANGE_VERSION.to_be_bytes());
                change.encode(&mut value, leader_change_context(LEADER_CHANGE_VERSION));
                LEADER_CHANGE
            }
            Self::Other(record_type) => panic!("control record type {record_type} has no encoder"),
        };
        let key = [KEY_VERSION.to_be_bytes(), record_type.to_be_bytes()].concat();
        let mut builder = BatchBuilder::new();
        builder.append(timestamp, Some(&key), Some(&value), &[]);
        builder.finish(&BatchOptions { control: true, compression: Compression::None, ..options })
    }

    /// The record of a control batch; `None` if compaction left none.
    ///
    /// # Errors
    /// [`BatchError::Record`].
    pub fn from_batch(batch: &Batch) -> Result<Option<Self>, BatchError> {
        match batch.owned_records().next() {
            None => Ok(None),
            Some(record) => {
                let record = record?;
                let key = record.key.ok_or(BatchError::Record("a control record has no key"))?;
                Self::read(key, record.value.unwrap_or_default()).map(Some)
            }
        }
    }

    fn read(mut key: Bytes, mut value: Bytes) -> Result<Self, BatchError> {
        const KEY: BatchError = BatchError::Record("a control record's key is malformed");
        const VALUE: BatchError = BatchError::Record("a control record's value is malformed");
        // Later versions may append fields; the ones that are known stay where they are.
        let _version = key.try_get_i16().map_err(|_| KEY)?;
        let record_type = key.try_get_i16().map_err(|_| KEY)?;
        match record_type {
            ABORT | COMMIT => {
                let _version = value.try_get_i16().map_err(|_| VALUE)?;
                let coordinator_epoch = value.try_get_i32().map_err(|_| VALUE)?;
                let committed = record_type == COMMIT;
                Ok(Self::EndTransaction(EndTransactionMarker { committed, coordinator_epoch }))
            }
            LEADER_CHANGE => {
                let version = value.try_get_i16().map_err(|_| VALUE)?;
                LeaderChange::decode(&mut Reader::new(value), leader_change_context(version))
                    .map(Self::LeaderChange)
                    .map_err(|_| VALUE)
            }
            other => Ok(Self::Other(other)),
        }
    }
}
