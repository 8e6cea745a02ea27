//! Sends records: in batches, each partition's in order, each record once.
//!
//! [`Producer::send`] puts a record into the batch that its partition fills; one task sends batches
//! to the brokers that lead their partitions, sends again what failed in passing, and tells each
//! record's sender where it went. The rules are in the accumulator, which is pure; the task holds
//! none.

mod accumulator;
mod batch;
mod lane;
mod options;
mod record;
mod sender;
mod sent;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::FutureExt;
use protocol::{ErrorCode, PartitionIndex, TopicPartition, records::HEADER_SIZE};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
    time::{Instant, timeout},
};

use self::{accumulator::Accumulator, sent::Teller};
use crate::{
    cluster::{Cluster, Pool},
    error::Error,
    metadata_cache::Topic,
    partitioner::Choice,
};

pub use self::{
    options::{Acks, ProducerOptions},
    record::{Delivery, ProducerRecord},
    sent::Sent,
};

/// Sends records. To be shared by reference or in an `Arc`.
///
/// Dropping it gives up what isn't acknowledged: [`Producer::flush`] first.
///
/// ```no_run
/// use client::{Producer, ProducerOptions, ProducerRecord, Text};
///
/// # async fn example(cluster: client::Cluster) -> Result<(), client::Error> {
/// let producer = Producer::new(cluster, ProducerOptions::default());
/// // One record, and where it went:
/// let record = ProducerRecord::to("positions").key_as(&Text, "truck-7")?.value_as(&Text, "48.2,16.4")?;
/// let delivery = producer.send(record).await?;
/// println!("partition {}, offset {:?}", delivery.partition, delivery.offset);
///
/// // Many, in batches, on the way together:
/// let mut under_way = Vec::new();
/// for number in 0..1000 {
///     let record = ProducerRecord::new("positions", format!("{number}"));
///     under_way.push(producer.queue(record).await?);
/// }
/// for sent in under_way {
///     sent.delivery().await?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct Producer {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What the producer shares with its task.
struct Shared {
    cluster: Cluster,
    options: ProducerOptions,
    accumulator: Mutex<Accumulator<Teller>>,
    room: Arc<Semaphore>,
    /// Told when there is more to do than the task knows.
    work: Notify,
    /// Told when batches have come to an end.
    settled: Notify,
}

impl Producer {
    /// A producer for a cluster, with connections of its own. Its task runs on the current runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(cluster: Cluster, options: ProducerOptions) -> Self {
        let settings = options.settings(cluster.options().backoff);
        let room = options.buffer_bytes.min(Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            accumulator: Mutex::new(Accumulator::new(settings)),
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
    /// As [`Producer::queue`]; [`Error::DeliveryTimedOut`]; the broker's refusal, and then the record
    /// is not there; or, once there is no use in trying again, the error that leaves open whether it
    /// is.
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
        let room = self.room(size).await?;
        self.shared.append(&topic, &record, room)
    }

    /// Room for so many bytes in the buffer.
    async fn room(&self, bytes: u32) -> Result<OwnedSemaphorePermit, Error> {
        let acquire = || self.shared.room.clone().acquire_many_owned(bytes);
        let room = match acquire().now_or_never() {
            Some(room) => room,
            // There is none, or tokio wants other tasks to have their turn.
            None => {
                let after = self.shared.options.block_max;
                timeout(after, acquire()).await.map_err(|_| Error::BufferFull { after })?
            }
        };
        Ok(room.expect("this semaphore is never closed"))
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
                    attempts.after(no_such_partition(record, record.partition)).await?;
                }
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    /// Sends what waits to be sent, and waits until everything that was queued before is
    /// acknowledged or has failed: no longer than the delivery timeout.
    ///
    /// ```no_run
    /// # async fn example(producer: client::Producer) -> Result<(), client::Error> {
    /// use client::ProducerRecord;
    ///
    /// let sent = producer.queue(ProducerRecord::new("positions", "48.2,16.4")).await?;
    /// producer.flush().await;
    /// sent.delivery().await?; // Waits no more.
    /// # Ok(())
    /// # }
    /// ```
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
    fn append(
        &self,
        topic: &Topic,
        record: &ProducerRecord,
        room: OwnedSemaphorePermit,
    ) -> Result<Sent, Error> {
        let doors = self.cluster.doors();
        let partition = record.partition.or_else(|| {
            let batch_bytes = self.options.batch_bytes;
            let choice = Choice { record, topic, batch_bytes, entropy: &*doors.entropy };
            self.options.partitioner.partition(&choice)
        });
        let partition = partition
            .filter(|index| topic.partitions.contains_key(index))
            .ok_or_else(|| no_such_partition(record, partition))?;
        let to = TopicPartition { topic: record.topic.clone(), partition };
        let timestamp = record.timestamp.unwrap_or_else(|| doors.clock.now());
        let begin = || (Instant::now(), Teller::new(to.clone()));
        let added = self.accumulator().append(&to, record, timestamp, begin);
        if added.is_due_earlier {
            self.work.notify_one();
        }
        Ok(added.token.sent(added.index, timestamp, room))
    }

    fn accumulator(&self) -> MutexGuard<'_, Accumulator<Teller>> {
        self.accumulator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_such_partition(record: &ProducerRecord, partition: Option<PartitionIndex>) -> Error {
    let subject = match partition {
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
