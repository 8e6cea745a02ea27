//! A story's protagonists: a cluster, one partition of three replicas, and what was promised of it.

use std::{ops::Range, time::Duration};

use anyhow::{Result, ensure};
use bytes::Bytes;
use client::{Acks, Cluster, Producer, ProducerOptions, ProducerRecord};
use protocol::TopicPartition;

use crate::{
    convergence,
    workload::{Flush, consume::read_everything, create, small_topic},
    world::World,
};

/// How long a record may take, at most, where somebody can take it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is told of.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) world: World,
    pub(super) cluster: Cluster,
    pub(super) partition: TopicPartition,
    /// What was acknowledged, in that order.
    promised: Vec<Bytes>,
    next: usize,
}

impl Story {
    /// A cluster that works, with a partition that is there three times.
    pub(super) async fn begin(world: World, flush: Flush) -> Result<Self> {
        world.start().await?;
        let cluster = world.client().await?;
        let topic = small_topic("story", 1, flush).replication_factor(3);
        let partition = create(&cluster, topic).await?.remove(0);
        world.until_in_sync(&partition, 3).await?;
        Ok(Self { world, cluster, partition, promised: Vec::new(), next: 0 })
    }

    /// Writes numbered records, all of which must be acknowledged by all in-sync replicas.
    pub(super) async fn write(&mut self, count: usize) -> Result<()> {
        let numbers = self.next..self.next + count;
        self.next += count;
        let sent = send(&self.cluster, &self.partition, numbers, Acks::All, PATIENCE).await;
        for (value, is_acknowledged) in sent? {
            ensure!(is_acknowledged, "a record wasn't acknowledged");
            self.promised.push(value);
        }
        Ok(())
    }

    /// Writes numbered records for a short time. Those that are acknowledged were promised, the
    /// others may be there. Returns how many were acknowledged.
    pub(super) async fn try_to_write(&mut self, count: usize, patience: Duration) -> Result<usize> {
        let numbers = self.next..self.next + count;
        self.next += count;
        let sent = send(&self.cluster, &self.partition, numbers, Acks::All, patience).await?;
        let acknowledged: Vec<Bytes> =
            sent.into_iter().filter(|(_, is)| *is).map(|(value, _)| value).collect();
        let count = acknowledged.len();
        self.promised.extend(acknowledged);
        Ok(count)
    }

    /// All that was promised is there, once and in its order; whatever else is there was sent.
    pub(super) async fn expect_what_was_promised(&self) -> Result<()> {
        convergence::until_settled(&self.world).await?;
        let log = read_everything(&self.cluster, std::slice::from_ref(&self.partition)).await?;
        let mut promised = self.promised.iter().peekable();
        for record in &log[&self.partition] {
            if record.value.as_ref() == promised.peek().copied() {
                promised.next();
            }
        }
        ensure!(
            promised.peek().is_none(),
            "{} of {} records are gone, or in another order: of {} the first is {:?}",
            promised.len(),
            self.promised.len(),
            log[&self.partition].len(),
            promised.peek().map(|value| String::from_utf8_lossy(value))
        );
        Ok(())
    }
}

/// Sends numbered records. Returns each with whether it was acknowledged.
pub(super) async fn send(
    cluster: &Cluster,
    partition: &TopicPartition,
    numbers: Range<usize>,
    acks: Acks,
    patience: Duration,
) -> Result<Vec<(Bytes, bool)>> {
    let options = ProducerOptions {
        acks,
        idempotence: acks == Acks::All,
        ack_timeout: Duration::from_secs(2),
        delivery_timeout: patience,
        block_max: patience,
        batch_bytes: 1 << 10,
        ..ProducerOptions::default()
    };
    let producer = Producer::new(cluster.clone(), options);
    let mut waiting = Vec::new();
    for number in numbers {
        let value = Bytes::from(format!("record {number} {}", ".".repeat(number * 37 % 400)));
        let record = ProducerRecord::new(partition.topic.clone(), value.clone())
            .with_partition(partition.partition);
        waiting.push((value, producer.queue(record).await));
    }
    let mut sent = Vec::new();
    for (value, queued) in waiting {
        let is_acknowledged = match queued {
            Ok(queued) => queued.delivery().await.is_ok(),
            Err(_) => false,
        };
        sent.push((value, is_acknowledged));
    }
    Ok(sent)
}
