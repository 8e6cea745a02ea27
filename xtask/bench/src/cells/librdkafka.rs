//! The same broker under librdkafka, and whether our own generator asks the same of it.

use super::produce::FLAT_OUT;
use crate::bench::{Bench, Setup, Side, TOPIC};
use crate::cell::{Cell, Findings};
use crate::load::{DEPTH, Volume, flat_out};
use crate::measure::{Measure, median};
use crate::prepared::Shape;
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

const PARTITIONS: i32 = 6;

/// As the tool of librdkafka's own measurements has it.
const SETTINGS: [&str; 3] = ["acks=1", "linger.ms=5", "queue.buffering.max.messages=1000000"];

pub(crate) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("librdkafka 1 KB, 6 partitions", |bench| throughput(bench, 1000, &[])),
        Cell::new("librdkafka 1 KB, 6 partitions, 16 KB batches", |bench| {
            throughput(bench, 1000, &["batch.size=16384"])
        }),
        Cell::new("librdkafka 100 B, 6 partitions", |bench| throughput(bench, 100, &[])),
    ]
}

fn throughput(bench: &Bench, record_bytes: u64, settings: &[&str]) -> Result<Findings> {
    let records = bench.gigabytes(1) / record_bytes;
    let mut findings = bench.alternate(&FLAT_OUT, |side| {
        let server = bench.start(side, Setup::partitions(PARTITIONS))?;
        produce(bench, &server, records / 10, record_bytes, settings)?;
        bench.touch(records * record_bytes)?;
        let before = server.cpu()?;
        let volume = produce(bench, &server, records, record_bytes, settings)?;
        let used = server.cpu()? - before;
        Ok([volume.seconds_per_gigabyte(used), volume.megabytes_per_second()])
    })?;
    let note = compare(bench, record_bytes, settings, &findings.measures[0])?;
    findings.notes.push(note);
    Ok(findings)
}

fn produce(
    bench: &Bench,
    server: &Server,
    records: u64,
    record_bytes: u64,
    settings: &[&str],
) -> Result<Volume> {
    let program = bench.rdkafka.as_ref().context("the programs over librdkafka are missing")?;
    let output = Command::new(program)
        .args(["perf", &server.address.to_string(), TOPIC])
        .args([records.to_string(), record_bytes.to_string()])
        .args(SETTINGS.iter().chain(settings))
        .output()
        .context("running the program over librdkafka")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "librdkafka: {}", errors.trim_end());
    let result: Value = serde_json::from_slice(&output.stdout).context("its results")?;
    let seconds = result["seconds"].as_f64().context("its seconds")?;
    Ok(Volume { records, bytes: records * record_bytes, took: Duration::from_secs_f64(seconds) })
}

/// What the stub spends on the same records from our own generator.
fn compare(
    bench: &Bench,
    record_bytes: u64,
    settings: &[&str],
    librdkafka: &Measure,
) -> Result<String> {
    let size = settings.iter().find_map(|setting| setting.strip_prefix("batch.size="));
    let mut shape =
        Shape { record_bytes: usize::try_from(record_bytes).expect("a size"), ..Shape::default() };
    if let Some(size) = size {
        shape.batch_bytes = size.parse().context("a batch's size")?;
    }
    let server = bench.start(Side::Ceiling, Setup::partitions(PARTITIONS))?;
    let requests = shape.requests();
    let bytes = bench.gigabytes(1);
    flat_out(server.address, &requests, 1, DEPTH, bytes / 10)?;
    bench.touch(bytes)?;
    let before = server.cpu()?;
    let volume = flat_out(server.address, &requests, 1, DEPTH, bytes)?;
    let own = volume.seconds_per_gigabyte(server.cpu()? - before);
    let its = median(&librdkafka.ceiling).context("no value for the stub")?;
    Ok(format!(
        "The generator checked, {record_bytes} B in batches of {} B at most: the stub spends \
         {own:.2} s/GB on ours, and {its:.2} s/GB on librdkafka's.",
        shape.batch_bytes
    ))
}
