//! Produces as fast as librdkafka can, and prints how many records took how long.

use crate::settings;
use anyhow::{Context, Result, bail, ensure};
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the last records may take.
const FLUSH: Duration = Duration::from_secs(60);
/// What a full queue is given to empty.
const WAIT: Duration = Duration::from_millis(10);
/// Deliveries are taken note of in between.
const POLL_EVERY: u64 = 10_000;

pub(crate) fn run(
    bootstrap: &str,
    topic: &str,
    records: u64,
    bytes: usize,
    own_settings: &[&str],
) -> Result<()> {
    let mut config = settings(bootstrap);
    for setting in own_settings {
        let (key, value) = setting.split_once('=').context("a setting is KEY=VALUE")?;
        config.set(key, value);
    }
    let producer: BaseProducer<Deliveries> = config.create_with_context(Deliveries::default())?;
    // Known before the clock runs.
    producer.client().fetch_metadata(Some(topic), FLUSH)?;

    let value = noise(bytes);
    let begun = Instant::now();
    for number in 0..records {
        send(&producer, topic, &value)?;
        if number % POLL_EVERY == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(FLUSH)?;
    let seconds = begun.elapsed().as_secs_f64();
    let delivered = producer.context().delivered.load(Ordering::SeqCst);
    ensure!(delivered == records, "{delivered} of {records} records were delivered");
    println!("{}", serde_json::json!({ "records": records, "seconds": seconds }));
    Ok(())
}

/// Leaves the choice of the partition to librdkafka.
fn send(producer: &BaseProducer<Deliveries>, topic: &str, value: &[u8]) -> Result<()> {
    let mut record = BaseRecord::<(), [u8]>::to(topic).payload(value);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                record = refused;
                producer.poll(WAIT);
            }
            Err((error, _)) => bail!("producing: {error}"),
        }
    }
}

/// Bytes that no codec makes smaller (xorshift).
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(size).collect()
}

#[derive(Debug, Default)]
struct Deliveries {
    delivered: AtomicU64,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.delivered.fetch_add(1, Ordering::SeqCst);
        }
    }
}
