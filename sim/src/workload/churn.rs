//! Somebody who deletes a topic and creates it again under its name, who changes how many replicas
//! must be in sync, and writes to it meanwhile: each record says of which of those topics it was
//! meant to be. In the history each of them is a topic of its own, `phoenix#1` and so on.

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
use protocol::{ErrorCode, Offset, PartitionIndex, TopicId, TopicName, TopicPartition};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    Curtain, Flush,
    consume::read_everything,
    history::{Act, Care, History, Kind, Lanes, Pledge, Reason},
    small_topic,
};
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
    let mut scribe = Scribe { history: world.history.clone(), lanes: Lanes::default(), number: 0 };
    let mut ids = BTreeSet::new();
    let mut present = None;
    while !curtain.has_fallen() || present.is_none() {
        // A broker that lags may still show an earlier one.
        if present.is_none()
            && let Some(id) = create(&admin).await.filter(|id| ids.insert(*id))
        {
            generation += 1;
            present = Some(id);
            // At times one replica may commit alone.
            world.history.pledge(&in_the_history(generation).topic, Pledge::Nothing);
            world.trace.note(format_args!("topic {NAME} number {generation} is there"));
        }
        if let Some(id) = present {
            scribe.write_some(&cluster, generation).await;
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
    let values = log[&first].iter().map(|record| (record.offset, record.value.clone()));
    let values: Vec<_> = values.map(|(at, value)| (at, value.unwrap_or_default())).collect();
    let found = values.iter().filter_map(|(_, value)| generation_of(value)).collect();
    scribe.note_found(generation, values);
    Ok(Ashes { generation, found })
}

/// What the history calls the partition.
fn in_the_history(generation: u64) -> TopicPartition {
    let topic = TopicName::from(format!("{NAME}#{generation}").as_str());
    TopicPartition { topic, partition: PartitionIndex(0) }
}

/// Which topic of that name a record was meant for.
fn generation_of(value: &[u8]) -> Option<u64> {
    let (generation, _) = std::str::from_utf8(value).ok()?.split_once('/')?;
    generation.parse().ok()
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

/// Whoever writes to the topic, and notes it.
struct Scribe {
    history: History,
    lanes: Lanes,
    /// How many records were sent.
    number: u64,
}

impl Scribe {
    const CARE: Care = Care { acks: Acks::All, is_idempotent: true };

    async fn write_some(&mut self, cluster: &Cluster, generation: u64) {
        let options = ProducerOptions {
            acks: Self::CARE.acks,
            idempotence: Self::CARE.is_idempotent,
            delivery_timeout: Duration::from_secs(5),
            block_max: Duration::from_secs(5),
            ack_timeout: Duration::from_secs(2),
            ..ProducerOptions::default()
        };
        let producer = Producer::new(cluster.clone(), options);
        let mut waiting = Vec::new();
        for _ in 0..thread_rng().gen_range(1..30) {
            self.number += 1;
            let value = Bytes::from(format!("{generation}/{}", self.number));
            let process = self.lanes.enter(&self.history);
            self.history.note(process, Kind::Invoke, sending(generation, &value, None));
            let record = ProducerRecord::new(NAME, value.clone()).with_partition(PartitionIndex(0));
            match producer.queue(record).await {
                Ok(sent) => waiting.push((process, value, sent)),
                Err(error) => {
                    let kind = Kind::Fail(Reason::of(&error));
                    self.history.note(process, kind, sending(generation, &value, None));
                    self.lanes.leave(process);
                }
            }
        }
        // All of them are answered before the topic is deleted: none comes late.
        for (process, value, sent) in waiting {
            match sent.delivery().await {
                Ok(delivery) => {
                    let done = sending(generation, &value, delivery.offset);
                    self.history.note(process, Kind::Ok, done);
                    self.lanes.leave(process);
                }
                Err(error) => {
                    let kind = Kind::Info(Reason::of(&error));
                    self.history.note(process, kind, sending(generation, &value, None));
                }
            }
        }
    }

    /// Notes what was found in the end.
    fn note_found(&self, generation: u64, values: Vec<(Offset, Bytes)>) {
        let partition = in_the_history(generation);
        let process = self.history.new_process();
        let partitions = vec![partition.clone()];
        self.history.note_done(process, Act::Assign { partitions, from_the_beginning: true });
        let records = values.into_iter().map(|(at, value)| (partition.clone(), at, value));
        self.history.note_done(process, Act::Poll { records: records.collect() });
    }
}

fn sending(generation: u64, value: &Bytes, offset: Option<Offset>) -> Act {
    let (value, partition) = (value.clone(), Some(in_the_history(generation)));
    Act::Send { partition, value, offset, care: Scribe::CARE }
}
