//! `ottla consume`: prints records.

mod columns;
mod format_string;
mod json;
mod layout;
mod range;

use std::{
    io::{self, BufWriter, Write as _},
    time::Duration,
};

use clap::{Args, ValueEnum};
use client::{
    Admin, Cluster, Consumer, ConsumerOptions, Isolation, OffsetReset, metadata_cache::Topic,
};
use protocol::{PartitionIndex, TopicPartition};
use tokio::{select, time::Instant};

use self::{
    layout::Layout,
    range::{Places, Range},
};
use super::{
    Error, Process,
    advice::on_unknown_topic,
    connect::{Connect, TopicArguments},
    output::{Output, unless_closed},
};

/// How long one poll waits; nothing depends on it.
const POLL: Duration = Duration::from_secs(1);

/// How many records one poll brings at most. What it brought is flushed at once.
const POLL_RECORDS_MAX: usize = 2000;

/// How much is printed with one write.
const WRITE_BYTES: usize = 64 << 10;

/// Prints the records of topics as they come, until interrupted.
#[derive(Debug, Args)]
#[command(override_usage = "ottla consume [OPTIONS] <TOPIC>...", after_help = after_help())]
#[command(mut_arg("format", |format| {
    format.help("How to print: text as the options below have it, or a JSON object on each line")
}))]
pub(super) struct Consume {
    #[command(flatten)]
    topics: TopicArguments,
    /// Only these partitions; all of them unless given.
    #[arg(long, short, value_delimiter = ',')]
    partition: Vec<i32>,
    /// Stop after this many records.
    #[arg(long, short = 'n', visible_alias = "max-messages", short_alias = 'c', value_name = "N")]
    count: Option<u64>,
    /// Stop when no record came for this long, in milliseconds.
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// See only records of committed transactions, and of none.
    #[arg(long, conflicts_with = "isolation_level")]
    read_committed: bool,
    /// The same as Kafka's tools have it.
    #[arg(long, value_name = "LEVEL")]
    isolation_level: Option<IsolationLevel>,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    range: Range,
    #[command(flatten)]
    layout: Layout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum IsolationLevel {
    ReadUncommitted,
    ReadCommitted,
}

fn after_help() -> String {
    const EXAMPLES: &str = r"Examples:
  ottla consume positions --from-beginning           all there is, then what comes
  ottla consume positions --offset -5 --exit         the last five of each partition
  ottla consume positions --from-time 10m -K ': '    the last ten minutes on, with keys
  ottla consume positions --from-time 2026-01-31 --to-time 2026-02-01 -o json
  ottla consume positions -f '%p/%o %k=%s\n'         partition/offset key=value";
    format!("{}\n\n{EXAMPLES}", format_string::HELP)
}

impl Consume {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let (stop, output) = (&mut process.stop, &mut process.output);
        let mut out = BufWriter::with_capacity(WRITE_BYTES, output);
        // Who reads without an end interrupts when it's enough.
        let is_endless =
            self.count.is_none() && self.timeout_ms.is_none() && self.range.is_endless();
        let reading = Box::pin(self.print_records(&mut out));
        let result = select! {
            biased;
            () = stop => if is_endless { Ok(()) } else { Err(Error::Interrupted) },
            result = reading => result,
        };
        // What came before an error is printed before it.
        unless_closed(out.flush().map_err(Error::from).and(result))
    }

    async fn print_records(self, out: &mut impl io::Write) -> Result<(), Error> {
        let printer = self.layout.printer(&self.output)?;
        let isolation = self.isolation();
        let idle_max = self.timeout_ms.map(Duration::from_millis);
        let mut left = self.count.unwrap_or(u64::MAX);

        let cluster = self.connect.cluster(false).await?;
        let places = Places { admin: Admin::new(cluster.clone()), isolation };
        let partitions = self.partitions(&places.admin).await?;
        let mut consumer = consumer(cluster, isolation);
        consumer.assign(partitions.iter().cloned());
        for (partition, place) in self.range.begins(&places, &partitions).await? {
            consumer.seek(&partition, place)?;
        }
        let mut ends = self.range.ends(&places, &partitions).await?;

        let mut last = Instant::now();
        while left > 0 && !ends.are_reached(&mut consumer, &places).await? {
            let records = consumer.poll(idle_max.unwrap_or(POLL).min(POLL)).await?;
            if !records.is_empty() {
                last = Instant::now();
            } else if idle_max.is_some_and(|max| last.elapsed() >= max) {
                break;
            }
            for record in records {
                if left > 0 && ends.holds(&record) {
                    printer.print(&record, out)?;
                    left -= 1;
                }
            }
            out.flush()?;
        }
        Ok(())
    }

    async fn partitions(&self, admin: &Admin) -> Result<Vec<TopicPartition>, Error> {
        let mut partitions = Vec::new();
        for name in self.topics.names() {
            let topic = match admin.describe_topic(&name).await {
                Ok(topic) => topic,
                Err(error) => return Err(on_unknown_topic(admin, &name, error).await),
            };
            let wanted = self.partition.iter().copied().map(PartitionIndex);
            for partition in wanted.clone() {
                if !topic.partitions.contains_key(&partition) {
                    return Err(no_such_partition(&topic, partition));
                }
            }
            let all = topic.partitions.keys().copied().filter(|_| self.partition.is_empty());
            let at = |partition| TopicPartition { topic: name.clone(), partition };
            partitions.extend(wanted.chain(all).map(at));
        }
        Ok(partitions)
    }

    fn isolation(&self) -> Isolation {
        let is_committed = self.isolation_level == Some(IsolationLevel::ReadCommitted);
        match self.read_committed || is_committed {
            true => Isolation::ReadCommitted,
            false => Isolation::ReadUncommitted,
        }
    }
}

/// Says which partitions there are.
pub(super) fn no_such_partition(topic: &Topic, partition: PartitionIndex) -> Error {
    let (name, count) = (&topic.name, topic.partitions.len());
    let missing = format!("--partition {partition}: there is no such partition of {name}");
    Error::NotFound(missing).with_tip(format!("it has {count}, numbered from 0 on"))
}

fn consumer(cluster: Cluster, isolation: Isolation) -> Consumer {
    let options = ConsumerOptions {
        isolation,
        // What was retained away while it was read is passed over.
        offset_reset: OffsetReset::Earliest,
        poll_records_max: POLL_RECORDS_MAX,
        ..Default::default()
    };
    Consumer::new(cluster, options)
}
