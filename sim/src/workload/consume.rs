//! Readers: one that reads along while things happen, and one that reads everything at the end.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use client::{
    Admin, Cluster, Consumer, ConsumerOptions, ConsumerRecord, Isolation, OffsetReset, Place,
};
use madsim::rand::{Rng, thread_rng};
use protocol::{Offset, TopicPartition};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::Curtain;
use crate::world::World;

/// How long one poll waits.
const POLL_TIME_MAX: Duration = Duration::from_millis(300);

/// How long reading everything may take, once nothing disturbs it.
const READ_TIME_MAX: Duration = Duration::from_secs(60);

/// What a reader was given, in the order in which it was.
#[derive(Debug, Default)]
pub struct Reads {
    /// The records.
    pub records: Vec<ConsumerRecord>,
    /// Where an offset was given that wasn't the next: where, which, and which was the next.
    pub gaps: Vec<(TopicPartition, Offset, Offset)>,
    /// Errors that the library doesn't consider passing.
    pub errors: Vec<client::Error>,
}

/// A reader at work.
#[derive(Debug)]
pub struct Consuming(JoinHandle<Result<Reads>>);

impl Consuming {
    /// Starts a reader of all these partitions, which reads until the curtain falls, now and then
    /// from some earlier offset on.
    #[must_use]
    pub fn start(world: &World, partitions: &[TopicPartition], curtain: &Curtain) -> Self {
        let reading = read_along(world.clone(), partitions.to_vec(), curtain.clone());
        Self(tokio::spawn(reading))
    }

    /// Waits for the reader, after the curtain has fallen.
    ///
    /// # Errors
    /// It hangs.
    pub async fn finish(self) -> Result<Reads> {
        let ended = timeout(READ_TIME_MAX, self.0).await.context("a reader isn't answered")?;
        ended.context("a reader was cancelled")?
    }
}

async fn read_along(
    world: World,
    partitions: Vec<TopicPartition>,
    curtain: Curtain,
) -> Result<Reads> {
    let options =
        ConsumerOptions { offset_reset: OffsetReset::Earliest, ..ConsumerOptions::default() };
    let mut consumer = Consumer::new(world.client().await?, options);
    consumer.assign(partitions.iter().cloned());
    let mut reads = Reads::default();
    let mut next: BTreeMap<TopicPartition, Offset> = BTreeMap::new();
    while !curtain.has_fallen() {
        match consumer.poll(POLL_TIME_MAX).await {
            Err(error) => {
                world.trace.note(format_args!("reader: {error}"));
                reads.errors.push(error);
            }
            Ok(records) => {
                for record in records {
                    let next = next.entry(record.partition.clone()).or_insert(Offset(0));
                    if record.offset != *next {
                        reads.gaps.push((record.partition.clone(), record.offset, *next));
                    }
                    *next = record.offset.plus(1);
                    reads.records.push(record);
                }
            }
        }
        if thread_rng().gen_bool(0.05) {
            let partition = &partitions[thread_rng().gen_range(0..partitions.len())];
            let end = next.get(partition).map_or(0, |next| next.0);
            let back_to = Offset(thread_rng().gen_range(0..=end));
            world.trace.note(format_args!(
                "reader: {} records, back to {back_to} of {partition}",
                reads.records.len()
            ));
            consumer.seek(partition, Place::At(back_to))?;
            next.insert(partition.clone(), back_to);
        }
    }
    Ok(reads)
}

/// What is in each partition.
pub type Logs = BTreeMap<TopicPartition, Vec<ConsumerRecord>>;

/// Reads everything, from the beginning of each partition to the end that the node says it has.
///
/// # Errors
/// It takes too long, or the node can't.
pub async fn read_everything(cluster: &Cluster, partitions: &[TopicPartition]) -> Result<Logs> {
    let reading = async {
        let admin = Admin::new(cluster.clone());
        let ends = partitions.iter().map(|partition| (partition.clone(), Place::End)).collect();
        let ends = admin.list_offsets(&ends, Isolation::ReadUncommitted).await?;
        let mut logs = Logs::new();
        for (partition, end) in ends {
            let end = end.offset.context("a partition without an end")?;
            let log = read_partition(cluster, &partition, end).await;
            logs.insert(partition.clone(), log.with_context(|| format!("reading {partition}"))?);
        }
        Ok(logs)
    };
    timeout(READ_TIME_MAX, reading).await.context("reading everything takes too long")?
}

/// Reads one partition from its beginning to an offset.
///
/// # Errors
/// An error that isn't passing; no progress for long.
pub async fn read_partition(
    cluster: &Cluster,
    partition: &TopicPartition,
    end: Offset,
) -> Result<Vec<ConsumerRecord>> {
    let options = ConsumerOptions { offset_reset: OffsetReset::None, ..ConsumerOptions::default() };
    let mut consumer = Consumer::new(cluster.clone(), options);
    consumer.assign([partition.clone()]);
    consumer.seek(partition, Place::At(Offset(0)))?;
    let mut records: Vec<ConsumerRecord> = Vec::new();
    let deadline = Instant::now() + READ_TIME_MAX;
    while records.last().map_or(Offset(0), |last| last.offset.plus(1)) < end {
        ensure!(Instant::now() < deadline, "no end after {} records", records.len());
        records.extend(consumer.poll(POLL_TIME_MAX).await?);
    }
    match records.last() {
        Some(last) if last.offset.plus(1) != end => {
            bail!("{} is beyond the end {end}", last.offset)
        }
        _ => Ok(records),
    }
}
