//! A consumer that looks at no more than where each batch ends.

use crate::connection::Connection;
use crate::stub::FETCH_VERSION;
use anyhow::{Context, Result, ensure};
use protocol::api::fetch::{FetchPartition, FetchRequest, FetchTopic};
use protocol::records::Batches;
use protocol::{ErrorCode, PartitionIndex, TopicName};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;

/// As Java's consumer asks: `max.partition.fetch.bytes` and `fetch.max.bytes`.
const PARTITION_BYTES_MAX: i32 = 1024 * 1024;
const RESPONSE_BYTES_MAX: i32 = 50 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Fetcher {
    connection: Connection,
    topic: TopicName,
    /// The next offset of each partition.
    positions: BTreeMap<PartitionIndex, i64>,
}

/// What one fetch brought.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    /// How far behind the partitions' ends the reader is, in records.
    pub(crate) behind: i64,
}

impl Fetcher {
    /// Starts at the first offset of each partition.
    pub(crate) fn open(
        address: SocketAddr,
        topic: TopicName,
        partitions: Range<i32>,
    ) -> Result<Self> {
        let positions = partitions.map(|index| (index.into(), 0)).collect();
        Ok(Self { connection: Connection::open(address)?, topic, positions })
    }

    /// The sum of all positions: how many records were read, in a log without gaps.
    pub(crate) fn position(&self) -> i64 {
        self.positions.values().sum()
    }

    /// Fetches once, and waits up to so many milliseconds for the first record.
    pub(crate) fn poll(&mut self, max_wait_ms: i32) -> Result<Fetched> {
        let response = self.connection.call(&self.request(max_wait_ms), FETCH_VERSION)?;
        let mut fetched = Fetched::default();
        for data in response.responses.iter().flat_map(|topic| &topic.partitions) {
            let index = data.partition_index;
            ensure!(
                data.error_code == ErrorCode::None,
                "partition {index} answers {:?}",
                data.error_code
            );
            let position = self.positions.get_mut(&index).context("a partition not asked for")?;
            let before = *position;
            let records = data.records.as_deref().unwrap_or_default();
            for batch in Batches::new(records) {
                *position = batch.context("a batch")?.0.next_offset().0;
            }
            fetched.bytes += u64::try_from(records.len()).expect("a size");
            fetched.records += u64::try_from(*position - before).context("an earlier offset")?;
            fetched.behind += data.high_watermark.0 - *position;
        }
        Ok(fetched)
    }

    fn request(&self, max_wait_ms: i32) -> FetchRequest {
        let partitions = self.positions.iter().map(|(&partition, &position)| FetchPartition {
            partition,
            fetch_offset: position.into(),
            partition_max_bytes: PARTITION_BYTES_MAX,
            ..FetchPartition::default()
        });
        let topic = FetchTopic {
            topic: self.topic.clone(),
            partitions: partitions.collect(),
            ..FetchTopic::default()
        };
        FetchRequest {
            max_wait_ms,
            min_bytes: 1,
            max_bytes: RESPONSE_BYTES_MAX,
            topics: vec![topic],
            ..FetchRequest::default()
        }
    }
}
