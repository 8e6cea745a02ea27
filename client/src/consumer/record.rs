//! A record as a consumer hands it out.

use bytes::Bytes;
use protocol::{
    LeaderEpoch, Offset, Timestamp, TopicPartition,
    records::{RecordHeader, TimestampType},
};

use crate::{
    error::Error,
    serialization::{Deserialize, Part},
};

/// A record and where it was.
///
/// Key, value and header values share the memory of the batch that they came in, or where it isn't
/// compressed, of the broker's whole answer. Copy out of it what is to be kept for long.
///
/// ```
/// use client::{ConsumerRecord, Json, Text};
///
/// #[derive(serde::Deserialize)]
/// struct Position {
///     latitude: f64,
///     longitude: f64,
/// }
///
/// fn show(record: &ConsumerRecord) -> Result<String, client::Error> {
///     let truck: String = record.key_as(&Text)?;
///     let position: Position = record.value_as(&Json)?;
///     Ok(format!("{truck} is at {}, {}", position.latitude, position.longitude))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// The topic and the partition.
    pub partition: TopicPartition,
    /// The record's place in it.
    pub offset: Offset,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// When it was sent or appended, in milliseconds since 1970.
    pub timestamp: Timestamp,
    /// Which of the two: as the topic's `message.timestamp.type` says.
    pub timestamp_type: TimestampType,
    /// What partitioning and compaction go by.
    pub key: Option<Bytes>,
    /// The content. Null in a compacted topic: what had the same key is deleted.
    pub value: Option<Bytes>,
    /// In the order in which they were written; a key may occur twice.
    pub headers: Vec<RecordHeader>,
}

impl ConsumerRecord {
    /// The key as a codec reads it.
    ///
    /// # Errors
    /// [`Error::Serialization`] when it can't.
    pub fn key_as<T>(&self, codec: &impl Deserialize<T>) -> Result<T, Error> {
        let topic = &self.partition.topic;
        let key = codec.deserialize(topic, self.key.as_ref());
        key.map_err(|reason| Part::Key.error(topic, reason))
    }

    /// The value as a codec reads it.
    ///
    /// # Errors
    /// [`Error::Serialization`] when it can't.
    pub fn value_as<T>(&self, codec: &impl Deserialize<T>) -> Result<T, Error> {
        let topic = &self.partition.topic;
        let value = codec.deserialize(topic, self.value.as_ref());
        value.map_err(|reason| Part::Value.error(topic, reason))
    }
}
