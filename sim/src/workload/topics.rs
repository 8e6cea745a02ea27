//! An administrator: creates topics and deletes some of them again, and notes what was promised.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use client::{Admin, NewTopic};
use madsim::rand::{Rng, thread_rng};
use protocol::{ErrorCode, TopicId, TopicName};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::Curtain;
use crate::world::World;

/// How long the administrator may take to end, once nothing disturbs it.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(150);

/// What is known of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Creating it wasn't answered: it may exist.
    MayExist,
    /// It was created.
    Exists {
        /// Its id, as it was seen first; none if nobody looked.
        id: Option<TopicId>,
        /// How many partitions it was created with.
        partitions: usize,
    },
    /// Deleting it wasn't answered: it may exist.
    MayBeDeleted,
    /// It was deleted.
    Deleted,
}

/// All topics that were tried. No name is used twice.
pub type Fates = BTreeMap<TopicName, Fate>;

/// An administrator at work.
#[derive(Debug)]
pub struct Administrating(JoinHandle<Result<Fates>>);

impl Administrating {
    /// Starts an administrator, who works until the curtain falls.
    #[must_use]
    pub fn start(world: &World, curtain: &Curtain) -> Self {
        Self(tokio::spawn(administrate(world.clone(), curtain.clone())))
    }

    /// Waits for the administrator, after the curtain has fallen.
    ///
    /// # Errors
    /// The administrator isn't answered, or was lied to.
    pub async fn finish(self) -> Result<Fates> {
        let ended = timeout(SETTLE_TIME_MAX, self.0);
        ended.await.context("the administrator isn't answered")?.context("it was cancelled")?
    }
}

async fn administrate(world: World, curtain: Curtain) -> Result<Fates> {
    let admin = Admin::new(world.client().await?);
    let mut fates = Fates::new();
    while !curtain.has_fallen() {
        let existing = fates.iter().filter(|(_, fate)| matches!(fate, Fate::Exists { .. }));
        let existing: Vec<TopicName> = existing.map(|(name, _)| name.clone()).collect();
        let (name, fate) = if !existing.is_empty() && thread_rng().gen_bool(0.3) {
            let name = existing[thread_rng().gen_range(0..existing.len())].clone();
            let fate = delete(&admin, &name).await;
            (name, fate)
        } else {
            let name = TopicName::from(format!("side-{}", fates.len()).as_str());
            let fate = create(&admin, &name).await?;
            (name, fate)
        };
        world.trace.note(format_args!("topic {name}: {fate:?}"));
        fates.insert(name, fate);
        sleep(Duration::from_millis(thread_rng().gen_range(50..1_500))).await;
    }
    Ok(fates)
}

async fn create(admin: &Admin, name: &TopicName) -> Result<Fate> {
    let partitions = thread_rng().gen_range(1..4_usize);
    let topic = NewTopic {
        name: name.clone(),
        partition_count: i32::try_from(partitions).ok(),
        replication_factor: Some(1),
        configs: BTreeMap::new(),
    };
    let results = admin.create_topics(&[topic], false).await;
    match results.map(|mut results| results.remove(name)) {
        Ok(Some(Ok(()))) => {}
        // Nobody else creates it: an earlier attempt did.
        Ok(Some(Err(error))) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
        _ => return Ok(Fate::MayExist),
    }
    match admin.describe_topic(name).await {
        Ok(topic) => Ok(Fate::Exists { id: topic.id, partitions }),
        Err(error) if error.code() == Some(ErrorCode::UnknownTopicOrPartition) => {
            anyhow::bail!("topic {name} was created, and then it wasn't known")
        }
        Err(_) => Ok(Fate::Exists { id: None, partitions }),
    }
}

async fn delete(admin: &Admin, name: &TopicName) -> Fate {
    let results = admin.delete_topics(std::slice::from_ref(name)).await;
    match results.map(|mut results| results.remove(name)) {
        Ok(Some(Ok(()))) => Fate::Deleted,
        // It was there: an earlier attempt deleted it.
        Ok(Some(Err(error))) if error.code() == Some(ErrorCode::UnknownTopicOrPartition) => {
            Fate::Deleted
        }
        _ => Fate::MayBeDeleted,
    }
}
