//! A story of two replicas that lead in turn, each with records that the other one never had.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use client::{Acks, Cluster, Producer, ProducerOptions, ProducerRecord};
use protocol::TopicPartition;

use crate::{
    convergence,
    workload::{Flush, create, small_topic},
    world::World,
};

/// How long a record may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whoever led in between asks whoever led before and leads again where its epoch ends: that one has
/// never heard of it, and where its own next epoch starts is no answer (KIP-279).
pub(super) async fn whoever_led_in_between_keeps_nothing_that_only_it_had(
    world: World,
) -> Result<()> {
    world.start().await?;
    let cluster = world.client().await?;
    let topic = small_topic("crown", 1, Flush::Sometime)
        .replication_factor(2)
        .config("min.insync.replicas", "2");
    let crown = create(&cluster, topic).await?.remove(0);
    for _ in 0..2 {
        world.until_in_sync(&crown, 2).await?;
        write(&cluster, &crown, 5).await?;
        let first = world.leader(&crown).await?;
        let isolation = world.isolate_from_nodes(&first);
        write(&world.client_of(&first).await?, &crown, 8).await?;
        let second = world.until_led_by_another(&crown, first.id()).await?;
        write(&world.client_of(&second).await?, &crown, 3).await?;
        second.kill();
        drop(isolation);
        // It was eligible all the time: nothing was committed without it.
        world.until_led_by_another(&crown, second.id()).await?;
        write(&world.client_of(&first).await?, &crown, 1).await?;
        second.start();
        second.until_it_serves().await?;
    }
    convergence::until_settled(&world).await
}

/// Writes records one by one, each acknowledged by the leader alone.
async fn write(cluster: &Cluster, to: &TopicPartition, count: usize) -> Result<()> {
    let options = ProducerOptions {
        acks: Acks::Leader,
        idempotence: false,
        ack_timeout: Duration::from_secs(2),
        delivery_timeout: PATIENCE,
        block_max: PATIENCE,
        ..ProducerOptions::default()
    };
    let producer = Producer::new(cluster.clone(), options);
    for number in 0..count {
        let value = Bytes::from(format!("record {number}"));
        let record = ProducerRecord::new(to.topic.clone(), value).with_partition(to.partition);
        producer.send(record).await.context("the leader takes it")?;
    }
    Ok(())
}
