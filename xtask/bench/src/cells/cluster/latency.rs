//! How long acks=all takes when there is little to do.

use super::start;
use crate::bench::{Bench, Setup, Side, TOPIC};
use crate::cell::{Cell, Findings};
use crate::load::{Latencies, paced};
use crate::measure::{Measure, Quantity};
use crate::prepared::Shape;
use crate::schedule::Schedule;
use anyhow::{Context, Result};
use protocol::TopicName;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const PER_SECOND: u64 = 1_000;
const QUANTILES: [f64; 3] = [0.5, 0.99, 0.999];

const THREE: [Quantity; 3] =
    [Quantity::new("p50", "ms"), Quantity::new("p99", "ms"), Quantity::new("p99.9", "ms")];
const ALONE: [Quantity; 3] = [
    Quantity::new("p50 of a single node", "ms"),
    Quantity::new("p99 of a single node", "ms"),
    Quantity::new("p99.9 of a single node", "ms"),
];

/// From opening connections to the first record.
const LEAD: Duration = Duration::from_millis(100);

pub(super) fn cells() -> Vec<Cell> {
    vec![Cell::new("3 replicas, acks=all, 1000 records/s of 1 KB", acknowledged)]
}

fn acknowledged(bench: &Bench) -> Result<Findings> {
    let three = bench.alternate(&THREE, |side| {
        let cluster = start(bench, side, 1)?;
        let leaders = cluster.leaders(&TopicName::from(TOPIC), 0..1)?;
        let (&leader, _) = leaders.first_key_value().context("the partition has no leader")?;
        produce(bench, leader)
    })?;
    let alone = bench.alternate(&ALONE, |side: Side| {
        produce(bench, bench.start(side, Setup::partitions(1))?.address)
    })?;
    let measures: Vec<Measure> = three.measures.into_iter().chain(alone.measures).collect();
    Ok(measures.into())
}

fn produce(bench: &Bench, leader: SocketAddr) -> Result<[f64; 3]> {
    let shape = Shape { partitions: 0..1, batch_bytes: 0, acks: -1, ..Shape::default() };
    let lasts = Duration::from_secs(if bench.quick { 1 } else { 4 });
    let schedule = Schedule::steady(PER_SECOND, lasts);
    let phases = paced(leader, shape.requests(), &schedule, Instant::now() + LEAD)?;
    let latencies: &Latencies = phases.first().context("a schedule without requests")?;
    Ok(QUANTILES.map(|quantile| latencies.milliseconds(quantile)))
}
