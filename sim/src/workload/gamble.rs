//! Somebody who would rather go on than lose nothing: a topic that allows unclean elections, with
//! two replicas or three, of which any number must be in sync, written to with acks=1. What gets lost
//! is lost; that the replicas agree on what is left is the observer's to judge.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use client::{Acks, Cluster, Producer, ProducerOptions, ProducerRecord};
use madsim::rand::{Rng, thread_rng};
use protocol::PartitionIndex;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Curtain, Flush, create, small_topic};

const NAME: &str = "roulette";

/// How long a record may wait: nobody insists on it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long it may take to end, once nothing disturbs it.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(20);

/// Somebody at work.
#[derive(Debug)]
pub struct Gambling(JoinHandle<()>);

impl Gambling {
    /// Creates the topic, and writes to it until the curtain falls.
    ///
    /// # Errors
    /// The cluster's.
    pub async fn start(cluster: &Cluster, curtain: &Curtain) -> Result<Self> {
        let partitions = thread_rng().gen_range(1..4);
        let replicas: i16 = if thread_rng().gen_bool(0.7) { 2 } else { 3 };
        let minimum = thread_rng().gen_range(1..=replicas).to_string();
        let topic = small_topic(NAME, partitions, Flush::Sometime)
            .replication_factor(replicas)
            .config("unclean.leader.election.enable", "true")
            .config("min.insync.replicas", minimum);
        create(cluster, topic).await?;
        Ok(Self(tokio::spawn(gamble(cluster.clone(), partitions, curtain.clone()))))
    }

    /// Waits for the end, after the curtain has fallen.
    ///
    /// # Errors
    /// It doesn't come.
    pub async fn finish(self) -> Result<()> {
        let ended = timeout(SETTLE_TIME_MAX, self.0);
        ended.await.context("a gambler isn't answered")?.context("cancelled")
    }
}

async fn gamble(cluster: Cluster, partitions: i32, curtain: Curtain) {
    let options = ProducerOptions {
        acks: Acks::Leader,
        idempotence: false,
        delivery_timeout: PATIENCE,
        block_max: PATIENCE,
        ack_timeout: Duration::from_secs(1),
        ..ProducerOptions::default()
    };
    let producer = Producer::new(cluster, options);
    let mut number = 0_u64;
    while !curtain.has_fallen() {
        let partition = PartitionIndex(thread_rng().gen_range(0..partitions));
        let stake = Bytes::from(number.to_string());
        // Nobody asks what became of it.
        let _sent =
            producer.queue(ProducerRecord::new(NAME, stake).with_partition(partition)).await;
        number += 1;
        sleep(Duration::from_millis(thread_rng().gen_range(1..60))).await;
    }
    producer.flush().await;
}
