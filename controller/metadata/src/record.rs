//! Metadata records: all that is ever written to the metadata log, and all that changes an image.
//!
//! A record says what *is* from now on, never what was asked for: whatever a decision depended on
//! is already decided in it. Each is declared in the notation of `protocol`, with a type number of
//! its own, versions, and tagged fields. A build that meets a type or a version that it doesn't
//! know says so and stops; it never skips a record.

use bytes::{Bytes, BytesMut};
use protocol::{DecodeError, Reader, Sink, Stored};

use crate::MetadataVersion;

mod broker;
mod config;
mod feature;
mod partition;
mod producer_ids;
mod topic;

pub use broker::{
    BrokerEndpoint, BrokerFeature, BrokerRegistrationChangeRecord, FenceReason,
    LastBrokerEpochRecord, RegisterBrokerRecord, UnregisterBrokerRecord,
};
pub use config::ConfigRecord;
pub use feature::{FeatureLevelRecord, NoOpRecord};
pub use partition::{LeaderRecoveryState, PartitionChangeRecord, PartitionRecord};
pub use producer_ids::ProducerIdsRecord;
pub use topic::{RemoveTopicRecord, TopicRecord};

/// Declares the family: each line a record, and from which level of `metadata.version` on it is
/// written at which version of its own.
macro_rules! family {
    ($( $(#[$meta:meta])* $name:ident($record:ty) { $($since:literal => $version:literal),+ } )*) => {
        /// One record of the metadata log.
        #[derive(Clone, Debug, PartialEq)]
        pub enum MetadataRecord {
            $( $(#[$meta])* $name($record), )*
        }

        $(
            impl From<$record> for MetadataRecord {
                fn from(record: $record) -> Self {
                    Self::$name(record)
                }
            }
        )*

        impl MetadataRecord {
            /// Every type number of the family.
            pub const TYPES: &'static [u32] = &[$(<$record>::TYPE),*];

            /// Appends the record, as the finalised level allows it to be written.
            ///
            /// # Panics
            /// The record doesn't exist at that level; a decision must not make it then.
            pub fn write(&self, level: MetadataVersion, out: &mut impl Sink) {
                match self {
                    $( Self::$name(record) => {
                        let version = version_at(level, &[$(($since, $version)),+]);
                        record.store(version, out);
                    } )*
                }
            }

            /// Reads what [`MetadataRecord::write`] wrote, to the last byte.
            ///
            /// # Errors
            /// A type or version that this build doesn't know, or bytes that are no encoding of it.
            pub fn read(bytes: Bytes) -> Result<Self, DecodeError> {
                let mut from = Reader::new(bytes);
                let record = match from.uvarint()? {
                    $( <$record>::TYPE => Self::$name(<$record>::load(&mut from)?), )*
                    unknown => return Err(DecodeError::UnknownType(unknown)),
                };
                match from.remaining() {
                    0 => Ok(record),
                    left => Err(DecodeError::TrailingBytes(left)),
                }
            }
        }
    };
}

family! {
    /// A broker introduces itself, or comes back.
    RegisterBroker(RegisterBrokerRecord) { 1 => 0, 2 => 1 }
    /// A broker is gone for good.
    UnregisterBroker(UnregisterBrokerRecord) { 1 => 0 }
    /// A registered broker is fenced, unfenced, shutting down, or lost a log directory.
    BrokerRegistrationChange(BrokerRegistrationChangeRecord) { 1 => 0, 2 => 1 }
    /// The last broker epoch given out. Only in snapshots.
    LastBrokerEpoch(LastBrokerEpochRecord) { 1 => 0 }
    /// A new topic; its partitions follow.
    Topic(TopicRecord) { 1 => 0 }
    /// A new partition.
    Partition(PartitionRecord) { 1 => 0 }
    /// What changed in a partition.
    PartitionChange(PartitionChangeRecord) { 1 => 0 }
    /// A topic is gone, with its partitions and its configuration.
    RemoveTopic(RemoveTopicRecord) { 1 => 0 }
    /// One dynamic configuration value.
    Config(ConfigRecord) { 1 => 0 }
    /// A finalised feature.
    FeatureLevel(FeatureLevelRecord) { 1 => 0 }
    /// A block of producer ids is taken.
    ProducerIds(ProducerIdsRecord) { 1 => 0 }
    /// Nothing.
    NoOp(NoOpRecord) { 1 => 0 }
}

/// The version a record is written at: that of the last step at or below the level.
fn version_at(level: MetadataVersion, steps: &[(i16, i16)]) -> i16 {
    let step = steps.iter().rev().find(|(since, _)| *since <= level.level());
    let (_, version) = step.expect("a decision only makes records that the finalised level has");
    *version
}

protocol::stored! {
    /// What one entry of the metadata log carries: records that are applied together or not at all.
    type 0, versions 0..=0;
    RecordBatch {
        /// Each record with its type and version.
        records: Vec<Bytes> { 0.. },
    }
}

impl RecordBatch {
    /// Puts records into a batch, as the finalised level allows them to be written.
    #[must_use]
    pub fn pack(records: &[MetadataRecord], level: MetadataVersion) -> Self {
        let pack = |record: &MetadataRecord| {
            let mut bytes = BytesMut::new();
            record.write(level, &mut bytes);
            bytes.freeze()
        };
        Self { records: records.iter().map(pack).collect() }
    }

    /// The records, in order.
    ///
    /// # Errors
    /// As [`MetadataRecord::read`], of the first record that can't be read.
    pub fn unpack(&self) -> Result<Vec<MetadataRecord>, DecodeError> {
        self.records.iter().cloned().map(MetadataRecord::read).collect()
    }
}

#[cfg(test)]
mod tests;
