//! Builds a batch from records.

use bytes::Bytes;

use crate::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp,
    records::{
        Attributes, BatchHeader, Compression, HEADER_SIZE, LOG_OVERHEAD, RecordHeader,
        TimestampType, compress,
        header::update_crc,
        varint::{put_varint, put_varlong, varlong_size},
    },
};

/// What a batch's header says besides its records. The default is what a plain producer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct BatchOptions {
    /// The codec.
    pub compression: Compression,
    /// The codec's level; `None` is Kafka's default.
    pub compression_level: Option<i32>,
    /// The first record's offset; 0 from a producer.
    pub base_offset: Offset,
    /// The leader's epoch; -1 from a producer.
    pub partition_leader_epoch: LeaderEpoch,
    /// The time of appending, where it is the timestamp of all records.
    pub log_append_time: Option<Timestamp>,
    /// The idempotent producer.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// The first record's sequence.
    pub base_sequence: Sequence,
    /// Whether the records belong to a transaction.
    pub transactional: bool,
    /// Whether the records are the brokers' own.
    pub control: bool,
}

/// Collects records, encoded one by one, and closes them into a batch. The offsets are the base
/// offset's successors, without gaps.
#[derive(Clone, Debug, Default)]
pub struct BatchBuilder {
    /// The records, behind room for the header. Empty without records.
    batch: Vec<u8>,
    record_count: i32,
    base_timestamp: Timestamp,
    max_timestamp: Timestamp,
}

impl BatchBuilder {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty one that has memory for a batch of so many bytes, uncompressed.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { batch: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// The number of records so far.
    #[must_use]
    pub fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Whether there is no record yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// The size of the batch so far, uncompressed, in bytes.
    #[must_use]
    pub fn size_in_bytes(&self) -> usize {
        self.batch.len().max(HEADER_SIZE)
    }

    /// The most that one more record can add to [`BatchBuilder::size_in_bytes`].
    #[must_use]
    pub fn size_in_bytes_max(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader],
    ) -> usize {
        // A length takes at most 5 bytes, a timestamp 10.
        let blocks = [key, value].into_iter().flatten().map(<[u8]>::len).sum::<usize>();
        let headers = headers
            .iter()
            .map(|(key, value)| 10 + key.len() + value.as_ref().map_or(0, Bytes::len))
            .sum::<usize>();
        (5 + 1 + 10 + 5) + (5 + 5 + 5) + blocks + headers
    }

    /// Appends a record. Its offset is the batch's base offset plus the number of records before.
    ///
    /// # Panics
    /// If the batch gets beyond 2 GiB, which no broker takes: look at the sizes first.
    pub fn append(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader],
    ) {
        if self.is_empty() {
            self.batch.resize(HEADER_SIZE, 0);
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.0.wrapping_sub(self.base_timestamp.0);

        let size = 1
            + varlong_size(timestamp_delta)
            + varlong_size(i64::from(self.record_count))
            + block_size(key)
            + block_size(value)
            + varlong_size(length(headers.len()).into())
            + headers
                .iter()
                .map(|(key, value)| block_size(Some(key.as_bytes())) + block_size(value.as_deref()))
                .sum::<usize>();
        let out = &mut self.batch;
        put_varint(out, length(size));
        let start = out.len();
        out.push(0);
        put_varlong(out, timestamp_delta);
        put_varint(out, self.record_count);
        put_block(out, key);
        put_block(out, value);
        put_varint(out, length(headers.len()));
        for (key, value) in headers {
            put_block(out, Some(key.as_bytes()));
            put_block(out, value.as_deref());
        }
        assert_eq!(out.len() - start, size, "a record has the size that stands before it");
        self.record_count += 1;
    }

    /// Closes the batch.
    ///
    /// # Panics
    /// If there are no records.
    #[must_use]
    pub fn finish(self, options: &BatchOptions) -> Bytes {
        assert!(!self.is_empty(), "a batch has records");
        let mut batch = match options.compression {
            Compression::None => self.batch,
            codec => {
                let (room, records) = self.batch.split_at(HEADER_SIZE);
                [room, &compress(codec, options.compression_level, records)].concat()
            }
        };
        let timestamp_type = match options.log_append_time {
            Some(_) => TimestampType::LogAppendTime,
            None => TimestampType::CreateTime,
        };
        let header = BatchHeader {
            base_offset: options.base_offset,
            batch_length: length(batch.len() - LOG_OVERHEAD),
            partition_leader_epoch: options.partition_leader_epoch,
            crc: 0,
            attributes: Attributes::default()
                .with_compression(options.compression)
                .with_timestamp_type(timestamp_type)
                .with_transactional(options.transactional)
                .with_control(options.control),
            last_offset_delta: self.record_count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: options.log_append_time.unwrap_or(self.max_timestamp),
            producer_id: options.producer_id,
            producer_epoch: options.producer_epoch,
            base_sequence: options.base_sequence,
            record_count: self.record_count,
        };
        let mut bytes = Vec::with_capacity(HEADER_SIZE);
        header.write(&mut bytes);
        batch[..HEADER_SIZE].copy_from_slice(&bytes);
        update_crc(&mut batch);
        Bytes::from(batch)
    }
}

fn length(length: usize) -> i32 {
    i32::try_from(length).expect("a batch is below 2 GiB")
}

fn block_size(block: Option<&[u8]>) -> usize {
    let Some(block) = block else { return varlong_size(-1) };
    varlong_size(length(block.len()).into()) + block.len()
}

fn put_block(out: &mut Vec<u8>, block: Option<&[u8]>) {
    let Some(block) = block else { return put_varint(out, -1) };
    put_varint(out, length(block.len()));
    out.extend_from_slice(block);
}
