//! A story's protagonists: a cluster, one partition, and what was promised of it.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use client::{
    Acks, Admin, Cluster, ConsumerRecord, Error, NewTopic, Producer, ProducerOptions,
    ProducerRecord,
};
use madsim::rand::{Rng, thread_rng};
use protocol::{ErrorCode, Offset, TopicPartition};
use tokio::time::sleep;

use crate::{
    convergence,
    workload::{Flush, consume::read_everything, create, small_topic},
    world::World,
};

/// How long a record may take, at most, where somebody can take it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long somebody tries who isn't expected to get through.
pub(super) const SHORTLY: Duration = Duration::from_secs(3);

const TOPIC: &str = "story";

/// What is told of.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) world: World,
    pub(super) cluster: Cluster,
    pub(super) partition: TopicPartition,
    /// What was acknowledged, in that order.
    promised: Vec<Promised>,
    next: usize,
}

/// A record that was acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Promised {
    pub(super) value: Bytes,
    /// Where it is; none if the leader didn't know, because it had it already.
    pub(super) offset: Option<Offset>,
}

/// A record that was sent, and what came of it.
pub(super) type Sent = (Bytes, Result<Option<Offset>, Error>);

impl Story {
    /// A cluster that works, with a partition that is there three times.
    pub(super) async fn begin(world: World, flush: Flush) -> Result<Self> {
        Self::begin_with(world, topic(flush)).await
    }

    /// A cluster that works, with the only partition of a topic, all of whose replicas are in sync.
    pub(super) async fn begin_with(world: World, topic: NewTopic) -> Result<Self> {
        world.start().await?;
        let cluster = world.client().await?;
        let count = usize::try_from(topic.replication_factor.unwrap_or(1))?;
        let partition = create(&cluster, topic).await?.remove(0);
        world.until_in_sync(&partition, count).await?;
        Ok(Self { world, cluster, partition, promised: Vec::new(), next: 0 })
    }

    /// Writes numbered records, all of which must be acknowledged by all in-sync replicas.
    pub(super) async fn write(&mut self, count: usize) -> Result<()> {
        let numbers = self.number(count);
        for (value, answer) in send(&self.cluster, &self.partition, numbers, patiently()).await {
            let offset = answer.context("a record wasn't acknowledged")?;
            self.promised.push(Promised { value, offset });
        }
        Ok(())
    }

    /// Writes numbered records for a short time. Those that are acknowledged were promised, the
    /// others may be there. Returns how many were acknowledged.
    pub(super) async fn try_to_write(&mut self, count: usize, patience: Duration) -> usize {
        let numbers = self.number(count);
        let options =
            ProducerOptions { delivery_timeout: patience, block_max: patience, ..patiently() };
        let sent = send(&self.cluster, &self.partition, numbers, options).await;
        let before = self.promised.len();
        self.promised.extend(acknowledged(sent));
        self.promised.len() - before
    }

    /// Writes numbered records that their leader alone acknowledges, for a short time: nothing is
    /// promised of them. Returns those that were acknowledged.
    pub(super) async fn write_to_the_leader_alone(&mut self, count: usize) -> Vec<Promised> {
        let numbers = self.number(count);
        let options = ProducerOptions {
            acks: Acks::Leader,
            idempotence: false,
            delivery_timeout: SHORTLY,
            block_max: SHORTLY,
            ..patiently()
        };
        acknowledged(send(&self.cluster, &self.partition, numbers, options).await).collect()
    }

    /// Numbers for so many records.
    pub(super) fn number(&mut self, count: usize) -> Range<usize> {
        let first = self.next;
        self.next += count;
        first..self.next
    }

    /// Deletes the topic, and creates another one of its name. Nothing of the first is promised any
    /// more. Returns the number of the first record that it may hold.
    pub(super) async fn recreate(&mut self, flush: Flush) -> Result<usize> {
        let admin = Admin::new(self.cluster.clone());
        let id = self.world.cast.image().topics().get(TOPIC).context("no such topic")?.id;
        // By its id: a broker that was cut off may pass the request on much later, and a name would
        // come to mean the next topic by then.
        let deleted = admin.delete_topics_by_id(&[id]).await?.remove(&id);
        let deleted = deleted.context("an answer about the topic")?;
        let is_gone = |error: &Error| error.code() == Some(ErrorCode::UnknownTopicId);
        ensure!(deleted.as_ref().err().is_none_or(is_gone), "not deleted: {deleted:?}");
        self.promised.clear();
        let is_unknown = || self.world.cast.leader_epoch_of(&self.partition).is_none();
        self.world.until("the topic to be gone", is_unknown).await?;
        create(&self.cluster, topic(flush)).await?;
        Ok(self.next)
    }

    /// All that was promised is there, once and in its order; whatever else is there was sent.
    pub(super) async fn expect_what_was_promised(&self) -> Result<()> {
        let log = self.settled_log().await?;
        let mut promised = self.promised.iter().map(|promised| &promised.value).peekable();
        for record in &log {
            if record.value.as_ref() == promised.peek().copied() {
                promised.next();
            }
        }
        ensure!(
            promised.peek().is_none(),
            "{} of {} records are gone, or in another order: of {} the first is {:?}",
            promised.len(),
            self.promised.len(),
            log.len(),
            promised.peek().map(|value| String::from_utf8_lossy(value))
        );
        Ok(())
    }

    /// What isn't there of what was promised, none of which is promised any more.
    pub(super) async fn take_what_is_lost(&mut self) -> Result<Vec<Offset>> {
        let log = by_offset(self.settled_log().await?);
        let is_there = |promised: &Promised| {
            let record = promised.offset.and_then(|offset| log.get(&offset));
            record.is_some_and(|record| record.value.as_ref() == Some(&promised.value))
        };
        let (kept, lost): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.promised).into_iter().partition(is_there);
        self.promised = kept;
        Ok(lost.into_iter().filter_map(|promised| promised.offset).collect())
    }

    /// Where the last promised record is.
    pub(super) fn last_promised(&self) -> Option<Offset> {
        self.promised.last()?.offset
    }

    /// The whole partition, once the cluster has come to rest.
    pub(super) async fn settled_log(&self) -> Result<Vec<ConsumerRecord>> {
        convergence::until_settled(&self.world).await?;
        let logs = read_everything(&self.cluster, std::slice::from_ref(&self.partition)).await;
        logs?.remove(&self.partition).context("it was read")
    }
}

/// The topic of a story: one partition, three times.
pub(super) fn topic(flush: Flush) -> NewTopic {
    small_topic(TOPIC, 1, flush).replication_factor(3)
}

/// The number that a record was given.
pub(super) fn number_of(record: &ConsumerRecord) -> Option<usize> {
    let value = std::str::from_utf8(record.value.as_deref()?).ok()?;
    value.strip_prefix("record ")?.split(' ').next()?.parse().ok()
}

/// A partition's records by where they are.
pub(super) fn by_offset(log: Vec<ConsumerRecord>) -> BTreeMap<Offset, ConsumerRecord> {
    log.into_iter().map(|record| (record.offset, record)).collect()
}

/// Those that were acknowledged.
pub(super) fn acknowledged(sent: Vec<Sent>) -> impl Iterator<Item = Promised> {
    let promised = |(value, answer): Sent| Some(Promised { value, offset: answer.ok()? });
    sent.into_iter().filter_map(promised)
}

/// How to write so that it's acknowledged by all in-sync replicas, however long it takes.
pub(super) fn patiently() -> ProducerOptions {
    ProducerOptions {
        acks: Acks::All,
        idempotence: true,
        ack_timeout: Duration::from_secs(2),
        delivery_timeout: PATIENCE,
        block_max: PATIENCE,
        batch_bytes: 1 << 10,
        ..ProducerOptions::default()
    }
}

/// Sends numbered records. Returns each with what came of it.
pub(super) async fn send(
    cluster: &Cluster,
    partition: &TopicPartition,
    numbers: Range<usize>,
    options: ProducerOptions,
) -> Vec<Sent> {
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
        let answer = match queued {
            Ok(queued) => queued.delivery().await.map(|delivery| delivery.offset),
            Err(error) => Err(error),
        };
        sent.push((value, answer));
    }
    sent
}

/// A pause of some milliseconds, at most so many.
pub(super) async fn moments(at_most: u64) {
    // A process is dead at once, and buried a little later.
    let burial = 2;
    sleep(Duration::from_millis(thread_rng().gen_range(burial..=at_most.max(burial)))).await;
}
