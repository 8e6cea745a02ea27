//! The rdkafka crate against a real node. Three programs in one binary:
//! `adapter BOOTSTRAP` takes part in the checks of `workload.py`;
//! `load BOOTSTRAP` produces without pause while the node is killed, and then judges;
//! `perf BOOTSTRAP TOPIC RECORDS BYTES [KEY=VALUE..]` produces as fast as librdkafka can.

// A real client against a real node: nothing of it is simulated.
#![allow(clippy::disallowed_methods)]

mod adapter;
mod load;
mod perf;

use anyhow::{Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// How long one call may take before the node counts as broken.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["adapter", bootstrap] => adapter::run(bootstrap),
        ["load", bootstrap] => load::run(bootstrap),
        ["perf", bootstrap, topic, records, bytes, ref settings @ ..] => {
            perf::run(bootstrap, topic, records.parse()?, bytes.parse()?, settings)
        }
        _ => bail!(
            "usage: rdkafka-clients adapter|load HOST:PORT, or \
             rdkafka-clients perf HOST:PORT TOPIC RECORDS BYTES [KEY=VALUE..]"
        ),
    }
}

fn settings(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

/// A consumer outside any group. librdkafka wants a group's name all the same.
fn consumer(bootstrap: &str) -> Result<BaseConsumer> {
    let consumer = settings(bootstrap)
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()?;
    Ok(consumer)
}

fn assign(
    consumer: &BaseConsumer,
    topic: &str,
    starts: impl IntoIterator<Item = (i32, Offset)>,
) -> Result<()> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in starts {
        list.add_partition_offset(topic, partition, offset)?;
    }
    Ok(consumer.assign(&list)?)
}

/// Receives `count` records and hands each to `visit`.
fn receive(
    consumer: &BaseConsumer,
    count: usize,
    mut visit: impl FnMut(&rdkafka::message::BorrowedMessage<'_>) -> Result<()>,
) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut received = 0;
    while received < count {
        if Instant::now() > deadline {
            bail!("{received} of {count} records came within {PATIENCE:?}");
        }
        match consumer.poll(Duration::from_millis(200)) {
            None | Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => bail!("consuming: {error}"),
            Some(Ok(message)) => {
                if message.offset() < 0 {
                    bail!("a record at offset {}", message.offset());
                }
                visit(&message)?;
                received += 1;
            }
        }
    }
    Ok(())
}
