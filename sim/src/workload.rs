//! What clients do, and what they were told: the evidence that invariants judge. Nothing here
//! knows what is done to the node meanwhile.

pub mod consume;
pub mod produce;
pub mod producer_ids;
pub mod topics;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Result, ensure};
use client::{Admin, Cluster, NewTopic};
use protocol::{PartitionIndex, TopicName, TopicPartition};

/// Says whether workloads go on. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Curtain(Arc<AtomicBool>);

impl Curtain {
    /// Lets workloads end: none begins anything new.
    pub fn fall(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether they are to end.
    #[must_use]
    pub fn has_fallen(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// When a partition's log is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Before anything is acknowledged (`flush.messages=1`).
    BeforeAcknowledging,
    /// When the node likes.
    Sometime,
}

/// Creates a topic whose segments are so small that there will be many.
///
/// # Errors
/// The node's.
pub async fn create_topic(
    cluster: &Cluster,
    name: &str,
    partitions: i32,
    flush: Flush,
) -> Result<Vec<TopicPartition>> {
    let mut topic = NewTopic::new(name)
        .partitions(partitions)
        .replication_factor(1)
        .config("internal.segment.bytes", "6000")
        .config("index.interval.bytes", "500");
    if flush == Flush::BeforeAcknowledging {
        topic = topic.config("flush.messages", "1");
    }
    let results = Admin::new(cluster.clone()).create_topics(&[topic], false).await?;
    for (name, result) in results {
        ensure!(result.is_ok(), "topic {name} is not created: {result:?}");
    }
    let partition =
        |index| TopicPartition { topic: TopicName::from(name), partition: PartitionIndex(index) };
    Ok((0..partitions).map(partition).collect())
}
