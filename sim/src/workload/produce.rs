//! Writers: each sends numbered records and notes which of them were acknowledged, and where.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use client::{
    Acks, Delivery, Producer, ProducerOptions, ProducerRecord, partitioner::partition_of,
};
use madsim::rand::{Rng, thread_rng};
use protocol::{Offset, Timestamp, TopicPartition, records::Compression};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    Curtain,
    history::{Act, Care, Kind, Lanes, ProcessId, Reason},
};
use crate::{trace::now, world::World};

/// How many records of one writer are under way at most.
const IN_FLIGHT_MAX: usize = 40;

/// How long a writer may take to hear of its last records, once nothing disturbs it: a request that
/// got lost is noticed and sent again.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(20);

/// Who writes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Tells its records from others'.
    pub number: u32,
    /// Who must have a record before it's acknowledged.
    pub acks: Acks,
    /// Whether each record is to be there once, and in order.
    pub is_idempotent: bool,
    /// Where its records go.
    pub addressing: Addressing,
    /// How its batches are compressed.
    pub compression: Compression,
    /// How long a batch waits to fill.
    pub linger: Duration,
    /// How long a record may wait to be acknowledged: then it has failed.
    pub patience: Duration,
}

impl Writer {
    /// One that gives up nothing, and says where each record goes.
    pub const SAFE: Self = Self {
        number: 1,
        acks: Acks::All,
        is_idempotent: true,
        addressing: Addressing::Explicit,
        compression: Compression::None,
        linger: Duration::from_millis(5),
        patience: Duration::from_secs(120),
    };
}

/// How a writer addresses records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// To a partition.
    Explicit,
    /// By a key.
    Keyed,
    /// To wherever the library likes.
    Anywhere,
}

/// What a record's value begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId {
    /// The writer's number.
    pub writer: u32,
    /// The record's number: a writer counts.
    pub number: u64,
}

impl RecordId {
    /// Reads the beginning of a value.
    #[must_use]
    pub fn of(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (writer, rest) = text.split_once('/')?;
        let (number, _) = rest.split_once(' ')?;
        Some(Self { writer: writer.parse().ok()?, number: number.parse().ok()? })
    }

    fn value(self, padding: usize) -> Bytes {
        format!("{self} {}", ".".repeat(padding)).into()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.writer, self.number)
    }
}

/// A record that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// By whom.
    pub writer: Writer,
    /// What.
    pub record: ProducerRecord,
    /// Where it belongs; none where that is up to the library.
    pub partition: Option<TopicPartition>,
    /// None as long as it isn't acknowledged: it may be there, and may come to be there.
    pub acknowledged: Option<Acknowledged>,
}

/// What the node promised.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// In which partition the record is.
    pub partition: TopicPartition,
    /// Where the record is; none with acks=0, or when the node no longer knows.
    pub offset: Option<Offset>,
    /// Which time the record bears.
    pub timestamp: Timestamp,
    /// When the promise came.
    pub at: Duration,
    /// How often the machine had lost its power when it made the promise; none if that isn't clear.
    pub power_losses: Option<u32>,
}

/// All records that were sent.
pub type Sends = BTreeMap<RecordId, Sent>;

/// Writers at work.
#[derive(Debug)]
pub struct Producing {
    sends: Arc<Mutex<Sends>>,
    tasks: Vec<JoinHandle<Result<()>>>,
}

impl Producing {
    /// Starts writers, who write until the curtain falls.
    #[must_use]
    pub fn start(
        world: &World,
        partitions: &[TopicPartition],
        writers: &[Writer],
        curtain: &Curtain,
    ) -> Self {
        let sends = Arc::default();
        let start = |writer: &Writer| {
            let writing = Writing {
                world: world.clone(),
                writer: *writer,
                sends: Arc::clone(&sends),
                in_flight: Arc::default(),
                lanes: Lanes::default(),
            };
            tokio::spawn(writing.run(partitions.to_vec(), curtain.clone()))
        };
        let tasks = writers.iter().map(start).collect();
        Self { sends, tasks }
    }

    /// How many records are acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        let sends = self.sends.lock().unwrap_or_else(PoisonError::into_inner);
        sends.values().filter(|sent| sent.acknowledged.is_some()).count()
    }

    /// Waits for the writers, after the curtain has fallen. Returns what they sent.
    ///
    /// # Errors
    /// A writer still waits for an answer, though nothing keeps the node from giving it.
    pub async fn finish(self) -> Result<Sends> {
        for task in self.tasks {
            let ended = timeout(SETTLE_TIME_MAX, task).await.context("a writer isn't answered")?;
            ended.context("a writer was cancelled")??;
        }
        Ok(std::mem::take(&mut self.sends.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[derive(Clone)]
struct Writing {
    world: World,
    writer: Writer,
    sends: Arc<Mutex<Sends>>,
    in_flight: Arc<()>,
    lanes: Lanes,
}

impl Writing {
    async fn run(self, partitions: Vec<TopicPartition>, curtain: Curtain) -> Result<()> {
        let options = ProducerOptions {
            acks: self.writer.acks,
            idempotence: self.writer.is_idempotent,
            compression: self.writer.compression,
            linger: self.writer.linger,
            delivery_timeout: self.writer.patience,
            ack_timeout: Duration::from_secs(3),
            batch_bytes: 4 << 10,
            ..ProducerOptions::default()
        };
        let producer = Producer::new(self.world.client().await?, options);
        let mut number = 0;
        while !curtain.has_fallen() {
            self.send(&producer, RecordId { writer: self.writer.number, number }, &partitions)
                .await;
            number += 1;
            sleep(pause()).await;
            while Arc::strong_count(&self.in_flight) > IN_FLIGHT_MAX && !curtain.has_fallen() {
                sleep(Duration::from_millis(10)).await;
            }
        }
        producer.flush().await;
        while Arc::strong_count(&self.in_flight) > 1 {
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn send(&self, producer: &Producer, id: RecordId, partitions: &[TopicPartition]) {
        let (record, partition) = self.writer.record(id, partitions);
        let sent =
            Sent { writer: self.writer, record: record.clone(), partition, acknowledged: None };
        let asked = Act::Send {
            partition: sent.partition.clone(),
            value: sent.record.value.clone().unwrap_or_default(),
            offset: None,
            care: self.writer.care(),
        };
        self.sends().insert(id, sent);
        let process = self.lanes.enter(&self.world.history);
        self.world.history.note(process, Kind::Invoke, asked.clone());
        match producer.queue(record).await {
            Err(error) => {
                self.world.trace.note(format_args!("{id} not queued: {error}"));
                let reason = Reason::of(&error);
                self.world.history.note(process, Kind::Fail(reason), asked);
                self.lanes.leave(process);
            }
            Ok(sent) => {
                let this = self.clone();
                tokio::spawn(async move {
                    let result = sent.delivery().await;
                    this.record(process, asked, &result);
                    this.note(id, result);
                });
            }
        }
    }

    /// Adds the end of a sending to the history.
    fn record(&self, process: ProcessId, asked: Act, result: &Result<Delivery, client::Error>) {
        let Act::Send { partition, value, care, .. } = asked else { return };
        match result {
            Ok(Delivery { topic, partition, offset, .. }) => {
                let at = TopicPartition { topic: topic.clone(), partition: *partition };
                let done = Act::Send { partition: Some(at), value, offset: *offset, care };
                self.world.history.note(process, Kind::Ok, done);
                self.lanes.leave(process);
            }
            // The library tried for as long as it was to: it may have been written all the same.
            Err(error) => {
                let reason = Reason::of(error);
                let unknown = Act::Send { partition, value, offset: None, care };
                self.world.history.note(process, Kind::Info(reason), unknown);
            }
        }
    }

    fn note(&self, id: RecordId, result: Result<Delivery, client::Error>) {
        let World { trace, .. } = &self.world;
        match result {
            Err(error) => trace.note(format_args!("{id} failed: {error}")),
            Ok(Delivery { topic, partition, offset, timestamp }) => {
                let partition = TopicPartition { topic, partition };
                trace.note(format_args!(
                    "{id} acknowledged at {:?} of {partition}",
                    offset.map(|o| o.0)
                ));
                let power_losses = self.world.power_losses_of_sender();
                let acknowledged =
                    Acknowledged { partition, offset, timestamp, at: now(), power_losses };
                let mut sends = self.sends();
                let sent = sends.get_mut(&id).expect("noted before it was sent");
                sent.acknowledged = Some(acknowledged);
            }
        }
    }

    fn sends(&self) -> std::sync::MutexGuard<'_, Sends> {
        self.sends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn care(&self) -> Care {
        Care { acks: self.acks, is_idempotent: self.is_idempotent }
    }

    /// A record to send, and where it belongs.
    fn record(
        &self,
        id: RecordId,
        partitions: &[TopicPartition],
    ) -> (ProducerRecord, Option<TopicPartition>) {
        let mut rng = thread_rng();
        let padding = if rng.gen_bool(0.02) { 5_000 } else { 300 };
        let value = id.value(rng.gen_range(0..padding));
        let mut record = ProducerRecord::new(partitions[0].topic.clone(), value);
        if rng.gen_bool(0.1) {
            let value = Some(Bytes::from(id.to_string()));
            record.headers.push(("id".to_owned(), value));
        }
        match self.addressing {
            Addressing::Explicit => {
                let partition = &partitions[rng.gen_range(0..partitions.len())];
                (record.with_partition(partition.partition), Some(partition.clone()))
            }
            Addressing::Keyed => {
                let key = format!("truck-{}", rng.gen_range(0..20));
                let index = partition_of(key.as_bytes(), partitions.len());
                let partition = partitions.iter().find(|at| at.partition == index).cloned();
                (record.with_key(key), partition)
            }
            Addressing::Anywhere => (record, None),
        }
    }
}

/// Bursts, and lulls between them.
fn pause() -> Duration {
    let mut rng = thread_rng();
    let millis = if rng.gen_bool(0.1) { rng.gen_range(20..300) } else { rng.gen_range(1..8) };
    Duration::from_millis(millis)
}
