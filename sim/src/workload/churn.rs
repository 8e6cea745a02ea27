//! Somebody who deletes a topic and creates it again under its name, who changes how many replicas
//! must be in sync, and writes to it meanwhile: each record says of which of those topics it was
//! meant to be.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use client::{
    Acks, Admin, Cluster, ConfigResource, Producer, ProducerOptions, ProducerRecord,
    admin::ConfigChange,
};
use madsim::rand::{Rng, thread_rng};
use protocol::{ErrorCode, PartitionIndex, TopicId, TopicName, TopicPartition};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Curtain, Flush, consume::read_everything, small_topic};
use crate::world::World;

const NAME: &str = "phoenix";

/// How long it may take to end, once nothing disturbs it.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(150);

/// What is in the topic at the end, and of which topic of that name it was meant to be.
#[derive(Debug)]
pub struct Ashes {
    /// Which topic of that name it is: they are counted.
    pub generation: u64,
    /// Which ones its records were meant for.
    pub found: Vec<u64>,
}

/// Somebody at work.
#[derive(Debug)]
pub struct Churning(JoinHandle<Result<Ashes>>);

impl Churning {
    /// Starts, until the curtain falls.
    #[must_use]
    pub fn start(world: &World, curtain: &Curtain) -> Self {
        Self(tokio::spawn(churn(world.clone(), curtain.clone())))
    }

    /// Waits for the end, after the curtain has fallen.
    ///
    /// # Errors
    /// It doesn't come.
    pub async fn finish(self) -> Result<Ashes> {
        let ended = timeout(SETTLE_TIME_MAX, self.0);
        ended.await.context("whoever recreates a topic isn't answered")?.context("cancelled")?
    }
}

impl Ashes {
    /// Judges what is in the topic: nothing that was meant for an earlier one.
    ///
    /// # Errors
    /// A record that rose from the dead.
    pub fn check(&self) -> Result<()> {
        for meant_for in &self.found {
            ensure!(
                *meant_for == self.generation,
                "topic {NAME} number {} holds a record of number {meant_for}",
                self.generation
            );
        }
        Ok(())
    }
}

async fn churn(world: World, curtain: Curtain) -> Result<Ashes> {
    let cluster = world.client().await?;
    let admin = Admin::new(cluster.clone());
    let mut generation = 0;
    let mut ids = BTreeSet::new();
    let mut present = None;
    while !curtain.has_fallen() || present.is_none() {
        // A broker that lags may still show an earlier one.
        if present.is_none()
            && let Some(id) = create(&admin).await.filter(|id| ids.insert(*id))
        {
            generation += 1;
            present = Some(id);
            world.trace.note(format_args!("topic {NAME} number {generation} is there"));
        }
        if let Some(id) = present {
            write_some(&cluster, generation).await;
            if !curtain.has_fallen() && thread_rng().gen_bool(0.5) {
                change_minimum(&admin).await;
            } else if !curtain.has_fallen() {
                until_deleted(&admin, id).await;
                present = None;
            }
        }
        pause().await;
    }
    let first = TopicPartition { topic: TopicName::from(NAME), partition: PartitionIndex(0) };
    let log = read_everything(&cluster, std::slice::from_ref(&first)).await?;
    let found = log[&first]
        .iter()
        .filter_map(|record| std::str::from_utf8(record.value.as_deref()?).ok()?.parse().ok());
    Ok(Ashes { generation, found: found.collect() })
}

/// The id of the topic that is there now; none if that can't be told.
async fn create(admin: &Admin) -> Option<TopicId> {
    let name = TopicName::from(NAME);
    let results =
        admin.create_topics(&[small_topic(NAME, 1, Flush::Sometime)], false).await.ok()?;
    match &results[&name] {
        Ok(()) => {}
        Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
        Err(_) => return None,
    }
    admin.describe_topic(&name).await.ok()?.id
}

/// Deletes one topic of that name, and asks again until it's known to be gone.
///
/// It's named by its id (KIP-516): a broker goes on passing on what its client has given up and
/// asked of another one, and a name would come to mean the next topic by then.
async fn until_deleted(admin: &Admin, id: TopicId) {
    loop {
        let answered = admin.delete_topics_by_id(&[id]).await;
        match answered.map(|mut results| results.remove(&id)) {
            Ok(Some(Ok(()))) => return,
            Ok(Some(Err(error))) if error.code() == Some(ErrorCode::UnknownTopicId) => return,
            _ => pause().await,
        }
    }
}

async fn pause() {
    sleep(Duration::from_millis(thread_rng().gen_range(50..3_000))).await;
}

async fn change_minimum(admin: &Admin) {
    let minimum = thread_rng().gen_range(1..4).to_string();
    let change = ConfigChange::set("min.insync.replicas", minimum);
    let resource = ConfigResource::Topic(TopicName::from(NAME));
    // What comes of it nobody relies on.
    let _answer =
        admin.incremental_alter_configs(&BTreeMap::from([(resource, vec![change])]), false).await;
}

async fn write_some(cluster: &Cluster, generation: u64) {
    let options = ProducerOptions {
        acks: Acks::All,
        delivery_timeout: Duration::from_secs(5),
        block_max: Duration::from_secs(5),
        ack_timeout: Duration::from_secs(2),
        ..ProducerOptions::default()
    };
    let producer = Producer::new(cluster.clone(), options);
    let mut waiting = Vec::new();
    for _ in 0..thread_rng().gen_range(1..30) {
        let record = ProducerRecord::new(NAME, Bytes::from(generation.to_string()))
            .with_partition(PartitionIndex(0));
        waiting.extend(producer.queue(record).await);
    }
    // All of them are answered before the topic is deleted: none comes late.
    for sent in waiting {
        let _answer = sent.delivery().await;
    }
}
