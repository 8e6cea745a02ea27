//! `ottla perf consume`: how fast records are read.

use std::{cell::Cell, collections::BTreeMap, time::Duration};

use clap::Args;
use client::{Admin, Cluster, Consumer, ConsumerOptions, Isolation, OffsetReset, Place};
use protocol::{Offset, TopicPartition};
use tokio::time::Instant;

use super::{
    cpu,
    options::{Amount, described},
    report::{self, Consumed, Throughput},
    turns::Stopping,
    watch::{Volume, each_second, watch},
};
use crate::cli::{
    Error, Process,
    connect::{Connect, TopicArgument},
    output::Output,
    time::duration,
};

/// How long one poll waits; it's how soon a stop is noticed.
const POLL: Duration = Duration::from_millis(100);

/// So many records are handed out at once: at full speed, the time goes to records and not to calls.
const POLL_RECORDS_MAX: usize = 10_000;

const EXAMPLES: &str = "\
Examples:
  How fast all that is there can be read:
    ottla perf consume load
  What arrives within a minute:
    ottla perf consume load --from-end --duration 1m
  The first million records, for a program to read:
    ottla perf consume load -n 1000000 -o json";

/// Reads records and tells how long it took.
///
/// Without limits, it reads what is there at the start, or with --from-end for ten seconds.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Consume {
    #[command(flatten)]
    topic: TopicArgument,
    /// Begin with the next record to come, and not with the first there is.
    #[arg(long)]
    from_end: bool,
    #[command(flatten)]
    amount: Amount,
    /// Stop when no record has come for so long.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    idle_timeout: Duration,
    /// How many bytes a broker waits for, half a second at most.
    #[arg(long, value_name = "BYTES", default_value_t = ConsumerOptions::default().min_bytes)]
    fetch_min_bytes: i32,
    /// How many bytes a broker sends of a partition at once.
    #[arg(
        long,
        visible_alias = "fetch-size",
        value_name = "BYTES",
        default_value_t = ConsumerOptions::default().partition_max_bytes
    )]
    partition_max_bytes: i32,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

/// What is read, until when.
struct Reading {
    consumer: Consumer,
    count: u64,
    until: Option<Instant>,
    /// What is left to be read of each partition, where that is a limit.
    ends: Option<BTreeMap<TopicPartition, Offset>>,
    idle_timeout: Duration,
    stopping: Stopping,
}

/// When the first and the last record came.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Consume {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let cluster = self.connect.cluster(false).await?;
        let partitions = self.partitions(&cluster).await?;
        let ends = self.ends(&cluster, &partitions).await?;
        let stopping = Stopping::default();
        let place = if self.from_end { Place::End } else { Place::Beginning };

        let (start, cpu_start) = (Instant::now(), cpu::process_time());
        let mut consumer = Consumer::new(cluster, self.options());
        consumer.assign(partitions.iter().cloned());
        for partition in &partitions {
            consumer.seek(partition, place)?;
        }
        let reading = Reading {
            consumer,
            count: self.amount.count.unwrap_or(u64::MAX),
            until: self.duration().map(|duration| start + duration),
            ends,
            idle_timeout: self.idle_timeout,
            stopping: stopping.clone(),
        };
        let (volume, times) = (Cell::default(), Cell::default());
        let read = reading.read(&volume, &times);
        let result = watch(&mut process, &stopping, each_second(|| volume.get()), read).await;

        let Times { first, last } = times.get();
        let (Volume { records, bytes }, took) = (volume.get(), last.map(|last| last - start));
        let cpu = cpu::process_time().saturating_sub(cpu_start);
        let first = first.map(|first| u64::try_from((first - start).as_micros()));
        let report = Consumed {
            topic: self.topic.name().to_string(),
            partitions: partitions.len(),
            throughput: Throughput::new(records, bytes, took.unwrap_or_default(), cpu),
            first_record_us: first.map(|micros| micros.unwrap_or(u64::MAX)),
            interrupted: stopping.is_asked_for(),
        };
        report::print(&report, &self.output, &mut *process.output)?;
        result.unwrap_or(Ok(()))?;
        stopping.result()
    }

    async fn partitions(&self, cluster: &Cluster) -> Result<Vec<TopicPartition>, Error> {
        let topic = described(&Admin::new(cluster.clone()), &self.topic.name()).await?;
        let at =
            |partition: &_| TopicPartition { topic: topic.name.clone(), partition: *partition };
        Ok(topic.partitions.keys().map(at).collect())
    }

    /// Where partitions end, if nothing else is a limit.
    async fn ends(
        &self,
        cluster: &Cluster,
        partitions: &[TopicPartition],
    ) -> Result<Option<BTreeMap<TopicPartition, Offset>>, Error> {
        if self.from_end || self.amount.count.is_some() || self.amount.duration.is_some() {
            return Ok(None);
        }
        let places = partitions.iter().map(|partition| (partition.clone(), Place::End)).collect();
        let ends = Admin::new(cluster.clone()).list_offsets(&places, Isolation::default()).await?;
        let ends = ends.into_iter();
        Ok(Some(ends.filter_map(|(partition, end)| Some((partition, end.offset?))).collect()))
    }

    fn duration(&self) -> Option<Duration> {
        if self.from_end { self.amount.duration_or_default() } else { self.amount.duration }
    }

    fn options(&self) -> ConsumerOptions {
        ConsumerOptions {
            offset_reset: OffsetReset::Earliest,
            min_bytes: self.fetch_min_bytes,
            partition_max_bytes: self.partition_max_bytes,
            poll_records_max: POLL_RECORDS_MAX,
            ..ConsumerOptions::default()
        }
    }
}

impl Reading {
    async fn read(
        mut self,
        volume: &Cell<Volume>,
        times: &Cell<Times>,
    ) -> Result<(), client::Error> {
        let mut idle_since = Instant::now();
        while !self.is_over(volume.get().records).await? {
            let records = self.consumer.poll(POLL).await?;
            let now = Instant::now();
            if records.is_empty() {
                if now - idle_since >= self.idle_timeout {
                    return Ok(());
                }
                continue;
            }
            idle_since = now;
            let mut so_far = volume.get();
            let room = usize::try_from(self.count - so_far.records).unwrap_or(usize::MAX);
            for record in records.iter().take(room) {
                let parts = [&record.key, &record.value].into_iter().flatten();
                let size = parts.map(|part| part.len()).sum::<usize>();
                so_far.records += 1;
                so_far.bytes += u64::try_from(size).unwrap_or(u64::MAX);
            }
            volume.set(so_far);
            times.set(Times { first: times.get().first.or(Some(now)), last: Some(now) });
        }
        Ok(())
    }

    async fn is_over(&mut self, records: u64) -> Result<bool, client::Error> {
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        if is_late || self.stopping.is_asked_for() || records >= self.count {
            return Ok(true);
        }
        let Some(ends) = &mut self.ends else { return Ok(false) };
        let mut reached = Vec::new();
        for (partition, end) in ends.iter() {
            if self.consumer.position(partition).await? >= *end {
                reached.push(partition.clone());
            }
        }
        for partition in reached {
            ends.remove(&partition);
        }
        Ok(ends.is_empty())
    }
}
