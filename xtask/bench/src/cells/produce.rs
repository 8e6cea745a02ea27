//! How much a broker takes, and what it costs it.

use crate::bench::{Bench, Setup, Side};
use crate::cell::{Cell, Findings};
use crate::load::{DEPTH, flat_out, one_by_one};
use crate::measure::{Aim, Quantity};
use crate::payload::Payload;
use crate::prepared::Shape;
use anyhow::Result;
use protocol::records::Compression;
use std::time::Duration;

const CONNECTIONS: usize = 2;

/// As librdkafka and Java have it by default: 1 MB and 16 KB, both below the largest message.
const BIG: usize = 1_000_000;
const SMALL: usize = 16_384;

/// Java's producer sends one batch for each partition that has any, up to 1 MB together.
const BATCHES_OF_JAVA: usize = 50;

pub(super) const FLAT_OUT: [Quantity; 2] = [
    Quantity::new("broker CPU", "s/GB").aim(Aim::TimesCeiling(1.5)),
    Quantity::new("throughput", "MB/s").aim(Aim::PartOfCeiling(0.7)),
];

const SYNCED: [Quantity; 3] = [
    Quantity::new("records acknowledged", "1/s"),
    Quantity::new("p50", "ms"),
    Quantity::new("p99", "ms"),
];

pub(crate) fn cells() -> Vec<Cell> {
    let kilobyte = Shape::default();
    let small = Shape { batch_bytes: SMALL, ..kilobyte.clone() };
    let spread = |partitions| Shape {
        partitions: 0..partitions,
        batches_per_request: BATCHES_OF_JAVA,
        ..small.clone()
    };
    let lz4 = Shape { payload: Payload::Json, compression: Compression::Lz4, ..kilobyte.clone() };
    vec![
        flat_out_cell("produce 1 KB, 6 partitions, 1 MB batches", &kilobyte, 2),
        flat_out_cell("produce 1 KB, 6 partitions, 16 KB batches", &small, 1),
        flat_out_cell(
            "produce 100 B, 6 partitions, 1 MB batches",
            &Shape { record_bytes: 100, ..kilobyte.clone() },
            1,
        ),
        flat_out_cell("produce 1 KB, 100 partitions, 16 KB batches", &spread(100), 1),
        flat_out_cell("produce 1 KB, 1000 partitions, 16 KB batches", &spread(1000), 1),
        flat_out_cell("produce 1 KB JSON, lz4 (GB before it)", &lz4, 4),
        Cell::new(
            "produce 1 KB, acks=all, flush.messages=1, 32 producers of one record",
            synced(32, kilobyte),
        ),
    ]
}

fn flat_out_cell(name: &str, shape: &Shape, gigabytes: u64) -> Cell {
    let shape = shape.clone();
    // A batch is the largest that fits.
    assert!(shape.batch_bytes <= BIG, "the broker's default limit");
    Cell::new(name, move |bench| {
        let requests = shape.requests();
        let bytes = bench.gigabytes(gigabytes);
        bench.alternate(&FLAT_OUT, |side| {
            let server = bench.start(side, Setup::partitions(shape.partitions.end))?;
            bench.touch(bytes)?;
            flat_out(server.address, &requests, CONNECTIONS, DEPTH, bytes / 10)?;
            let before = server.cpu()?;
            let volume = flat_out(server.address, &requests, CONNECTIONS, DEPTH, bytes)?;
            let used = server.cpu()? - before;
            Ok([volume.seconds_per_gigabyte(used), volume.megabytes_per_second()])
        })
    })
}

/// Producers that each wait for one record to be on disk before they send the next. The stub syncs
/// each record by itself.
fn synced(producers: usize, shape: Shape) -> impl Fn(&Bench) -> Result<Findings> {
    move |bench| {
        let requests = Shape { batch_bytes: 0, acks: -1, ..shape.clone() }.requests();
        let lasts = Duration::from_millis(if bench.quick { 500 } else { 2000 });
        bench.alternate(&SYNCED, |side: Side| {
            let setup = Setup { sync: true, ..Setup::partitions(shape.partitions.end) };
            let server = bench.start(side, setup)?;
            let latencies = one_by_one(server.address, &requests, producers, lasts)?;
            Ok([
                latencies.count() as f64 / lasts.as_secs_f64(),
                latencies.milliseconds(0.5),
                latencies.milliseconds(0.99),
            ])
        })
    }
}
