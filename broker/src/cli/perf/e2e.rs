//! `ottla perf e2e`: how long a record takes from a producer to a consumer.

use std::{
    num::NonZeroU64,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clap::Args;
use client::{
    Cluster, Consumer, ConsumerOptions, OffsetReset, Place, Producer, ProducerRecord,
    door::{Entropy as _, SystemEntropy},
    metadata_cache::Topic,
};
use futures_util::future::try_join;
use protocol::{TopicName, TopicPartition};
use tokio::{sync::oneshot, time::Instant};

use super::{
    cpu,
    generator::{Settled, generate},
    latencies::Latencies,
    measured::Measured,
    options::{Amount, Creation, steady_rate},
    payload::{Payload, Stamp},
    report::{self, EndToEnd, Throughput},
    schedule::Schedule,
    tally::Tally,
    turns::{Stopping, Turns},
    watch::{each_second, watch},
};
use crate::cli::{
    Error, Process,
    connect::{Connect, TopicArgument},
    output::Output,
    sending::Sending,
};

/// How long one poll waits; it's how soon the end is noticed.
const POLL: Duration = Duration::from_millis(100);

/// An acknowledged record that hasn't come so long after the last acknowledgement is lost.
const LOST_AFTER: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  A thousand records a second for ten seconds:
    ottla perf e2e load --create
  Ten thousand a second, for a minute, acknowledged by the leader alone:
    ottla perf e2e load --rate 10000 --duration 1m --acks 1";

/// Sends records at a rate, reads them at the same time, and tells how long they took.
///
/// A latency counts from the moment when the record was due, whether it could be sent then or not.
/// Acknowledged records that never come are counted, and so are those that come twice.
#[derive(Debug, Args)]
// A latency is to be that of the cluster: a batch doesn't wait unless it's told to.
#[command(after_help = EXAMPLES, mut_arg("linger", |linger| linger.default_value("0")))]
pub(super) struct E2e {
    #[command(flatten)]
    topic: TopicArgument,
    #[command(flatten)]
    creation: Creation,
    #[command(flatten)]
    amount: Amount,
    /// Records per second.
    #[arg(
        long,
        visible_alias = "throughput",
        value_name = "N",
        value_parser = steady_rate,
        default_value = "1000"
    )]
    rate: NonZeroU64,
    /// The size of a record's value: 24 bytes by which it's known again, and random ones.
    #[arg(
        long,
        short = 's',
        value_name = "BYTES",
        default_value_t = 100,
        value_parser = record_size
    )]
    record_size: usize,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    sending: Sending,
}

const _: () = assert!(Stamp::SIZE == 24, "the help says so");

/// What both ends of the way find out.
struct Findings {
    sent: Measured,
    until_received: Latencies,
    tally: Tally,
    /// When a record was acknowledged or received last.
    last_at: Instant,
}

type Shared = Arc<Mutex<Findings>>;

fn lock(findings: &Shared) -> MutexGuard<'_, Findings> {
    findings.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One run, which its records name.
#[derive(Clone, Copy, Debug)]
struct Run {
    id: u64,
    start: Instant,
}

impl E2e {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let options = self.sending.options()?;
        let payload = Payload::random(self.record_size, &SystemEntropy);
        let cluster = self.connect.cluster(false).await?;
        let topic = self.creation.topic(&cluster, self.topic.name()).await?;
        let consumer = consumer_at_the_end(&cluster, &topic).await?;
        let producer = Producer::new(cluster, options);

        let (run, cpu_start) =
            (Run { id: SystemEntropy.number(), start: Instant::now() }, cpu::process_time());
        let findings = Arc::new(Mutex::new(Findings {
            sent: Measured::new(),
            until_received: Latencies::new(),
            tally: Tally::default(),
            last_at: run.start,
        }));
        let stopping = Stopping::default();
        let turns = self.turns(run.start, &stopping);
        let (sending, sent) = oneshot::channel();
        let producing =
            produce(producer, turns, topic.name.clone(), payload, run, findings.clone());
        let producing = tokio::spawn(async move {
            let result = producing.await;
            drop(sending);
            result
        });
        let consuming = tokio::spawn(consume(consumer, run, findings.clone(), sent));
        let line = each_second(|| lock(&findings).sent.acknowledged);
        let both = try_join(producing, consuming);
        let ended = watch(&mut process, &stopping, line, both).await;

        let findings = lock(&findings);
        let report = report(&findings, &topic.name, run.start, cpu_start, stopping.is_asked_for());
        report::print(&report, &self.output, &mut *process.output)?;
        if let Some(ended) = ended {
            let (produced, consumed) = ended.expect("neither end panics");
            produced?;
            consumed?;
        }
        findings.sent.first_error.clone().map_or(Ok(()), Err)?;
        stopping.result()
    }

    fn turns(&self, start: Instant, stopping: &Stopping) -> Turns {
        let schedule = Schedule::new(self.rate, 0, NonZeroU64::MIN);
        let duration = self.amount.duration_or_default();
        let due = duration.map_or(u64::MAX, |duration| schedule.due_before(duration));
        let count = self.amount.count.unwrap_or(u64::MAX).min(due);
        Turns::scheduled(start, schedule, count, stopping.clone())
    }
}

/// A consumer that reads what is sent from now on.
async fn consumer_at_the_end(cluster: &Cluster, topic: &Topic) -> Result<Consumer, Error> {
    let options =
        ConsumerOptions { offset_reset: OffsetReset::Earliest, ..ConsumerOptions::default() };
    let mut consumer = Consumer::new(cluster.clone(), options);
    let at = |partition: &_| TopicPartition { topic: topic.name.clone(), partition: *partition };
    let partitions: Vec<_> = topic.partitions.keys().map(at).collect();
    consumer.assign(partitions.iter().cloned());
    for partition in &partitions {
        consumer.seek(partition, Place::End)?;
    }
    for partition in &partitions {
        consumer.position(partition).await?;
    }
    Ok(consumer)
}

async fn produce(
    producer: Producer,
    turns: Turns,
    topic: TopicName,
    payload: Payload,
    run: Run,
    findings: Shared,
) -> Result<(), client::Error> {
    let record = |sequence, due: Instant| {
        let stamp = Stamp { run: run.id, sequence, due: due - run.start };
        ProducerRecord::new(topic.clone(), stamp.put_over(&payload.value(sequence)))
    };
    let tell = move |settled: Vec<Settled>| {
        let mut findings = lock(&findings);
        findings.sent.settled(&settled);
        for record in settled.iter().filter(|record| record.result.is_ok()) {
            findings.tally.acknowledged(record.number);
            findings.last_at = findings.last_at.max(record.acknowledged);
        }
    };
    generate(&producer, turns, record, tell).await
}

/// Reads until all is sent and has come, or won't.
async fn consume(
    mut consumer: Consumer,
    run: Run,
    findings: Shared,
    mut sent: oneshot::Receiver<()>,
) -> Result<(), client::Error> {
    loop {
        let records = consumer.poll(POLL).await?;
        let now = Instant::now();
        let is_all_sent = sent.try_recv() == Err(oneshot::error::TryRecvError::Closed);
        let mut findings = lock(&findings);
        let values = records.iter().filter_map(|record| record.value.as_deref());
        for stamp in values.filter_map(|value| Stamp::of(run.id, value)) {
            findings.tally.received(stamp.sequence);
            findings.until_received.record(now.saturating_duration_since(run.start + stamp.due));
            findings.last_at = now;
        }
        let is_late = now - findings.last_at >= LOST_AFTER;
        if is_all_sent && (findings.tally.missing() == 0 || is_late) {
            return Ok(());
        }
    }
}

fn record_size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| *size >= Stamp::SIZE);
    size.ok_or_else(|| format!("write a number of bytes, {} at least", Stamp::SIZE))
}

fn report(
    findings: &Findings,
    topic: &TopicName,
    start: Instant,
    cpu_start: Duration,
    interrupted: bool,
) -> EndToEnd {
    let sent = &findings.sent;
    let cpu = cpu::process_time().saturating_sub(cpu_start);
    let took = sent.took(start);
    EndToEnd {
        topic: topic.to_string(),
        throughput: Throughput::new(sent.acknowledged.records, sent.acknowledged.bytes, took, cpu),
        failed: sent.failed,
        lost: findings.tally.missing(),
        duplicated: findings.tally.duplicated(),
        sent: sent.until_sent.percentiles(),
        acknowledged: sent.until_acknowledged.percentiles(),
        received: findings.until_received.percentiles(),
        interrupted,
    }
}
