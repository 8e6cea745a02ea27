//! `ottla produce`: a record for each line of the input.

use std::{
    collections::VecDeque,
    io::{self, BufRead as _},
};

use clap::Args;
use client::{
    Acks, Producer, ProducerOptions, ProducerRecord,
    producer::{Delivery, Sent},
};
use protocol::{PartitionIndex, TopicName, records::Compression};
use serde::Serialize;
use tokio::{
    select,
    sync::mpsc::{self, Receiver},
};

use super::{
    Error, Process,
    connect::{Connect, TopicArgument},
    output::{Format, Output, unless_closed},
};

/// How many lines are read ahead of the producer.
const LINES_AHEAD: usize = 1000;

/// How many records may wait for their acknowledgement before the oldest is waited for.
const UNACKNOWLEDGED_MAX: usize = 10_000;

/// Every line of the standard input becomes a record.
#[derive(Debug, Args)]
pub(super) struct Produce {
    #[command(flatten)]
    topic: TopicArgument,
    /// Send to this partition, whatever the key.
    #[arg(long, short)]
    partition: Option<i32>,
    /// Split each line here into key and value. Lines without it have no key.
    #[arg(long, short = 'K', value_name = "SEPARATOR")]
    key_separator: Option<String>,
    /// Who must have a record: 0 = nobody, 1 = the leader, all = every in-sync replica.
    #[arg(long, value_parser = acks, default_value = "all")]
    acks: Acks,
    /// How to compress: none, gzip, snappy, lz4 or zstd.
    #[arg(long, short = 'z', value_name = "CODEC", value_parser = compression, default_value = "none")]
    compression: Compression,
    #[command(flatten)]
    connect: Connect,
    /// With json, each record's place is printed.
    #[command(flatten)]
    output: Output,
}

/// Where a record went, for programs.
#[derive(Serialize)]
struct Placed<'a> {
    topic: &'a str,
    partition: i32,
    offset: Option<i64>,
    timestamp: i64,
}

impl Produce {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let cluster = self.connect.cluster(true).await?;
        let options = ProducerOptions {
            acks: self.acks,
            compression: self.compression,
            ..Default::default()
        };
        let producer = Producer::new(cluster, options);
        let mut lines = lines();
        let mut sent = VecDeque::new();
        let mut count = 0_u64;
        loop {
            let line = select! {
                biased;
                () = &mut process.stop => None,
                line = lines.recv() => line,
            };
            let Some(line) = line else { break };
            let record = self.record(line.map_err(Error::Input)?);
            sent.push_back(producer.queue(record).await?);
            count += 1;
            if sent.len() >= UNACKNOWLEDGED_MAX {
                self.finish_first(&mut sent, &mut process).await?;
            }
        }
        while !sent.is_empty() {
            self.finish_first(&mut sent, &mut process).await?;
        }
        if self.output.format == Format::Table && process.output_is_terminal {
            writeln!(process.output, "{count} records sent to {}", self.topic.name())?;
        }
        unless_closed(process.output.flush().map_err(Error::from))
    }

    fn record(&self, line: Vec<u8>) -> ProducerRecord {
        let topic: TopicName = self.topic.name();
        let separator = self.key_separator.as_deref().filter(|text| !text.is_empty());
        let split = separator.and_then(|separator| split_once(&line, separator.as_bytes()));
        let record = match split {
            Some((key, value)) => ProducerRecord::new(topic, value.to_vec()).with_key(key.to_vec()),
            None => ProducerRecord::new(topic, line),
        };
        match self.partition {
            Some(partition) => record.with_partition(PartitionIndex(partition)),
            None => record,
        }
    }

    /// Waits for the oldest record.
    async fn finish_first(
        &self,
        sent: &mut VecDeque<Sent>,
        process: &mut Process,
    ) -> Result<(), Error> {
        let Some(first) = sent.pop_front() else { return Ok(()) };
        let Delivery { topic, partition, offset, timestamp } = first.delivery().await?;
        if self.output.format == Format::Json {
            let placed = Placed {
                topic: topic.as_str(),
                partition: partition.0,
                offset: offset.map(|offset| offset.0),
                timestamp: timestamp.0,
            };
            let line = serde_json::to_string(&placed).map_err(io::Error::from)?;
            // Records are sent whether anyone reads where they went or not.
            unless_closed(writeln!(process.output, "{line}").map_err(Error::from))?;
        }
        Ok(())
    }
}

/// The input's lines, read on a thread of their own: a terminal's may take for ever.
fn lines() -> Receiver<io::Result<Vec<u8>>> {
    let (sender, lines) = mpsc::channel(LINES_AHEAD);
    tokio::task::spawn_blocking(move || {
        for line in io::stdin().lock().split(b'\n') {
            if sender.blocking_send(line.map(without_carriage_return)).is_err() {
                return;
            }
        }
    });
    lines
}

fn without_carriage_return(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    line
}

/// What stands before and after the first occurrence.
fn split_once<'a>(line: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = line.windows(separator.len()).position(|window| window == separator)?;
    Some((&line[..at], &line[at + separator.len()..]))
}

fn acks(text: &str) -> Result<Acks, String> {
    match text {
        "0" | "none" => Ok(Acks::None),
        "1" | "leader" => Ok(Acks::Leader),
        "all" | "-1" => Ok(Acks::All),
        _ => Err("write 0, 1 or all".to_owned()),
    }
}

fn compression(text: &str) -> Result<Compression, String> {
    Compression::from_name(text).ok_or_else(|| "write none, gzip, snappy, lz4 or zstd".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_at_the_first_separator() {
        assert_eq!(split_once(b"a::b::c", b"::"), Some((&b"a"[..], &b"b::c"[..])));
        assert_eq!(split_once(b"::", b"::"), Some((&b""[..], &b""[..])));
        assert_eq!(split_once(b"abc", b"::"), None);
        assert_eq!(split_once(b"", b"::"), None);
    }
}
