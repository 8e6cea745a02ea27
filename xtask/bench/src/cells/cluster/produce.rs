//! What three synchronous copies cost, and how many a cluster takes.

use super::start;
use crate::bench::{Bench, Side};
use crate::cell::Cell;
use crate::cluster::{Cluster, NODES};
use crate::load::{DEPTH, Volume, flat_out, join};
use crate::measure::{Aim, Quantity};
use crate::prepared::Shape;
use anyhow::Result;
use std::thread;
use std::time::{Duration, Instant};

const BIG: usize = 1_000_000;
const SMALL: usize = 16_384;

/// Two for each node.
const CONNECTIONS: usize = 6;

const FLAT_OUT: [Quantity; 2] = [
    Quantity::new("CPU of the three", "s/GB").aim(Aim::TimesCeiling(1.5)),
    Quantity::new("throughput", "MB/s").aim(Aim::PartOfCeiling(0.7)),
];

pub(super) fn cells() -> Vec<Cell> {
    let shape = |batch_bytes| Shape { batch_bytes, acks: -1, ..Shape::default() };
    vec![
        cell("3 replicas, acks=all, 1 KB, 6 partitions, 1 MB batches", shape(BIG), 2),
        cell("3 replicas, acks=all, 1 KB, 6 partitions, 16 KB batches", shape(SMALL), 1),
    ]
}

fn cell(name: &str, shape: Shape, gigabytes: u64) -> Cell {
    Cell::new(name, move |bench| {
        let bytes = bench.gigabytes(gigabytes);
        bench.alternate(&FLAT_OUT, |side| measure(bench, side, &shape, bytes))
    })
}

fn measure(bench: &Bench, side: Side, shape: &Shape, bytes: u64) -> Result<[f64; 2]> {
    let cluster = start(bench, side, shape.partitions.end)?;
    bench.touch(bytes * u64::try_from(NODES)?)?;
    produce(&cluster, shape, bytes / 10)?;
    let before = cluster.cpu()?;
    let volume = produce(&cluster, shape, bytes)?;
    // The followers may have a little left to do.
    thread::sleep(Duration::from_millis(100));
    let used = cluster.cpu()? - before;
    Ok([volume.seconds_per_gigabyte(used), volume.megabytes_per_second()])
}

/// To all leaders at a time, each its share.
fn produce(cluster: &Cluster, shape: &Shape, bytes: u64) -> Result<Volume> {
    let leaders = cluster.leaders(&shape.topic, shape.partitions.clone())?;
    let connections = CONNECTIONS / leaders.len();
    let total: usize = leaders.values().map(Vec::len).sum();
    let begun = Instant::now();
    let volumes = thread::scope(|scope| {
        let produce = |(address, partitions): (_, Vec<i32>)| {
            let requests = shape.requests_for(&partitions);
            let share = bytes * u64::try_from(partitions.len())? / u64::try_from(total)?;
            flat_out(address, &requests, connections, DEPTH, share)
        };
        let spawn = |led| scope.spawn(move || produce(led));
        leaders.into_iter().map(spawn).collect::<Vec<_>>().into_iter().map(join).collect::<Vec<_>>()
    });
    let mut sum = Volume::default();
    for volume in volumes {
        let volume = volume?;
        sum.records += volume.records;
        sum.bytes += volume.bytes;
    }
    Ok(Volume { took: begun.elapsed(), ..sum })
}
