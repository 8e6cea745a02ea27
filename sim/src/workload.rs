//! What clients do, and what they were told: the evidence that invariants judge. Nothing here
//! knows what is done to the node meanwhile.

pub mod churn;
pub mod consume;
pub mod gamble;
pub mod history;
pub mod produce;
pub mod producer_ids;
pub mod topics;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Result, ensure};
use client::{Admin, Cluster, NewTopic};
use protocol::{ErrorCode, PartitionIndex, TopicPartition};

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
    create(cluster, small_topic(name, partitions, flush).replication_factor(1)).await
}

/// A topic whose segments are so small that there will be many. How many replicas it has is the
/// cluster's to say.
#[must_use]
pub fn small_topic(name: &str, partitions: i32, flush: Flush) -> NewTopic {
    let topic = NewTopic::new(name)
        .partitions(partitions)
        .config("internal.segment.bytes", "6000")
        .config("index.interval.bytes", "500");
    match flush {
        Flush::BeforeAcknowledging => topic.config("flush.messages", "1"),
        Flush::Sometime => topic,
    }
}

/// Creates a topic. Returns its partitions.
///
/// # Errors
/// The cluster's.
pub async fn create(cluster: &Cluster, topic: NewTopic) -> Result<Vec<TopicPartition>> {
    let (name, count) = (topic.name.clone(), topic.partitions.unwrap_or(1));
    let results = Admin::new(cluster.clone()).create_topics(&[topic], false).await?;
    for (name, result) in results {
        // Nobody else creates it: an earlier attempt did.
        let exists =
            result.as_ref().is_err_and(|error| error.code() == Some(ErrorCode::TopicAlreadyExists));
        ensure!(exists || result.is_ok(), "topic {name} is not created: {result:?}");
    }
    let partition =
        |index| TopicPartition { topic: name.clone(), partition: PartitionIndex(index) };
    Ok((0..count).map(partition).collect())
}
