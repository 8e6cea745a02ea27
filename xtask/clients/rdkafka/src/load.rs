//! An idempotent producer that never pauses, and the judge of what it left behind.
//!
//! It prints the number of acknowledged records as it grows, so that whoever kills the node knows
//! that it was under load. When its input ends it waits for every record, reads the topic back,
//! and demands that each partition holds exactly what was acknowledged: in order, each once.

use crate::{PATIENCE, assign, consumer, receive, settings};
use anyhow::{Context, Result, bail, ensure};
use futures_executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Message, Offset};
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const TOPIC: &str = "load";
const PARTITIONS: i32 = 3;
/// A delivery outlives any number of restarts.
const DELIVERY_TIMEOUT_MS: u64 = 300_000;
const REPORT_EVERY: Duration = Duration::from_millis(20);
/// Enough to keep five requests of each partition in flight, and little enough to read back soon.
const PAUSE: Duration = Duration::from_micros(200);

pub(crate) fn run(bootstrap: &str) -> Result<()> {
    create_topic(bootstrap)?;
    let producer: ThreadedProducer<Acknowledged> = settings(bootstrap)
        .set("enable.idempotence", "true")
        .set("linger.ms", "1")
        .set("message.timeout.ms", DELIVERY_TIMEOUT_MS.to_string())
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "100")
        .set("retry.backoff.ms", "20")
        .set("socket.timeout.ms", "5000")
        .set("log_level", "2")
        .create_with_context(Acknowledged::default())?;
    let sent = produce_until_input_ends(&producer)?;
    producer.flush(Duration::from_millis(DELIVERY_TIMEOUT_MS))?;
    let acknowledged = producer.context();
    if let Some(failure) = acknowledged.failure.lock().expect("no holder panics").take() {
        bail!("a delivery failed: {failure}");
    }
    let total: u64 = sent.iter().sum();
    ensure!(acknowledged.count.load(Ordering::SeqCst) == total, "not everything was delivered");
    judge(bootstrap, &sent)?;
    println!("ok all {total} acknowledged records are there, in order, each once");
    Ok(())
}

fn create_topic(bootstrap: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = settings(bootstrap).create()?;
    let wanted = NewTopic::new(TOPIC, PARTITIONS, TopicReplication::Fixed(1));
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    for result in block_on(admin.create_topics(&[wanted], &options))? {
        result.map_err(|(topic, code)| anyhow::anyhow!("creating {topic}: {code}"))?;
    }
    Ok(())
}

/// Sends counted records to each partition in turn. Returns how many each got.
fn produce_until_input_ends(producer: &ThreadedProducer<Acknowledged>) -> Result<Vec<u64>> {
    let ended = AtomicBool::new(false);
    let mut sent = vec![0_u64; usize::try_from(PARTITIONS)?];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Whatever ends the input, also an error of the pipe, ends the load.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            ended.store(true, Ordering::SeqCst);
        });
        let mut report_at = Instant::now();
        while !ended.load(Ordering::SeqCst) {
            for partition in 0..PARTITIONS {
                send(producer, partition, &mut sent[usize::try_from(partition)?])?;
            }
            if Instant::now() >= report_at {
                println!("acknowledged {}", producer.context().count.load(Ordering::SeqCst));
                report_at = Instant::now() + REPORT_EVERY;
            }
            std::thread::sleep(PAUSE);
        }
        Ok(sent)
    })
}

fn send(producer: &ThreadedProducer<Acknowledged>, partition: i32, number: &mut u64) -> Result<()> {
    let value = number.to_string();
    let record = BaseRecord::<(), str>::to(TOPIC).partition(partition).payload(&value);
    match producer.send(record) {
        Ok(()) => {
            *number += 1;
            Ok(())
        }
        // Its buffer fills while the node is away. The number is sent on a later turn.
        Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(()),
        Err((error, _)) => Err(error).context("sending"),
    }
}

/// Every partition holds 0, 1, 2 and so on, as far as it was acknowledged, and nothing else.
fn judge(bootstrap: &str, sent: &[u64]) -> Result<()> {
    let consumer = consumer(bootstrap)?;
    for (partition, &count) in (0..).zip(sent) {
        let (_, end) = consumer.fetch_watermarks(TOPIC, partition, PATIENCE)?;
        ensure!(
            u64::try_from(end)? == count,
            "partition {partition} holds {end} records, {count} were acknowledged"
        );
    }
    assign(&consumer, TOPIC, (0..PARTITIONS).map(|partition| (partition, Offset::Beginning)))?;
    let mut next = vec![0_u64; sent.len()];
    receive(&consumer, usize::try_from(sent.iter().sum::<u64>())?, |message| {
        let expected = &mut next[usize::try_from(message.partition())?];
        let value = message.payload_view::<str>().context("a null value")??;
        ensure!(
            value == expected.to_string(),
            "partition {} offset {} holds {value}, expected {expected}",
            message.partition(),
            message.offset(),
        );
        *expected += 1;
        Ok(())
    })
}

#[derive(Default)]
struct Acknowledged {
    count: AtomicU64,
    failure: Mutex<Option<KafkaError>>,
}

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.count.fetch_add(1, Ordering::SeqCst);
            }
            Err((error, _)) => {
                self.failure.lock().expect("no holder panics").get_or_insert(error.clone());
            }
        }
    }
}
