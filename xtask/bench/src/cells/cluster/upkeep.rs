//! What many partitions cost: to create them, and to have them.

use super::{spread, start};
use crate::bench::{Bench, Side};
use crate::cell::{Cell, Findings};
use crate::measure::{Aim, Quantity};
use crate::topics::{create_topics, wait_for_leaders, wait_until_in_sync};
use anyhow::Result;
use protocol::TopicName;
use std::thread;
use std::time::{Duration, Instant};

const TOPICS: usize = 1000;
const PARTITIONS: i32 = 1000;

/// After the start, until nothing is done any more.
const REST: Duration = Duration::from_secs(5);

const MANY_TOPICS: [Quantity; 3] = [
    Quantity::new("answered after", "ms"),
    Quantity::new("all have leaders after", "ms"),
    Quantity::new("all replicas are in sync after", "ms"),
];

const IDLE: [Quantity; 2] = [
    Quantity::new("CPU of the busiest", "% of a core").aim(Aim::AtMost(2.0)),
    Quantity::new("CPU of the three", "% of a core"),
];

pub(super) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("1000 topics with 3 replicas in one request", many_topics),
        Cell::new("three idle brokers, 1000 partitions with 3 replicas", idle),
    ]
}

fn many_topics(bench: &Bench) -> Result<Findings> {
    bench.repeat(&MANY_TOPICS, bench.repeats, || {
        let cluster = start(bench, Side::Ottla, 1)?;
        let mut connection = cluster.connect()?;
        let topics: Vec<TopicName> =
            (0..TOPICS).map(|number| format!("topic-{number}").into()).collect();
        let begun = Instant::now();
        create_topics(&mut connection, &topics, spread(1), &[])?;
        let answered = begun.elapsed();
        wait_for_leaders(&mut connection, &topics, spread(1))?;
        let led = begun.elapsed();
        wait_until_in_sync(&mut connection, &topics, spread(1))?;
        Ok([answered, led, begun.elapsed()].map(|time| time.as_secs_f64() * 1000.0))
    })
}

fn idle(bench: &Bench) -> Result<Findings> {
    let lasts = Duration::from_secs(if bench.quick { 5 } else { 15 });
    bench.repeat(&IDLE, 1, || {
        let cluster = start(bench, Side::Ottla, PARTITIONS)?;
        thread::sleep(REST);
        let before = cluster.cpu_of_each()?;
        let begun = Instant::now();
        thread::sleep(lasts);
        let after = cluster.cpu_of_each()?;
        let percent = |used: Duration| 100.0 * used.as_secs_f64() / begun.elapsed().as_secs_f64();
        let each: Vec<f64> =
            after.iter().zip(before).map(|(after, before)| percent(*after - before)).collect();
        Ok([each.iter().copied().fold(0.0, f64::max), each.iter().sum()])
    })
}
