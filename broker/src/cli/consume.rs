//! `ottla consume`: a line for each record.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter},
    time::Duration,
};

use clap::Args;
use client::{
    Admin, Cluster, Consumer, ConsumerOptions, ConsumerRecord, Isolation, OffsetReset, Place,
    door::{Clock as _, SystemClock},
};
use protocol::{Offset, PartitionIndex, Timestamp, TopicName, TopicPartition};
use serde::Serialize;
use tokio::select;

use super::{
    Error, Process,
    connect::{Connect, TopicArgument},
    output::{Format, Output, unless_closed},
};

/// How long one poll waits; nothing depends on it.
const POLL: Duration = Duration::from_secs(1);

/// Prints a topic's records, one a line, and follows it until interrupted.
#[derive(Debug, Args)]
pub(super) struct Consume {
    #[command(flatten)]
    topic: TopicArgument,
    /// Only these partitions; all of them unless given.
    #[arg(long, short)]
    partition: Vec<i32>,
    /// Begin with the first record there is, and not with the next one to come.
    #[arg(long, conflicts_with_all = ["offset", "from_time"])]
    from_beginning: bool,
    /// Begin with this offset.
    #[arg(long, conflicts_with = "from_time")]
    offset: Option<u32>,
    /// Begin with the first record of this time or later: milliseconds since 1970, or how long ago,
    /// such as 90s, 10m, 2h or 1d.
    #[arg(long, value_name = "TIME", value_parser = from_time)]
    from_time: Option<Since>,
    /// Stop after this many records.
    #[arg(long, short = 'n', visible_alias = "max-messages", value_name = "N")]
    count: Option<u64>,
    /// Stop at the end, as it is at the start.
    #[arg(long, short = 'e')]
    exit: bool,
    /// Print keys, with this between key and value.
    #[arg(long, short = 'K', value_name = "SEPARATOR")]
    key_separator: Option<String>,
    /// See only records of committed transactions, and of none.
    #[arg(long)]
    read_committed: bool,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

/// A time to begin at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    Time(Timestamp),
    Ago(Duration),
}

/// A record, for programs.
#[derive(Serialize)]
struct Printed<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    timestamp: i64,
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(&'a str, Option<String>)>,
}

impl Consume {
    pub(super) async fn run(self, process: Process) -> Result<(), Error> {
        unless_closed(self.print_records(process).await)
    }

    async fn print_records(self, mut process: Process) -> Result<(), Error> {
        let cluster = self.connect.cluster(false).await?;
        let partitions = self.partitions(&cluster).await?;
        let mut ends = self.ends(&cluster, &partitions).await?;
        let mut consumer = Consumer::new(cluster, self.options());
        consumer.assign(partitions.iter().cloned());
        for partition in &partitions {
            consumer.seek(partition, self.place())?;
        }
        let mut out = BufWriter::new(&mut process.output);
        let mut left = self.count.unwrap_or(u64::MAX);
        while left > 0 && !self.is_at_end(&mut consumer, &mut ends).await? {
            let records = select! {
                biased;
                () = &mut process.stop => break,
                records = consumer.poll(POLL) => records?,
            };
            for record in records {
                let is_beyond = ends.as_ref().is_some_and(|ends| {
                    ends.get(&record.partition).is_none_or(|end| record.offset >= *end)
                });
                if left > 0 && !is_beyond {
                    self.print(&mut out, &record)?;
                    left -= 1;
                }
            }
            io::Write::flush(&mut out)?;
        }
        Ok(io::Write::flush(&mut out)?)
    }

    async fn partitions(&self, cluster: &Cluster) -> Result<Vec<TopicPartition>, Error> {
        let name: TopicName = self.topic.name();
        let topic = Admin::new(cluster.clone()).describe_topic(&name).await?;
        let wanted = self.partition.iter().copied().map(PartitionIndex);
        let indices: Vec<_> = match self.partition.is_empty() {
            true => topic.partitions.keys().copied().collect(),
            false => wanted.collect(),
        };
        for index in &indices {
            if !topic.partitions.contains_key(index) {
                let count = topic.partitions.len();
                let error = format!("--partition {index}: topic {name} has {count}, from 0 on");
                return Err(Error::Usage(error));
            }
        }
        let at = |partition| TopicPartition { topic: name.clone(), partition };
        Ok(indices.into_iter().map(at).collect())
    }

    fn isolation(&self) -> Isolation {
        if self.read_committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted }
    }

    fn options(&self) -> ConsumerOptions {
        ConsumerOptions {
            isolation: self.isolation(),
            // What was retained away while it was read is passed over.
            offset_reset: OffsetReset::Earliest,
            ..Default::default()
        }
    }

    fn place(&self) -> Place {
        match (self.offset, self.from_time) {
            (Some(offset), _) => Place::At(Offset(offset.into())),
            (None, Some(Since::Time(time))) => Place::Time(time),
            (None, Some(Since::Ago(ago))) => {
                let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Place::Time(Timestamp(SystemClock.now().0.saturating_sub(ago).max(0)))
            }
            (None, None) if self.from_beginning => Place::Beginning,
            (None, None) => Place::End,
        }
    }

    /// Where to stop, if that was asked for.
    async fn ends(
        &self,
        cluster: &Cluster,
        partitions: &[TopicPartition],
    ) -> Result<Option<BTreeMap<TopicPartition, Offset>>, Error> {
        if !self.exit {
            return Ok(None);
        }
        let places = partitions.iter().map(|partition| (partition.clone(), Place::End)).collect();
        let ends = Admin::new(cluster.clone()).list_offsets(&places, self.isolation()).await?;
        let ends = ends.into_iter();
        Ok(Some(ends.filter_map(|(partition, end)| Some((partition, end.offset?))).collect()))
    }

    /// Whether there is an end and every partition has been read up to it. Those that have are
    /// struck off.
    async fn is_at_end(
        &self,
        consumer: &mut Consumer,
        ends: &mut Option<BTreeMap<TopicPartition, Offset>>,
    ) -> Result<bool, Error> {
        let Some(ends) = ends else { return Ok(false) };
        let mut reached = Vec::new();
        for (partition, end) in ends.iter() {
            if consumer.position(partition).await? >= *end {
                reached.push(partition.clone());
            }
        }
        for partition in reached {
            ends.remove(&partition);
        }
        Ok(ends.is_empty())
    }

    fn print(&self, out: &mut impl io::Write, record: &ConsumerRecord) -> io::Result<()> {
        if self.output.format == Format::Json {
            serde_json::to_writer(&mut *out, &Printed::from(record))?;
            return writeln!(out);
        }
        if let Some(separator) = &self.key_separator {
            out.write_all(record.key.as_deref().unwrap_or_default())?;
            out.write_all(separator.as_bytes())?;
        }
        out.write_all(record.value.as_deref().unwrap_or_default())?;
        out.write_all(b"\n")
    }
}

impl<'a> From<&'a ConsumerRecord> for Printed<'a> {
    fn from(record: &'a ConsumerRecord) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            topic: record.partition.topic.as_str(),
            partition: record.partition.partition.0,
            offset: record.offset.0,
            timestamp: record.timestamp.0,
            key: record.key.as_deref().map(text),
            value: record.value.as_deref().map(text),
            headers: record
                .headers
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_deref().map(text)))
                .collect(),
        }
    }
}

fn from_time(text: &str) -> Result<Since, String> {
    let error = || "write milliseconds since 1970, or 90s, 10m, 2h, 1d".to_owned();
    if let Ok(millis) = text.parse() {
        return Ok(Since::Time(Timestamp(millis)));
    }
    let (digits, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(error()),
    };
    let number: u64 = digits.parse().map_err(|_| error())?;
    Ok(Since::Ago(Duration::from_secs(number.saturating_mul(seconds))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_ago() {
        assert_eq!(from_time("1700000000000"), Ok(Since::Time(Timestamp(1_700_000_000_000))));
        assert_eq!(from_time("90s"), Ok(Since::Ago(Duration::from_secs(90))));
        assert_eq!(from_time("2d"), Ok(Since::Ago(Duration::from_secs(172_800))));
        for text in ["", "x", "5", "-5m", "5w", "ü"] {
            assert_eq!(from_time(text).is_ok(), text == "5", "{text}");
        }
    }
}
