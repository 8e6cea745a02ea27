//! What a load found: tables for people, and JSON whose names programs can rely on. Pure.
//!
//! MB and GB are 1,000,000 and 1,000,000,000 bytes, of keys and values alone.

use std::{io, time::Duration};

use serde::Serialize;

use super::latencies::Percentiles;
use crate::cli::{
    Error,
    output::{Output, Table},
};

/// What can be printed either way.
pub(super) trait Report: Serialize {
    fn tables(&self) -> Vec<Table>;
}

/// Prints a report.
pub(super) fn print<R: Report>(
    report: &R,
    output: &Output,
    out: &mut dyn io::Write,
) -> Result<(), Error> {
    output.print_text(out, report, |report| {
        let tables: Vec<_> = report.tables().iter().map(Table::to_string).collect();
        tables.join("\n")
    })
}

/// How much in which time, and what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Throughput {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    pub(super) records_per_second: f64,
    pub(super) mb_per_second: f64,
    /// What this process took; the brokers' share is theirs to tell.
    pub(super) client_cpu_seconds: f64,
    pub(super) client_cpu_us_per_record: Option<f64>,
    pub(super) client_cpu_seconds_per_gb: Option<f64>,
}

impl Throughput {
    pub(super) fn new(records: u64, bytes: u64, took: Duration, cpu: Duration) -> Self {
        let seconds = took.as_secs_f64();
        let per_second = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
        let cpu_seconds = cpu.as_secs_f64();
        let each = |amount: f64, cost: f64| (amount > 0.0).then(|| rounded(cost / amount, 3));
        Self {
            records,
            bytes,
            seconds: rounded(seconds, 3),
            records_per_second: rounded(per_second(float(records)), 1),
            mb_per_second: rounded(per_second(float(bytes) / 1e6), 3),
            client_cpu_seconds: rounded(cpu_seconds, 3),
            client_cpu_us_per_record: each(float(records), cpu_seconds * 1e6),
            client_cpu_seconds_per_gb: each(float(bytes) / 1e9, cpu_seconds),
        }
    }

    /// Records, seconds, records a second, megabytes a second, and the processor's microseconds for
    /// a record: that is what a load costs, whether its records are small or come rarely.
    fn cells(&self) -> [String; 5] {
        let cpu = self.client_cpu_us_per_record;
        [
            self.records.to_string(),
            format!("{:.3}", self.seconds),
            format!("{:.0}", self.records_per_second),
            format!("{:.3}", self.mb_per_second),
            cpu.map_or_else(|| "-".to_owned(), |micros| format!("{micros:.2}")),
        ]
    }
}

/// What `perf produce` found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Produced {
    pub(super) topic: String,
    #[serde(flatten)]
    pub(super) throughput: Throughput,
    pub(super) failed: u64,
    /// From the moment when a record was due until the producer had taken it: how late the load
    /// itself was. Without a rate, nothing is due before its turn.
    pub(super) sent: Option<Percentiles>,
    /// From the same moment until it was acknowledged.
    pub(super) acknowledged: Option<Percentiles>,
    pub(super) interrupted: bool,
}

impl Report for Produced {
    fn tables(&self) -> Vec<Table> {
        let mut table = Table::new([
            "TOPIC",
            "RECORDS",
            "FAILED",
            "SECONDS",
            "RECORDS/S",
            "MB/S",
            "CPU US/RECORD",
        ]);
        let [records, seconds, rate, mb, cpu] = self.throughput.cells();
        table.row([self.topic.clone(), records, self.failed.to_string(), seconds, rate, mb, cpu]);
        vec![table, latencies([("sent", self.sent), ("acknowledged", self.acknowledged)])]
    }
}

/// What `perf consume` found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Consumed {
    pub(super) topic: String,
    pub(super) partitions: usize,
    #[serde(flatten)]
    pub(super) throughput: Throughput,
    /// Until the first record was there: finding the leaders and the place to begin is in it.
    pub(super) first_record_us: Option<u64>,
    pub(super) interrupted: bool,
}

impl Report for Consumed {
    fn tables(&self) -> Vec<Table> {
        let mut table = Table::new([
            "TOPIC",
            "PARTITIONS",
            "RECORDS",
            "SECONDS",
            "RECORDS/S",
            "MB/S",
            "CPU US/RECORD",
            "FIRST MS",
        ]);
        let [records, seconds, rate, mb, cpu] = self.throughput.cells();
        let first = self.first_record_us.map_or_else(|| "-".to_owned(), millis);
        let partitions = self.partitions.to_string();
        table.row([self.topic.clone(), partitions, records, seconds, rate, mb, cpu, first]);
        vec![table]
    }
}

/// What `perf e2e` found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct EndToEnd {
    pub(super) topic: String,
    /// Records that were acknowledged.
    #[serde(flatten)]
    pub(super) throughput: Throughput,
    pub(super) failed: u64,
    /// Acknowledged, and never received.
    pub(super) lost: u64,
    /// Received once more.
    pub(super) duplicated: u64,
    pub(super) sent: Option<Percentiles>,
    pub(super) acknowledged: Option<Percentiles>,
    pub(super) received: Option<Percentiles>,
    pub(super) interrupted: bool,
}

impl Report for EndToEnd {
    fn tables(&self) -> Vec<Table> {
        let mut table = Table::new([
            "TOPIC",
            "RECORDS",
            "FAILED",
            "LOST",
            "DUPLICATED",
            "SECONDS",
            "RECORDS/S",
            "MB/S",
            "CPU US/RECORD",
        ]);
        let [records, seconds, rate, mb, cpu] = self.throughput.cells();
        let [failed, lost, duplicated] =
            [self.failed, self.lost, self.duplicated].map(|count| count.to_string());
        let topic = self.topic.clone();
        table.row([topic, records, failed, lost, duplicated, seconds, rate, mb, cpu]);
        let stages =
            [("sent", self.sent), ("acknowledged", self.acknowledged), ("received", self.received)];
        vec![table, latencies(stages)]
    }
}

/// A line for each stage that a record passes.
fn latencies<const N: usize>(stages: [(&str, Option<Percentiles>); N]) -> Table {
    let mut table = Table::new(["MS UNTIL", "P50", "P90", "P99", "P99.9", "MAX"]);
    for (stage, percentiles) in stages {
        if let Some(percentiles) = percentiles {
            let [p50, p90, p99, p999, max] = percentiles.cells();
            table.row([stage.to_owned(), p50, p90, p99, p999, max]);
        }
    }
    table
}

/// A count of microseconds as milliseconds.
fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

/// For rates: a count beyond 2^53 is off by a few.
#[allow(clippy::cast_precision_loss)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

pub(super) fn rounded(number: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (number * scale).round() / scale
}

#[cfg(test)]
mod tests;
