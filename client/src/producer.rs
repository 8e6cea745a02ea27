//! Sends records: in batches, each partition's in order, each record once.
//!
//! [`Producer::send`] puts a record into the batch that its partition fills; one task sends batches
//! to the brokers that lead their partitions, sends again what failed in passing, and tells each
//! record's sender where it went. The rules are in the accumulator, which is pure; the task holds
//! none.

mod accumulator;
mod batch;
mod lane;
mod sender;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use protocol::{
    ErrorCode, Offset, PartitionIndex, Timestamp, TopicName, TopicPartition,
    records::{Compression, HEADER_SIZE, RecordHeader},
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinHandle,
    time::timeout,
};

use self::{
    accumulator::{Accumulator, Settings},
    batch::Codec,
};
use crate::{
    cluster::{Cluster, Pool},
    error::Error,
    metadata_cache::Topic,
    partitioner::{Sticky, partition_of},
};

/// A record to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerRecord {
    /// Where to.
    pub topic: TopicName,
    /// Which partition; none = the key's, or whichever is due.
    pub partition: Option<PartitionIndex>,
    /// What partitioning and compaction go by.
    pub key: Option<Bytes>,
    /// The content. Null in a compacted topic deletes what had the same key.
    pub value: Option<Bytes>,
    /// In this order; a key may occur twice.
    pub headers: Vec<RecordHeader>,
    /// None = now.
    pub timestamp: Option<Timestamp>,
}

impl ProducerRecord {
    /// A record with a value and nothing else.
    pub fn new(topic: impl Into<TopicName>, value: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            partition: None,
            key: None,
            value: Some(value.into()),
            headers: Vec::new(),
            timestamp: None,
        }
    }

    /// The same with a key.
    #[must_use]
    pub fn with_key(self, key: impl Into<Bytes>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// The same for a partition.
    #[must_use]
    pub fn with_partition(self, partition: PartitionIndex) -> Self {
        Self { partition: Some(partition), ..self }
    }
}

/// Where a record went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The record's place; none with [`Acks::None`], or where the broker knows the record from an
    /// earlier attempt but no longer where it is.
    pub offset: Option<Offset>,
    /// The record's timestamp: its own or, where the topic says so, the time of appending.
    pub timestamp: Timestamp,
}

/// Who must have a record before it counts as sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// Nobody: sent is written to the socket.
    None,
    /// The leader. A record is lost if the leader is, before others have it.
    Leader,
    /// All in-sync replicas.
    #[default]
    All,
}

/// How a producer sends. The default is Kafka's, safe rather than fast.
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// Who must have a record.
    pub acks: Acks,
    /// Whether brokers may know a batch that is sent twice, so that it's appended once and in
    /// order. Works with [`Acks::All`] only, and without it nothing is known again.
    pub idempotence: bool,
    /// How batches are compressed.
    pub compression: Compression,
    /// The codec's level; none is Kafka's default.
    pub compression_level: Option<i32>,
    /// How long a batch waits to fill.
    pub linger: Duration,
    /// A batch of this many bytes waits no longer. A larger record has a batch of its own.
    pub batch_bytes: usize,
    /// A request holds at most this many bytes of batches, and so does a record.
    pub request_bytes_max: usize,
    /// Records that aren't acknowledged take at most this many bytes; more wait for room.
    pub buffer_bytes: usize,
    /// How long a record may wait for room, and for its topic to be known.
    pub block_max: Duration,
    /// After this long a record has failed, unless it is under way at the moment.
    pub delivery_timeout: Duration,
    /// How long the in-sync replicas may take, by the leader's clock.
    pub ack_timeout: Duration,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotence: true,
            compression: Compression::None,
            compression_level: None,
            linger: Duration::from_millis(5),
            batch_bytes: 16 << 10,
            request_bytes_max: 1 << 20,
            buffer_bytes: 32 << 20,
            block_max: Duration::from_secs(60),
            delivery_timeout: Duration::from_secs(120),
            ack_timeout: Duration::from_secs(30),
        }
    }
}

/// Sends records. To be shared by reference or in an `Arc`.
///
/// Dropping it gives up what isn't acknowledged: [`Producer::flush`] first.
pub struct Producer {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What the producer shares with its task.
struct Shared {
    cluster: Cluster,
    options: ProducerOptions,
    accumulator: Mutex<Accumulator<Token>>,
    sticky: Mutex<Sticky>,
    room: Arc<Semaphore>,
    /// Told when there is more to do than the task knows.
    work: Notify,
    /// Told when batches have come to an end.
    settled: Notify,
}

/// Tells a record's sender.
#[derive(Debug)]
struct Token {
    answer: oneshot::Sender<Result<Delivery, Error>>,
    /// The record's room in the buffer.
    _room: OwnedSemaphorePermit,
}

/// A record on its way. Dropping it doesn't call the record back.
#[derive(Debug)]
#[must_use = "a record whose delivery isn't awaited may have failed"]
pub struct Sent(oneshot::Receiver<Result<Delivery, Error>>);

impl Sent {
    /// Waits for the acknowledgement.
    ///
    /// # Errors
    /// Why the record was not sent; see [`Producer::send`].
    pub async fn delivery(self) -> Result<Delivery, Error> {
        self.0.await.unwrap_or(Err(Error::Closed))
    }
}

impl Producer {
    /// A producer for a cluster, with connections of its own.
    #[must_use]
    pub fn new(cluster: Cluster, options: ProducerOptions) -> Self {
        let settings = Settings {
            batch_bytes: options.batch_bytes,
            linger: options.linger,
            delivery_timeout: options.delivery_timeout,
            is_idempotent: options.idempotence && options.acks == Acks::All,
            codec: Codec { compression: options.compression, level: options.compression_level },
            backoff: cluster.options().backoff,
        };
        let room = options.buffer_bytes.min(Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            accumulator: Mutex::new(Accumulator::new(settings)),
            sticky: Mutex::new(Sticky::new(options.batch_bytes)),
            room: Arc::new(Semaphore::new(room)),
            work: Notify::new(),
            settled: Notify::new(),
            options,
            cluster: cluster.clone(),
        });
        let task = tokio::spawn(sender::run(shared.clone(), Pool::new(cluster)));
        Self { shared, task }
    }

    /// Sends a record and waits for its acknowledgement.
    ///
    /// One after the other this way, records travel one to a batch: for throughput send several at
    /// a time, or use [`Producer::queue`].
    ///
    /// # Errors
    /// As [`Producer::queue`]; the broker's error; [`Error::DeliveryTimedOut`].
    pub async fn send(&self, record: ProducerRecord) -> Result<Delivery, Error> {
        self.queue(record).await?.delivery().await
    }

    /// Queues a record, waiting only for room and for its topic to be known. Records of one
    /// partition are appended in the order in which these calls return.
    ///
    /// # Errors
    /// A topic or partition that doesn't exist, a record that is too large, no room within
    /// `block_max`.
    pub async fn queue(&self, record: ProducerRecord) -> Result<Sent, Error> {
        let size = record.size_in_bytes_max();
        let options = &self.shared.options;
        let max = options.request_bytes_max.min(options.buffer_bytes) - HEADER_SIZE;
        if size > max {
            return Err(Error::RecordTooLarge { size, max });
        }
        let topic = self.topic(&record).await?;
        let size = u32::try_from(size).map_err(|_| Error::RecordTooLarge { size, max })?;
        let room = timeout(options.block_max, self.shared.room.clone().acquire_many_owned(size));
        let room = room.await.map_err(|_| Error::BufferFull { after: options.block_max })?;
        let room = room.expect("this semaphore is never closed");

        let (answer, receiver) = oneshot::channel();
        self.shared.append(&topic, &record, Token { answer, _room: room })?;
        Ok(Sent(receiver))
    }

    /// The record's topic. A partition that isn't there may have been added since it was asked.
    async fn topic(&self, record: &ProducerRecord) -> Result<Arc<Topic>, Error> {
        let Shared { cluster, options, .. } = &*self.shared;
        let has_partition = |topic: &Topic| {
            record.partition.is_none_or(|index| topic.partitions.contains_key(&index))
        };
        if let Some(topic) = cluster.known_topic(&record.topic)
            && has_partition(&topic)
        {
            return Ok(topic);
        }
        let mut attempts = cluster.attempts(options.block_max);
        loop {
            match cluster.topic(&record.topic).await {
                Ok(topic) if has_partition(&topic) => return Ok(topic),
                Ok(_) => {
                    cluster.invalidate(&record.topic);
                    attempts.after(no_such_partition(record)).await?;
                }
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    /// Sends what waits to be sent, and waits until everything that was queued before is
    /// acknowledged or has failed.
    pub async fn flush(&self) {
        let before = self.shared.accumulator().flush();
        self.shared.work.notify_one();
        loop {
            let mut settled = std::pin::pin!(self.shared.settled.notified());
            settled.as_mut().enable();
            if self.shared.accumulator().is_settled(before) {
                return;
            }
            settled.await;
        }
    }
}

impl Shared {
    fn append(&self, topic: &Topic, record: &ProducerRecord, token: Token) -> Result<(), Error> {
        let doors = self.cluster.doors();
        let partition = match (record.partition, record.key.as_deref()) {
            (Some(partition), _) => Some(partition),
            (None, Some(key)) if !topic.partitions.is_empty() => {
                Some(partition_of(key, topic.partitions.len()))
            }
            _ => {
                let mut sticky = self.sticky.lock().unwrap_or_else(PoisonError::into_inner);
                sticky.choose(topic, record.size_in_bytes_max(), &*doors.entropy)
            }
        };
        let partition = partition.ok_or_else(|| no_such_partition(record))?;
        let to = TopicPartition { topic: record.topic.clone(), partition };
        let timestamp = record.timestamp.unwrap_or_else(|| doors.clock.now());
        let now = tokio::time::Instant::now();
        if self.accumulator().append(&to, record, timestamp, now, token) {
            self.work.notify_one();
        }
        Ok(())
    }

    fn accumulator(&self) -> MutexGuard<'_, Accumulator<Token>> {
        self.accumulator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_such_partition(record: &ProducerRecord) -> Error {
    let subject = match record.partition {
        Some(partition) => format!("{}-{partition}", record.topic),
        None => record.topic.to_string(),
    };
    Error::answer(ErrorCode::UnknownTopicOrPartition, subject, None)
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
