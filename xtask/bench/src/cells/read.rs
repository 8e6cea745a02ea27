//! Reading what is there: from the page cache, from the disk, and at the tail.

use crate::bench::{Bench, Setup, Side, TOPIC};
use crate::cell::{Cell, Findings};
use crate::fetcher::Fetcher;
use crate::load::{self, DEPTH, Latencies, Volume, flat_out, paced, read_all};
use crate::measure::Quantity;
use crate::prepared::Shape;
use crate::schedule::Schedule;
use crate::server::Server;
use anyhow::{Context, Result};
use rustix::fs::Advice;
use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const PARTITIONS: i32 = 6;

const READ: [Quantity; 2] =
    [Quantity::new("broker CPU", "s/GB"), Quantity::new("throughput", "MB/s")];

const COLD: [Quantity; 3] = [
    Quantity::new("throughput", "MB/s"),
    Quantity::new("a producer's p99 before", "ms"),
    Quantity::new("a producer's p99 meanwhile", "ms"),
];

const FAN_OUT: [Quantity; 2] =
    [Quantity::new("broker CPU", "s/GB delivered"), Quantity::new("p99 of a batch", "ms")];

/// 50 MB/s, in batches of 64 KB.
const TAIL_BATCH_BYTES: usize = 64_000;
const TAIL_BATCHES_PER_SECOND: u64 = 800;

/// Beside a cold read: a producer of single records.
const BESIDE_PER_SECOND: u64 = 500;
/// Its schedule is cut into pieces, after each of which it looks whether the read goes on.
const PIECE: Duration = Duration::from_millis(250);

pub(crate) fn cells() -> Vec<Cell> {
    let mut cells = vec![
        Cell::new("catch-up read, warm, 6 partitions", warm),
        Cell::new("catch-up read, cold, 6 partitions", cold),
    ];
    for consumers in [1, 3, 8] {
        let name = format!("tail at 50 MB/s, consumers: {consumers}");
        cells.push(Cell::new(name, move |bench| fan_out(bench, consumers)));
    }
    cells
}

fn warm(bench: &Bench) -> Result<Findings> {
    let bytes = bench.gigabytes(2);
    bench.alternate(&READ, |side| {
        let server = filled(bench, side, bytes)?;
        let mut fetcher = Fetcher::open(server.address, TOPIC.into(), 0..PARTITIONS)?;
        let before = server.cpu()?;
        let volume = read_all(&mut fetcher)?;
        let used = server.cpu()? - before;
        Ok([volume.seconds_per_gigabyte(used), volume.megabytes_per_second()])
    })
}

/// A read from the disk, while someone else produces to a partition of its own.
fn cold(bench: &Bench) -> Result<Findings> {
    let bytes = bench.gigabytes(4);
    bench.alternate(&COLD, |side| {
        let server = filled(bench, side, bytes)?;
        rustix::fs::sync();
        drop_page_cache(server.directory())?;
        bench.touch(bytes)?;
        let calm = produce_beside(&server, || false)?;
        let (volume, meanwhile) = thread::scope(|scope| {
            let reading = scope.spawn(|| -> Result<Volume> {
                read_all(&mut Fetcher::open(server.address, TOPIC.into(), 0..PARTITIONS)?)
            });
            let meanwhile = produce_beside(&server, || !reading.is_finished())?;
            anyhow::Ok((load::join(reading)?, meanwhile))
        })?;
        let p99 = |latencies: &Latencies| latencies.milliseconds(0.99);
        Ok([volume.megabytes_per_second(), p99(&calm), p99(&meanwhile)])
    })
}

/// Produces single records on time to the last partition: for a second, and as long as it must.
fn produce_beside(server: &Server, go_on: impl Fn() -> bool) -> Result<Latencies> {
    let shape =
        Shape { partitions: PARTITIONS..PARTITIONS + 1, batch_bytes: 0, ..Shape::default() };
    let requests = shape.requests();
    let piece = Schedule::steady(BESIDE_PER_SECOND, PIECE);
    let mut latencies = Latencies::default();
    for number in 0.. {
        let shortest = 4;
        if number >= shortest && !go_on() {
            break;
        }
        for phase in paced(server.address, requests.clone(), &piece, Instant::now())? {
            latencies.add(&phase);
        }
    }
    Ok(latencies)
}

/// One producer on time, and consumers that each read everything.
fn fan_out(bench: &Bench, consumers: usize) -> Result<Findings> {
    let shape = Shape { batch_bytes: TAIL_BATCH_BYTES, ..Shape::default() };
    let requests = shape.requests();
    let lasts = Duration::from_secs(if bench.quick { 1 } else { 2 });
    let schedule = Schedule::steady(TAIL_BATCHES_PER_SECOND, lasts);
    let records_per_batch = i64::try_from(requests[0].records).context("a count")?;
    let batches = i64::try_from(schedule.requests()).context("a count")?;
    bench.alternate(&FAN_OUT, |side| {
        let setup = Setup { keep: true, ..Setup::partitions(PARTITIONS) };
        let server = bench.start(side, setup)?;
        let begins = Instant::now() + Duration::from_millis(100);
        let consume = || -> Result<(u64, Latencies)> {
            let mut fetcher = Fetcher::open(server.address, TOPIC.into(), 0..PARTITIONS)?;
            let (mut bytes, mut latencies, mut seen) = (0, Latencies::default(), 0);
            while seen < batches {
                bytes += fetcher.poll(500)?.bytes;
                // Batches go to the partitions in turn, so that their number tells which came.
                let batches_read = fetcher.position() / records_per_batch;
                for number in seen..batches_read {
                    let number = u64::try_from(number).context("a count")?;
                    let (due, _) = schedule.due(number).context("a batch nobody sent")?;
                    latencies.record(begins + due);
                }
                seen = batches_read;
            }
            Ok((bytes, latencies))
        };
        let before = server.cpu()?;
        let delivered = thread::scope(|scope| {
            let consumers: Vec<_> = (0..consumers).map(|_| scope.spawn(consume)).collect();
            paced(server.address, requests.clone(), &schedule, begins)?;
            consumers.into_iter().map(load::join).collect::<Result<Vec<_>>>()
        })?;
        let used = server.cpu()? - before;
        let mut latencies = Latencies::default();
        delivered.iter().for_each(|(_, consumers)| latencies.add(consumers));
        let bytes: u64 = delivered.iter().map(|(bytes, _)| bytes).sum();
        Ok([used.as_secs_f64() / (bytes as f64 / 1e9), latencies.milliseconds(0.99)])
    })
}

/// A broker with so much in six partitions, and one more that is empty.
fn filled(bench: &Bench, side: Side, bytes: u64) -> Result<Server> {
    let setup = Setup { keep: true, ..Setup::partitions(PARTITIONS + 1) };
    let server = bench.start(side, setup)?;
    bench.touch(bytes)?;
    flat_out(server.address, &Shape::default().requests(), 2, DEPTH, bytes)?;
    Ok(server)
}

/// Makes the next read go to the disk. Without the right to empty the whole cache, the files below
/// the directory are dropped from it one by one.
fn drop_page_cache(directory: &Path) -> Result<()> {
    if std::fs::write("/proc/sys/vm/drop_caches", "1").is_ok() {
        return Ok(());
    }
    for entry in std::fs::read_dir(directory).context("listing the data")? {
        let path = entry.context("listing the data")?.path();
        if path.is_dir() {
            drop_page_cache(&path)?;
        } else {
            let file = File::open(&path).context("opening a file of the data")?;
            rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).context("dropping a file")?;
        }
    }
    Ok(())
}
