//! The loads as commands, against any broker, for whoever profiles one.

use super::{DEPTH, Latencies, Volume, flat_out, paced as run_paced, read_all};
use crate::command_line::CommandLine;
use crate::fetcher::Fetcher;
use crate::payload::Payload;
use crate::prepared::Shape;
use crate::schedule::Schedule;
use crate::topics::{Spread, create_topic};
use crate::usage;
use anyhow::{Context, Result, bail};
use protocol::TopicName;
use protocol::records::Compression;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) fn produce(mut line: CommandLine) -> Result<()> {
    let address = bootstrap(&mut line)?;
    let shape = shape(&mut line)?;
    let spread = spread(&mut line, &shape)?;
    let connections = line.number("connections", 2)?;
    let depth = line.number("depth", DEPTH)?;
    let megabytes: u64 = line.number("megabytes", 2000)?;
    let cpu = Cpu::of(&mut line)?;
    line.finish()?;
    let requests = shape.requests();
    create_topic(address, &shape.topic, spread, &[])?;
    let before = cpu.used()?;
    let volume = flat_out(address, &requests, connections, depth, megabytes * 1_000_000)?;
    report(&volume, cpu.used()?.zip(before));
    Ok(())
}

pub(crate) fn paced(mut line: CommandLine) -> Result<()> {
    let address = bootstrap(&mut line)?;
    let shape = shape(&mut line)?;
    let spread = spread(&mut line, &shape)?;
    let rate = line.number("rate", 1000)?;
    let seconds = line.number("seconds", 5)?;
    let cpu = Cpu::of(&mut line)?;
    line.finish()?;
    create_topic(address, &shape.topic, spread, &[])?;
    let schedule = Schedule::steady(rate, Duration::from_secs(seconds));
    let before = cpu.used()?;
    let latencies = run_paced(address, shape.requests(), &schedule, Instant::now())?;
    print_latencies(&latencies[0]);
    if let Some((after, before)) = cpu.used()?.zip(before) {
        let each = (after - before).as_secs_f64() * 1e6 / latencies[0].count() as f64;
        println!("{each:.1} us of broker CPU for each request");
    }
    Ok(())
}

pub(crate) fn fetch(mut line: CommandLine) -> Result<()> {
    let address = bootstrap(&mut line)?;
    let topic: TopicName = line.optional("topic").unwrap_or_else(|| "load".to_owned()).into();
    let partitions = line.number("partitions", 6)?;
    let consumers: usize = line.number("consumers", 1)?;
    let cpu = Cpu::of(&mut line)?;
    line.finish()?;
    let begun = Instant::now();
    let before = cpu.used()?;
    let volumes = thread::scope(|scope| {
        let read = || read_all(&mut Fetcher::open(address, topic.clone(), 0..partitions)?);
        let readers: Vec<_> = (0..consumers).map(|_| scope.spawn(read)).collect();
        readers.into_iter().map(super::join).collect::<Result<Vec<_>>>()
    })?;
    let total = Volume {
        records: volumes.iter().map(|volume| volume.records).sum(),
        bytes: volumes.iter().map(|volume| volume.bytes).sum(),
        took: begun.elapsed(),
    };
    report(&total, cpu.used()?.zip(before));
    Ok(())
}

/// The broker's CPU time, where its process was named.
struct Cpu(Option<u32>);

impl Cpu {
    fn of(line: &mut CommandLine) -> Result<Self> {
        let pid = line.number("pid", 0)?;
        Ok(Self((pid > 0).then_some(pid)))
    }

    fn used(&self) -> Result<Option<Duration>> {
        self.0.map(usage::cpu).transpose()
    }
}

fn report(volume: &Volume, used: Option<(Duration, Duration)>) {
    println!(
        "{:.0} MB/s, {:.0} records/s, {} records in {:.2} s",
        volume.megabytes_per_second(),
        volume.records_per_second(),
        volume.records,
        volume.took.as_secs_f64(),
    );
    if let Some((after, before)) = used {
        let used = after - before;
        println!(
            "{:.3} s of broker CPU for each GB ({:.2} s)",
            volume.seconds_per_gigabyte(used),
            used.as_secs_f64(),
        );
    }
}

fn print_latencies(latencies: &Latencies) {
    let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(|q| latencies.milliseconds(q));
    println!("acknowledged after ms: p50 {p50:.3}, p99 {p99:.3}, p99.9 {p999:.3}, max {max:.3}");
}

fn bootstrap(line: &mut CommandLine) -> Result<SocketAddr> {
    let text = line.required("bootstrap")?;
    let mut addresses = text.to_socket_addrs().with_context(|| format!("--bootstrap {text}"))?;
    addresses.find(SocketAddr::is_ipv4).with_context(|| format!("{text} has no IPv4 address"))
}

fn shape(line: &mut CommandLine) -> Result<Shape> {
    let default = Shape::default();
    let compression = compression(&line.optional("compression").unwrap_or_default())?;
    Ok(Shape {
        topic: line.optional("topic").map_or(default.topic, TopicName::from),
        partitions: 0..line.number("partitions", default.partitions.end)?,
        payload: match compression {
            Compression::None => Payload::Noise,
            _ => Payload::Json,
        },
        record_bytes: line.number("record-bytes", default.record_bytes)?,
        batch_bytes: line.number("batch-bytes", default.batch_bytes)?,
        batches_per_request: line.number("batches-per-request", default.batches_per_request)?,
        compression,
        acks: line.number("acks", default.acks)?,
    })
}

/// What the topic is created with, where it isn't there already.
fn spread(line: &mut CommandLine, shape: &Shape) -> Result<Spread> {
    Ok(Spread { partitions: shape.partitions.end, replicas: line.number("replicas", 1)? })
}

fn compression(name: &str) -> Result<Compression> {
    Ok(match name {
        "" | "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        unknown => bail!("there is no codec {unknown:?}"),
    })
}
