//! What goes into a producer, and what comes out.

use bytes::Bytes;
use protocol::{
    Offset, PartitionIndex, Timestamp, TopicName,
    records::{BatchBuilder, RecordHeader},
};

use crate::{
    error::Error,
    serialization::{Part, Serialize},
};

/// A record to send.
///
/// ```
/// use client::{ProducerRecord, Text};
///
/// let record = ProducerRecord::to("positions")
///     .key_as(&Text, "truck-7")?
///     .value_as(&Text, "48.2,16.4")?
///     .header("source", "gps");
/// // The same from bytes:
/// let same = ProducerRecord::new("positions", "48.2,16.4").with_key("truck-7").header("source", "gps");
/// assert_eq!(record, same);
/// # Ok::<(), client::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerRecord {
    /// Where to.
    pub topic: TopicName,
    /// Which partition; none = the one that the producer's partitioner chooses.
    pub partition: Option<PartitionIndex>,
    /// What partitioning and compaction go by.
    pub key: Option<Bytes>,
    /// The content. Null in a compacted topic deletes what had the same key.
    pub value: Option<Bytes>,
    /// In this order; a key may occur twice.
    pub headers: Vec<RecordHeader>,
    /// Milliseconds since 1970; none = now.
    pub timestamp: Option<Timestamp>,
}

impl ProducerRecord {
    /// A record without key and value. With a key alone, it deletes that key in a compacted topic.
    #[must_use]
    pub fn to(topic: impl Into<TopicName>) -> Self {
        Self {
            topic: topic.into(),
            partition: None,
            key: None,
            value: None,
            headers: Vec::new(),
            timestamp: None,
        }
    }

    /// A record with a value of bytes, and nothing else.
    pub fn new(topic: impl Into<TopicName>, value: impl Into<Bytes>) -> Self {
        Self { value: Some(value.into()), ..Self::to(topic) }
    }

    /// The same with a key of bytes.
    #[must_use]
    pub fn with_key(self, key: impl Into<Bytes>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// The same for a partition, whatever its key.
    #[must_use]
    pub fn with_partition(self, partition: PartitionIndex) -> Self {
        Self { partition: Some(partition), ..self }
    }

    /// The same with a key that a codec writes.
    ///
    /// # Errors
    /// [`Error::Serialization`] when it can't.
    pub fn key_as<T: ?Sized>(self, codec: &impl Serialize<T>, key: &T) -> Result<Self, Error> {
        let key = codec.serialize(&self.topic, key);
        let key = key.map_err(|reason| Part::Key.error(&self.topic, reason))?;
        Ok(Self { key, ..self })
    }

    /// The same with a value that a codec writes.
    ///
    /// # Errors
    /// [`Error::Serialization`] when it can't.
    pub fn value_as<T: ?Sized>(self, codec: &impl Serialize<T>, value: &T) -> Result<Self, Error> {
        let value = codec.serialize(&self.topic, value);
        let value = value.map_err(|reason| Part::Value.error(&self.topic, reason))?;
        Ok(Self { value, ..self })
    }

    /// The same with another header behind those that it has.
    #[must_use]
    pub fn header(mut self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.headers.push((key.into(), Some(value.into())));
        self
    }

    /// The most that the record can take in a batch, in bytes.
    pub(crate) fn size_in_bytes_max(&self) -> usize {
        let (key, value) = (self.key.as_deref(), self.value.as_deref());
        BatchBuilder::size_in_bytes_max(key, value, &self.headers)
    }
}

/// Where a record went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The record's place; none with [`Acks::None`](super::Acks::None), or where the broker knows
    /// the record from an earlier attempt but no longer where it is.
    pub offset: Option<Offset>,
    /// The record's timestamp, in milliseconds since 1970: its own or, where the topic says so, the
    /// time of appending.
    pub timestamp: Timestamp,
}
