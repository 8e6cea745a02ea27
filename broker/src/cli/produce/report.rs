//! What is said of where records went.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write},
    pin::pin,
};

use client::Delivery;
use futures_util::FutureExt as _;
use protocol::{Offset, PartitionIndex, TopicName};
use serde::Serialize;

use crate::cli::{
    Error, Process,
    output::{Format, Output, Table, unless_closed},
};

/// How much is printed with one write.
const WRITE_BYTES: usize = 64 << 10;

/// Prints and counts deliveries.
pub(super) struct Report<'a> {
    out: BufWriter<&'a mut Box<dyn Write + Send>>,
    detail: Detail,
    is_terminal: bool,
    partitions: BTreeMap<PartitionIndex, Tally>,
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    Nothing,
    /// How many records there were: a line.
    Total,
    /// How many records went to each partition: a table.
    Partitions,
    /// Where each record went: JSON.
    Records,
}

/// What went to a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    count: u64,
    first: Option<Offset>,
    last: Option<Offset>,
}

/// Where a record went, for programs.
#[derive(Serialize)]
struct Placed<'a> {
    topic: &'a str,
    partition: i32,
    offset: Option<i64>,
    timestamp: i64,
}

impl<'a> Report<'a> {
    /// Quiet by default, as commands in a pipe are; on a terminal a line says that it's done.
    pub(super) fn new(process: &'a mut Process, output: &Output, is_verbose: bool) -> Self {
        let detail = match (output.format, is_verbose, process.output_is_terminal) {
            (Format::Json, ..) => Detail::Records,
            (_, true, _) => Detail::Partitions,
            (_, _, true) => Detail::Total,
            _ => Detail::Nothing,
        };
        let is_terminal = process.output_is_terminal;
        let out = BufWriter::with_capacity(WRITE_BYTES, &mut process.output);
        Self { out, detail, is_terminal, partitions: BTreeMap::new() }
    }

    /// Whether nothing is printed to a terminal before the end.
    pub(super) fn leaves_terminal_alone(&self) -> bool {
        !(self.is_terminal && self.detail == Detail::Records)
    }

    /// A record is where it belongs.
    pub(super) fn delivered(&mut self, delivery: &Delivery) -> Result<(), Error> {
        let Delivery { topic, partition, offset, timestamp } = delivery;
        let tally = self.partitions.entry(*partition).or_default();
        tally.count += 1;
        tally.first = tally.first.or(*offset);
        tally.last = offset.or(tally.last);
        if self.detail != Detail::Records {
            return Ok(());
        }
        let placed = Placed {
            topic: topic.as_str(),
            partition: partition.0,
            offset: offset.map(|offset| offset.0),
            timestamp: timestamp.0,
        };
        // Records are sent whether anyone reads where they went or not.
        unless_closed(self.print_line(&placed).map_err(Error::from))
    }

    /// Waits for something. What there is to print is printed before it's waited for.
    pub(super) async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Error> {
        let mut future = pin!(future);
        if let Some(done) = future.as_mut().now_or_never() {
            return Ok(done);
        }
        self.flush()?;
        Ok(future.await)
    }

    /// Everything is said and done.
    pub(super) fn finish(mut self, topic: &TopicName) -> Result<(), Error> {
        let total: u64 = self.partitions.values().map(|tally| tally.count).sum();
        let printed = match self.detail {
            Detail::Nothing | Detail::Records => Ok(()),
            Detail::Total => writeln!(self.out, "{total} records sent to {topic}"),
            Detail::Partitions => write!(self.out, "{}", table(&self.partitions)),
        };
        unless_closed(printed.map_err(Error::from))?;
        self.flush()
    }

    fn print_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }

    fn flush(&mut self) -> Result<(), Error> {
        unless_closed(self.out.flush().map_err(Error::from))
    }
}

fn table(partitions: &BTreeMap<PartitionIndex, Tally>) -> Table {
    let mut table = Table::new(["PARTITION", "RECORDS", "FIRST OFFSET", "LAST OFFSET"]);
    let text = |offset: Option<Offset>| offset.map_or_else(|| "-".to_owned(), |at| at.to_string());
    for (partition, Tally { count, first, last }) in partitions {
        table.row([partition.to_string(), count.to_string(), text(*first), text(*last)]);
    }
    table
}
