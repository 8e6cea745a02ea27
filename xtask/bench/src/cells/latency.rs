//! How long a record takes, at rates that leave the broker idle most of the time, and in a burst.
//! All latencies count from when a record was due.

use crate::bench::{Bench, Setup, TOPIC};
use crate::cell::{Cell, Findings};
use crate::fetcher::Fetcher;
use crate::load::{self, Latencies, paced};
use crate::measure::Quantity;
use crate::prepared::Shape;
use crate::schedule::{Phase, Schedule};
use anyhow::{Context, Result};
use std::thread;
use std::time::{Duration, Instant};

const END_TO_END: [Quantity; 4] = [
    Quantity::new("p50", "ms"),
    Quantity::new("p99", "ms"),
    Quantity::new("p99.9", "ms"),
    Quantity::new("broker CPU", "us/record"),
];

const BURST: [Quantity; 3] = [
    Quantity::new("p99 in the burst", "ms"),
    Quantity::new("longest of all", "ms"),
    Quantity::new("p99 after it", "ms"),
];

const CALM_PER_SECOND: u64 = 2_000;
const BURST_PER_SECOND: u64 = 10 * CALM_PER_SECOND;

/// From opening connections to the first record.
const LEAD: Duration = Duration::from_millis(100);

pub(crate) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("end to end, 1000 records/s of 1 KB", |bench| end_to_end(bench, 1_000)),
        Cell::new("end to end, 10000 records/s of 1 KB", |bench| end_to_end(bench, 10_000)),
        Cell::new("burst of 20000 records/s of 1 KB after 2000", burst),
    ]
}

/// Each record is a request of its own, as without linger, and one consumer waits for it.
fn end_to_end(bench: &Bench, per_second: u64) -> Result<Findings> {
    let shape = Shape { partitions: 0..1, batch_bytes: 0, ..Shape::default() };
    let lasts = Duration::from_secs(if bench.quick { 1 } else { 4 });
    let schedule = Schedule::steady(per_second, lasts);
    let total = i64::try_from(schedule.requests()).context("a count")?;
    bench.alternate(&END_TO_END, |side| {
        let server = bench.start(side, Setup { keep: true, ..Setup::partitions(1) })?;
        let begins = Instant::now() + LEAD;
        let consume = || -> Result<Latencies> {
            let mut fetcher = Fetcher::open(server.address, TOPIC.into(), 0..1)?;
            let mut latencies = Latencies::default();
            let mut next = 0;
            while next < total {
                fetcher.poll(500)?;
                // The number of a record is its offset.
                for number in next..fetcher.position() {
                    let number = u64::try_from(number).context("a count")?;
                    let (due, _) = schedule.due(number).context("a record nobody sent")?;
                    latencies.record(begins + due);
                }
                next = fetcher.position();
            }
            Ok(latencies)
        };
        let before = server.cpu()?;
        let latencies = thread::scope(|scope| {
            let consumer = scope.spawn(consume);
            paced(server.address, shape.requests(), &schedule, begins)?;
            load::join(consumer)
        })?;
        let used = server.cpu()? - before;
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|q| latencies.milliseconds(q));
        Ok([p50, p99, p999, used.as_secs_f64() * 1e6 / latencies.count() as f64])
    })
}

/// Ten times the rate for a second. What counts is the acknowledgement.
fn burst(bench: &Bench) -> Result<Findings> {
    let shape = Shape { batch_bytes: 0, ..Shape::default() };
    let calm = Phase { per_second: CALM_PER_SECOND, lasts: Duration::from_secs(1) };
    let ten_times = Phase { per_second: BURST_PER_SECOND, ..calm };
    let schedule = Schedule::of(&[calm, ten_times, calm]);
    bench.alternate(&BURST, |side| {
        let server = bench.start(side, Setup::partitions(shape.partitions.end))?;
        let phases = paced(server.address, shape.requests(), &schedule, Instant::now() + LEAD)?;
        let longest = phases.iter().map(|phase| phase.milliseconds(1.0)).fold(0.0, f64::max);
        Ok([phases[1].milliseconds(0.99), longest, phases[2].milliseconds(0.99)])
    })
}
