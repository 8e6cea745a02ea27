//! Readers: some that read along while things happen, and one that reads everything at the end.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use client::{
    Admin, Cluster, Consumer, ConsumerOptions, ConsumerRecord, Isolation, OffsetReset, Place,
    offsets::Found,
};
use madsim::rand::{Rng, thread_rng};
use protocol::{Offset, Timestamp, TopicPartition};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{
    Curtain,
    history::{Act, History, Kind, ProcessId, Reason},
};
use crate::world::World;

/// How long one poll waits.
const POLL_TIME_MAX: Duration = Duration::from_millis(300);

/// How long reading everything may take, once nothing disturbs it.
const READ_TIME_MAX: Duration = Duration::from_secs(60);

/// How long a reader may need to the end of what is there, once nothing disturbs it.
const CATCH_UP_TIME_MAX: Duration = Duration::from_secs(20);

/// What a reader was given, in the order in which it was.
#[derive(Debug, Default)]
pub struct Reads {
    /// The records.
    pub records: Vec<ConsumerRecord>,
    /// Records that were not next.
    pub surprises: Vec<Surprise>,
    /// Records of partitions that were paused.
    pub while_paused: Vec<(TopicPartition, Offset)>,
    /// What came first after a seek by time.
    pub found_by_time: Vec<(Timestamp, TopicPartition, Offset)>,
    /// Errors that the library doesn't consider passing.
    pub errors: Vec<client::Error>,
}

/// A record that was not next.
#[derive(Debug)]
pub struct Surprise {
    /// Where.
    pub partition: TopicPartition,
    /// Which.
    pub offset: Offset,
    /// What was due instead.
    pub expected: Expected,
}

/// What a reader must be given next of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This one.
    Exactly(Offset),
    /// Not one before this: it has seen that the log goes so far.
    AtLeast(Offset),
    /// The first one that isn't older.
    Since(Timestamp),
}

impl Expected {
    fn allows(self, offset: Offset) -> bool {
        match self {
            Self::Exactly(next) => offset == next,
            Self::AtLeast(first) => offset >= first,
            // Judged when the whole log is known.
            Self::Since(_) => true,
        }
    }
}

/// How a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// From the beginning on, to the end.
    Straight,
    /// Now and then from elsewhere.
    Wandering,
}

/// A reader at work.
#[derive(Debug)]
pub struct Consuming(JoinHandle<Result<Reader>>);

impl Consuming {
    /// Starts a reader of all these partitions, which reads until the curtain falls.
    #[must_use]
    pub fn start(
        world: &World,
        partitions: &[TopicPartition],
        manner: Manner,
        options: ConsumerOptions,
        curtain: &Curtain,
    ) -> Self {
        let (world, partitions, curtain) = (world.clone(), partitions.to_vec(), curtain.clone());
        Self(tokio::spawn(async move {
            let mut reader = Reader::new(world, partitions, options).await?;
            while !curtain.has_fallen() {
                reader.read_some().await;
                if thread_rng().gen_bool(0.05) {
                    reader.pause_or_resume()?;
                }
                if manner == Manner::Wandering && thread_rng().gen_bool(0.05) {
                    reader.go_elsewhere()?;
                }
            }
            Ok(reader)
        }))
    }

    /// Waits for the reader, after the curtain has fallen.
    ///
    /// # Errors
    /// It hangs.
    pub async fn finish(self) -> Result<Reads> {
        Ok(self.reader().await?.reads)
    }

    /// The same, and has it read to the ends of the logs.
    ///
    /// # Errors
    /// It hangs, or doesn't get there.
    pub async fn finish_at_the_end(self, ends: &BTreeMap<TopicPartition, Offset>) -> Result<Reads> {
        let mut reader = self.reader().await?;
        reader.consumer.resume(&reader.partitions)?;
        let reading = timeout(CATCH_UP_TIME_MAX, async {
            while !reader.is_at(ends) {
                reader.read_some().await;
            }
        });
        let is_there = reading.await.is_ok();
        ensure!(is_there, "a reader stands at {:?}, before {ends:?}", reader.expected);
        Ok(reader.reads)
    }

    async fn reader(self) -> Result<Reader> {
        let ended = timeout(READ_TIME_MAX, self.0).await.context("a reader isn't answered")?;
        ended.context("a reader was cancelled")?
    }
}

/// A consumer, and what it was given.
#[derive(Debug)]
struct Reader {
    world: World,
    partitions: Vec<TopicPartition>,
    consumer: Consumer,
    expected: BTreeMap<TopicPartition, Expected>,
    /// The ends of what it has seen.
    seen: BTreeMap<TopicPartition, Offset>,
    reads: Reads,
    process: ProcessId,
}

impl Reader {
    async fn new(
        world: World,
        partitions: Vec<TopicPartition>,
        options: ConsumerOptions,
    ) -> Result<Self> {
        let options = ConsumerOptions { offset_reset: OffsetReset::Earliest, ..options };
        let mut consumer = Consumer::new(world.client().await?, options);
        consumer.assign(partitions.iter().cloned());
        let beginning = |at: &TopicPartition| (at.clone(), Expected::Exactly(Offset(0)));
        let expected = partitions.iter().map(beginning).collect();
        let seen = BTreeMap::new();
        let (process, reads) = (world.history.new_process(), Reads::default());
        let mut reader = Self { world, partitions, consumer, expected, seen, reads, process };
        reader.note_assignment(true);
        Ok(reader)
    }

    /// Whoever starts anew or goes elsewhere owes nothing to what it read before: another process.
    fn note_assignment(&mut self, from_the_beginning: bool) {
        let history = &self.world.history;
        self.process = history.new_process();
        let partitions = self.partitions.clone();
        history.note_done(self.process, Act::Assign { partitions, from_the_beginning });
    }

    async fn read_some(&mut self) {
        let history = self.world.history.clone();
        history.note(self.process, Kind::Invoke, Act::Poll { records: Vec::new() });
        match self.consumer.poll(POLL_TIME_MAX).await {
            Err(error) => {
                self.world.trace.note(format_args!("reader: {error}"));
                let reason = Reason::of(&error);
                history.note(self.process, Kind::Fail(reason), Act::Poll { records: Vec::new() });
                self.reads.errors.push(error);
            }
            Ok(records) => {
                history.note(self.process, Kind::Ok, polled(&records));
                records.into_iter().for_each(|record| self.note(record));
            }
        }
    }

    fn note(&mut self, record: ConsumerRecord) {
        let (partition, offset) = (&record.partition, record.offset);
        if self.consumer.paused().any(|paused| paused == partition) {
            self.reads.while_paused.push((partition.clone(), offset));
        }
        let next = Expected::Exactly(offset.plus(1));
        let expected = self.expected.insert(partition.clone(), next);
        let expected = expected.expect("every partition is expected to go on");
        if let Expected::Since(time) = expected {
            self.reads.found_by_time.push((time, partition.clone(), offset));
        }
        if !expected.allows(offset) {
            self.reads.surprises.push(Surprise { partition: partition.clone(), offset, expected });
        }
        let seen = self.seen.entry(partition.clone()).or_insert(Offset(0));
        *seen = offset.plus(1).max(*seen);
        self.reads.records.push(record);
    }

    fn pause_or_resume(&mut self) -> Result<()> {
        if self.consumer.paused().next().is_some() {
            self.world.trace.note("reader: resume");
            self.consumer.resume(&self.partitions)?;
        } else {
            let some = self.partitions.iter().filter(|_| thread_rng().gen_bool(0.5));
            self.world.trace.note("reader: pause");
            self.consumer.pause(some)?;
        }
        Ok(())
    }

    fn go_elsewhere(&mut self) -> Result<()> {
        self.note_assignment(false);
        let mut rng = thread_rng();
        let partition = self.partitions[rng.gen_range(0..self.partitions.len())].clone();
        let seen = self.seen.get(&partition).copied().unwrap_or(Offset(0));
        let records = self.reads.records.iter().filter(|record| record.partition == partition);
        let records: Vec<&ConsumerRecord> = records.collect();
        let some = (!records.is_empty()).then(|| records[rng.gen_range(0..records.len())]);
        let (place, expected) = match (rng.gen_range(0..6), some) {
            (0, _) => (Place::Beginning, Expected::Exactly(Offset(0))),
            (1, _) => (Place::End, Expected::AtLeast(seen)),
            (2, Some(record)) => (Place::Time(record.timestamp), Expected::Since(record.timestamp)),
            (3, Some(record)) => {
                let next = record.offset.plus(1);
                self.consumer.seek_behind(&partition, next, record.leader_epoch)?;
                self.expected.insert(partition, Expected::Exactly(next));
                return Ok(());
            }
            _ => {
                let offset = Offset(rng.gen_range(0..=seen.0));
                (Place::At(offset), Expected::Exactly(offset))
            }
        };
        self.world.trace.note(format_args!(
            "reader: {} records, now {place:?} of {partition}",
            self.reads.records.len()
        ));
        self.consumer.seek(&partition, place)?;
        self.expected.insert(partition, expected);
        Ok(())
    }

    fn is_at(&self, ends: &BTreeMap<TopicPartition, Offset>) -> bool {
        ends.iter().all(|(partition, end)| {
            matches!(self.expected.get(partition), Some(Expected::Exactly(next)) if next >= end)
        })
    }
}

/// What is in each partition.
pub type Logs = BTreeMap<TopicPartition, Vec<ConsumerRecord>>;

/// Where each partition ends, as the node says.
///
/// # Errors
/// It doesn't.
pub async fn ends(
    cluster: &Cluster,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, Offset>> {
    let ends = partitions.iter().map(|partition| (partition.clone(), Place::End)).collect();
    let ends = Admin::new(cluster.clone()).list_offsets(&ends, Isolation::ReadUncommitted).await?;
    let end = |(partition, found): (TopicPartition, Found)| {
        Ok((partition, found.offset.context("a partition without an end")?))
    };
    ends.into_iter().map(end).collect()
}

/// Reads everything, from the beginning of each partition to the end that the node says it has.
///
/// # Errors
/// It takes too long, or the node can't.
pub async fn read_everything(cluster: &Cluster, partitions: &[TopicPartition]) -> Result<Logs> {
    read_all(cluster, partitions, |_, _| {}).await
}

/// The same once nobody sends any more, as the last that clients are told: what isn't in there is
/// missed.
///
/// # Errors
/// It takes too long, or the node can't.
pub async fn read_in_the_end(
    history: &History,
    cluster: &Cluster,
    partitions: &[TopicPartition],
) -> Result<Logs> {
    let process = history.new_process();
    let assign = Act::Assign { partitions: partitions.to_vec(), from_the_beginning: true };
    history.note_done(process, assign);
    let logs = read_all(cluster, partitions, |kind, act| history.note(process, kind, act)).await?;
    history.read_to_the_end(partitions);
    Ok(logs)
}

async fn read_all(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    note: impl Fn(Kind, Act),
) -> Result<Logs> {
    let reading = async {
        note(Kind::Invoke, Act::AskEnds { ends: BTreeMap::new() });
        let ends = ends(cluster, partitions).await?;
        note(Kind::Ok, Act::AskEnds { ends: ends.clone() });
        let mut logs = Logs::new();
        for (partition, end) in ends {
            let log = read_partition(cluster, &partition, end, &note).await;
            logs.insert(partition.clone(), log.with_context(|| format!("reading {partition}"))?);
        }
        Ok(logs)
    };
    timeout(READ_TIME_MAX, reading).await.context("reading everything takes too long")?
}

/// Reads one partition from its beginning to an offset.
async fn read_partition(
    cluster: &Cluster,
    partition: &TopicPartition,
    end: Offset,
    note: impl Fn(Kind, Act),
) -> Result<Vec<ConsumerRecord>> {
    let options = ConsumerOptions { offset_reset: OffsetReset::None, ..ConsumerOptions::default() };
    let mut consumer = Consumer::new(cluster.clone(), options);
    consumer.assign([partition.clone()]);
    consumer.seek(partition, Place::At(Offset(0)))?;
    let mut records: Vec<ConsumerRecord> = Vec::new();
    let deadline = Instant::now() + READ_TIME_MAX;
    while records.last().map_or(Offset(0), |last| last.offset.plus(1)) < end {
        ensure!(Instant::now() < deadline, "no end after {} records", records.len());
        note(Kind::Invoke, Act::Poll { records: Vec::new() });
        let given = consumer.poll(POLL_TIME_MAX).await?;
        note(Kind::Ok, polled(&given));
        records.extend(given);
    }
    match records.last() {
        Some(last) if last.offset.plus(1) != end => {
            bail!("{} is beyond the end {end}", last.offset)
        }
        _ => Ok(records),
    }
}

/// What a poll gave, as the history has it.
fn polled(records: &[ConsumerRecord]) -> Act {
    let read = |record: &ConsumerRecord| {
        let value = record.value.clone().unwrap_or_default();
        (record.partition.clone(), record.offset, value)
    };
    Act::Poll { records: records.iter().map(read).collect() }
}
