//! Produce requests that are encoded once and sent many times.

use crate::connection::encode;
use crate::payload::Payload;
use anyhow::{Result, ensure};
use bytes::Bytes;
use protocol::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::records::{BatchBuilder, BatchOptions, Compression};
use protocol::{Timestamp, TopicName};

/// The latest version that names its topics.
pub(crate) const PRODUCE_VERSION: i16 = 12;

/// After the length, the API's key and its version.
const CORRELATION_ID_AT: usize = 8;

/// What a load is made of.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) topic: TopicName,
    /// Each gets its turn.
    pub(crate) partitions: std::ops::Range<i32>,
    pub(crate) payload: Payload,
    pub(crate) record_bytes: usize,
    /// The most that a batch takes before it is compressed. One record is always taken.
    pub(crate) batch_bytes: usize,
    /// librdkafka sends one, Java's producer one for each partition.
    pub(crate) batches_per_request: usize,
    pub(crate) compression: Compression,
    pub(crate) acks: i16,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            topic: TopicName::from("load"),
            partitions: 0..6,
            payload: Payload::Noise,
            record_bytes: 1000,
            batch_bytes: 1_000_000,
            batches_per_request: 1,
            compression: Compression::None,
            acks: 1,
        }
    }
}

impl Shape {
    /// One request for each group of partitions, each partition in one of them.
    pub(crate) fn requests(&self) -> Vec<Prepared> {
        self.requests_for(&self.partitions.clone().collect::<Vec<_>>())
    }

    /// The same for some of the partitions.
    pub(crate) fn requests_for(&self, partitions: &[i32]) -> Vec<Prepared> {
        let (batch, records) = self.batch();
        partitions
            .chunks(self.batches_per_request)
            .map(|group| self.request(group, &batch, records))
            .collect()
    }

    fn request(&self, partitions: &[i32], batch: &Bytes, records: u64) -> Prepared {
        let partition_data = partitions
            .iter()
            .map(|&index| PartitionProduceData {
                index: index.into(),
                records: Some(batch.clone()),
            })
            .collect();
        let request = ProduceRequest {
            acks: self.acks,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData {
                name: self.topic.clone(),
                partition_data,
                ..TopicProduceData::default()
            }],
            ..ProduceRequest::default()
        };
        let records = records * u64::try_from(partitions.len()).expect("a count");
        let record_bytes = records * u64::try_from(self.record_bytes).expect("a size");
        Prepared { frame: encode(&request, PRODUCE_VERSION, 0), records, record_bytes }
    }

    fn batch(&self) -> (Bytes, u64) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.expect("this is after 1970").as_millis();
        let timestamp = Timestamp(i64::try_from(now).expect("long before the end of time"));
        let mut builder = BatchBuilder::new();
        for value in self.payload.values(self.record_bytes) {
            let more = BatchBuilder::size_in_bytes_max(None, Some(&value), &[]);
            if !builder.is_empty() && builder.size_in_bytes() + more > self.batch_bytes {
                break;
            }
            builder.append(timestamp, None, Some(&value), &[]);
        }
        let records = u64::try_from(builder.record_count()).expect("a count");
        let options = BatchOptions { compression: self.compression, ..BatchOptions::default() };
        (builder.finish(&options), records)
    }
}

/// A whole request, length and header included.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    frame: Vec<u8>,
    pub(crate) records: u64,
    /// The size of the records' values, before they were compressed.
    pub(crate) record_bytes: u64,
}

impl Prepared {
    /// The bytes to send, with a correlation id of their own.
    pub(crate) fn bytes(&mut self, correlation_id: i32) -> &[u8] {
        let id = CORRELATION_ID_AT..CORRELATION_ID_AT + size_of::<i32>();
        self.frame[id].copy_from_slice(&correlation_id.to_be_bytes());
        &self.frame
    }
}

/// Checks that a produce response is the expected one, and has no error. Returns the offset that
/// the first partition's batch got.
pub(crate) fn check_response(frame: Bytes, correlation_id: i32) -> Result<i64> {
    let (header, response) = crate::connection::decode::<protocol::api::produce::ProduceResponse>(
        frame,
        PRODUCE_VERSION,
    )?;
    ensure!(header.correlation_id.0 == correlation_id, "responses are out of order");
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    for partition in partitions.clone() {
        ensure!(
            partition.error_code == protocol::ErrorCode::None,
            "partition {} answers {:?}",
            partition.index,
            partition.error_code
        );
    }
    Ok(partitions.next().map_or(-1, |first| first.base_offset.0))
}

#[cfg(test)]
mod tests {
    use super::{PRODUCE_VERSION, Shape};
    use protocol::api::produce::ProduceRequest;
    use protocol::records::{Compression, validate_produced};
    use protocol::{Message, Reader, RequestHeader};

    #[test]
    fn a_patched_request_differs_in_its_correlation_id_alone() {
        let mut prepared = Shape::default().requests().remove(0);
        let (first, second) = (prepared.bytes(1).to_vec(), prepared.bytes(-2).to_vec());
        let read = |bytes: Vec<u8>| {
            let length = u32::from_be_bytes(bytes[..4].try_into().unwrap());
            assert_eq!(usize::try_from(length).unwrap(), bytes.len() - 4);
            let mut reader = Reader::new(bytes::Bytes::from(bytes).slice(4..));
            let header = RequestHeader::read(&mut reader).unwrap();
            header.finish(&mut reader, true).unwrap();
            let request = ProduceRequest::read(&mut reader, PRODUCE_VERSION).unwrap();
            assert_eq!(reader.remaining(), 0);
            (header.correlation_id.0, request)
        };
        let ((first_id, first), (second_id, second)) = (read(first), read(second));
        assert_eq!((first_id, second_id), (1, -2));
        assert_eq!(first, second);
    }

    #[test]
    fn every_partition_is_in_one_request() {
        let shape =
            Shape { partitions: 0..7, batches_per_request: 3, batch_bytes: 0, ..Shape::default() };
        let requests = shape.requests();
        assert_eq!(requests.iter().map(|r| r.records).collect::<Vec<_>>(), [3, 3, 1]);
        assert_eq!(requests.iter().map(|r| r.record_bytes).sum::<u64>(), 7000);
    }

    #[test]
    fn a_batch_stays_within_its_size_and_is_one_that_a_broker_takes() {
        for compression in [Compression::None, Compression::Lz4] {
            let shape = Shape { batch_bytes: 16_384, compression, ..Shape::default() };
            let (batch, records) = shape.batch();
            assert!(batch.len() <= 16_384 + 64, "{}", batch.len());
            assert_eq!(records, 16);
            let header = validate_produced(&batch).unwrap();
            assert_eq!(header.attributes.compression().unwrap(), compression);
        }
    }
}
