//! `ottla perf produce`: how fast records are taken, or how soon at a given rate.

use std::{
    num::NonZeroU64,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clap::Args;
use client::{Producer, ProducerRecord, door::SystemEntropy};
use futures_util::future::try_join_all;
use protocol::TopicName;
use tokio::time::Instant;

use super::{
    cpu, files,
    generator::generate,
    measured::Measured,
    options::{Amount, Creation, Rate, rate},
    payload::Payload,
    report::{self, Produced, Throughput},
    schedule::{Schedule, share},
    turns::{Stopping, Turns},
    watch::{each_second, watch},
};
use crate::cli::{
    Error, Process,
    connect::{Connect, TopicArgument},
    output::Output,
    sending::Sending,
};

/// A file of payloads is held in memory.
const PAYLOAD_FILE_BYTES_MAX: u64 = 1 << 30;

const EXAMPLES: &str = "\
Examples:
  How much goes in within 10 s, records of 1000 bytes:
    ottla perf produce load --create --partitions 6
  How soon 5000 records a second are acknowledged, for a minute:
    ottla perf produce load --rate 5000 --duration 1m --linger 0
  The lines of a file, compressed, by four producers, for a program to read:
    ottla perf produce load -n 1000000 --payload-file events.json -z zstd --producers 4 -o json";

/// Sends records as fast as the cluster takes them, or at a rate, and tells how long it took.
///
/// With --rate, a record's latency counts from the moment when it was due, whether the load could
/// send it then or not: what the cluster delays is not left out because the load was delayed too.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Produce {
    #[command(flatten)]
    topic: TopicArgument,
    #[command(flatten)]
    creation: Creation,
    #[command(flatten)]
    amount: Amount,
    /// Records per second, of all producers together; max = as fast as can be.
    #[arg(
        long,
        visible_alias = "throughput",
        value_name = "N",
        value_parser = rate,
        default_value = "max",
        allow_negative_numbers = true
    )]
    rate: Rate,
    /// The size of a record's value, which is random bytes.
    #[arg(long, short = 's', value_name = "BYTES", default_value_t = 1000)]
    record_size: usize,
    /// Send the lines of this file, again and again, in place of random bytes.
    #[arg(long, value_name = "FILE", conflicts_with = "record_size")]
    payload_file: Option<PathBuf>,
    /// How many producers, each with connections of its own.
    #[arg(long, value_name = "N", default_value = "1")]
    producers: NonZeroU64,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    sending: Sending,
}

impl Produce {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let options = self.sending.options()?;
        let payload = self.payload()?;
        let cluster = self.connect.cluster(false).await?;
        let topic = self.creation.topic(&cluster, self.topic.name()).await?.name;

        let measured = Arc::new(Mutex::new(Measured::new()));
        let stopping = Stopping::default();
        let (start, cpu_start) = (Instant::now(), cpu::process_time());
        let producers = (0..self.producers.get()).map(|index| {
            let turns = self.turns(index, start, &stopping);
            let producer = Producer::new(cluster.clone(), options.clone());
            let load = load(producer, turns, topic.clone(), payload.clone(), measured.clone());
            tokio::spawn(load)
        });
        let producers = try_join_all(producers.collect::<Vec<_>>());
        let measured = || measured.lock().unwrap_or_else(PoisonError::into_inner);
        let line = each_second(|| measured().acknowledged);
        let ended = watch(&mut process, &stopping, line, producers).await;

        let measured = measured();
        let report = self.report(&measured, &topic, start, cpu_start, stopping.is_asked_for());
        report::print(&report, &self.output, &mut *process.output)?;
        let results = ended.into_iter().flat_map(|ended| ended.expect("no producer panics"));
        results.collect::<Result<(), _>>()?;
        measured.first_error.clone().map_or(Ok(()), Err)?;
        stopping.result()
    }

    fn payload(&self) -> Result<Payload, Error> {
        let Some(path) = &self.payload_file else {
            return Ok(Payload::random(self.record_size, &SystemEntropy));
        };
        let file = files::read(path, PAYLOAD_FILE_BYTES_MAX)?;
        let empty = || Error::Usage(format!("--payload-file {}: it's empty", path.display()));
        Payload::lines(file).ok_or_else(empty)
    }

    fn turns(&self, producer: u64, start: Instant, stopping: &Stopping) -> Turns {
        let duration = self.amount.duration_or_default();
        let count = self.amount.count.unwrap_or(u64::MAX);
        let count = share(count, producer, self.producers);
        let Rate(Some(rate)) = self.rate else {
            let until = duration.map(|duration| start + duration);
            return Turns::AtOnce { next: 0, count, until, stopping: stopping.clone() };
        };
        let schedule = Schedule::new(rate, producer, self.producers);
        let due = duration.map_or(u64::MAX, |duration| schedule.due_before(duration));
        Turns::scheduled(start, schedule, count.min(due), stopping.clone())
    }

    fn report(
        &self,
        measured: &Measured,
        topic: &TopicName,
        start: Instant,
        cpu_start: Duration,
        interrupted: bool,
    ) -> Produced {
        let took = measured.took(start);
        let cpu = cpu::process_time().saturating_sub(cpu_start);
        let acknowledged = measured.acknowledged;
        let sent = measured.until_sent.percentiles();
        Produced {
            topic: topic.to_string(),
            throughput: Throughput::new(acknowledged.records, acknowledged.bytes, took, cpu),
            failed: measured.failed,
            sent: sent.filter(|_| self.rate.0.is_some()),
            acknowledged: measured.until_acknowledged.percentiles(),
            interrupted,
        }
    }
}

/// One producer's part of the load.
async fn load(
    producer: Producer,
    turns: Turns,
    topic: TopicName,
    payload: Payload,
    measured: Arc<Mutex<Measured>>,
) -> Result<(), client::Error> {
    let record = |number, _due| ProducerRecord::new(topic.clone(), payload.value(number));
    let tell = move |settled: Vec<_>| {
        measured.lock().unwrap_or_else(PoisonError::into_inner).settled(&settled);
    };
    generate(&producer, turns, record, tell).await
}
