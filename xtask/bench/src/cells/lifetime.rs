//! Starting, creating topics, and coming back after a crash.

use crate::bench::{Bench, Setup, Side, TOPIC};
use crate::cell::{Cell, Findings};
use crate::connection::Connection;
use crate::fetcher::Fetcher;
use crate::load::{DEPTH, flat_out};
use crate::measure::{Aim, Quantity};
use crate::prepared::{Shape, check_response};
use crate::server::Server;
use crate::topics::{Spread, create_topics, wait_for_leaders};
use anyhow::{Context, Result, ensure};
use protocol::TopicName;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

const REPEATS_OF_A_START: usize = 5;
const PARTITIONS: i32 = 1000;
const TOPICS: usize = 1000;
const ONE: Spread = Spread { partitions: 1, replicas: 1 };

/// How long a node may take to do what it was asked after its start.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY_EVERY: Duration = Duration::from_micros(500);

const START_EMPTY: [Quantity; 2] = [
    Quantity::new("serves after", "ms").aim(Aim::AtMost(25.0)),
    Quantity::new("a topic made and a record acknowledged after", "ms").aim(Aim::AtMost(25.0)),
];

const START_FULL: [Quantity; 3] = [
    Quantity::new("stopped after", "ms"),
    Quantity::new("serves after", "ms"),
    Quantity::new("a record acknowledged after", "ms").aim(Aim::AtMost(100.0)),
];

const MANY_TOPICS: [Quantity; 2] = [
    Quantity::new("answered after", "ms").aim(Aim::AtMost(1000.0)),
    Quantity::new("all have leaders after", "ms").aim(Aim::AtMost(1000.0)),
];

const CRASH: [Quantity; 3] = [
    Quantity::new("serves after", "ms"),
    Quantity::new("the first record fetched after", "ms").aim(Aim::AtMost(2000.0)),
    Quantity::new("a record acknowledged after", "ms").aim(Aim::AtMost(2000.0)),
];

pub(crate) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("start, empty", start_empty),
        Cell::new("start, 1000 partitions", start_full),
        Cell::new("1000 topics in one request", many_topics),
        Cell::new("10 GB after kill -9", crash),
    ]
}

fn start_empty(bench: &Bench) -> Result<Findings> {
    bench.repeat(&START_EMPTY, REPEATS_OF_A_START, || {
        let begun = Instant::now();
        let mut server = Server::ottla_starting(&bench.ottla, &bench.ottla_directory(), &[])?;
        server.wait_until_ready(1)?;
        let ready = begun.elapsed();
        server.create_topic(&TopicName::from(TOPIC), 1, &[])?;
        acknowledge(&server)?;
        Ok([ready, begun.elapsed()].map(milliseconds))
    })
}

/// A clean stop and a start, with a batch in every partition.
fn start_full(bench: &Bench) -> Result<Findings> {
    let mut server = bench.start(Side::Ottla, Setup::partitions(PARTITIONS))?;
    let shape = Shape { partitions: 0..PARTITIONS, batch_bytes: 16_384, ..Shape::default() };
    flat_out(server.address, &shape.requests(), 1, DEPTH, 16_000 * 1000)?;
    bench.repeat(&START_FULL, REPEATS_OF_A_START, || {
        let asked = Instant::now();
        server.stop()?;
        let stopped = asked.elapsed();
        let begun = Instant::now();
        server.start_again()?;
        server.wait_until_ready(1)?;
        let ready = begun.elapsed();
        acknowledge(&server)?;
        Ok([stopped, ready, begun.elapsed()].map(milliseconds))
    })
}

fn many_topics(bench: &Bench) -> Result<Findings> {
    bench.repeat(&MANY_TOPICS, bench.repeats, || {
        let server = bench.start(Side::Ottla, Setup::partitions(1))?;
        let mut connection = Connection::open(server.address)?;
        let topics: Vec<TopicName> =
            (0..TOPICS).map(|number| format!("topic-{number}").into()).collect();
        let begun = Instant::now();
        create_topics(&mut connection, &topics, ONE, &[])?;
        let answered = begun.elapsed();
        wait_for_leaders(&mut connection, &topics, ONE)?;
        Ok([answered, begun.elapsed()].map(milliseconds))
    })
}

/// Killed right after the last acknowledgement, and started again.
fn crash(bench: &Bench) -> Result<Findings> {
    let bytes = if bench.quick { 4 } else { 10 } * 1_000_000_000;
    let shape = Shape::default();
    let mut findings = bench.repeat(&CRASH, if bench.quick { 1 } else { 2 }, || {
        let mut server = bench.start(Side::Ottla, Setup::partitions(shape.partitions.end))?;
        bench.touch(bytes)?;
        flat_out(server.address, &shape.requests(), 2, DEPTH, bytes)?;
        server.kill()?;
        let begun = Instant::now();
        server.start_again()?;
        server.wait_until_ready(1)?;
        let ready = begun.elapsed();
        fetch_something(&server)?;
        let fetched = begun.elapsed();
        acknowledge(&server)?;
        Ok([ready, fetched, begun.elapsed()].map(milliseconds))
    })?;
    if bench.quick {
        findings.notes.push("In a quick run, 4 GB stand for the 10 GB after kill -9.".to_owned());
    }
    Ok(findings)
}

/// Produces one record, as often as it takes.
fn acknowledge(server: &Server) -> Result<()> {
    let shape = Shape { partitions: 0..1, batch_bytes: 0, ..Shape::default() };
    let mut request = shape.requests().remove(0);
    insist(|| {
        let mut connection = Connection::open(server.address)?;
        connection.sender.write_all(request.bytes(0)).context("sending a record")?;
        check_response(connection.receiver.next().context("waiting")?, 0)?;
        Ok(())
    })
}

fn fetch_something(server: &Server) -> Result<()> {
    insist(|| {
        let fetched = Fetcher::open(server.address, TOPIC.into(), 0..1)?.poll(100)?;
        ensure!(fetched.records > 0, "nothing to fetch");
        Ok(())
    })
}

fn insist(mut attempt: impl FnMut() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(RETRY_EVERY),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
