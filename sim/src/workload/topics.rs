//! An administrator: creates topics, changes and deletes some of them, and notes what was promised.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use client::{
    Admin, Cluster, NewTopic,
    admin::{ConfigChange, ConfigResource},
    metadata_cache::Topic,
};
use madsim::rand::{Rng, thread_rng};
use protocol::{
    ErrorCode, TopicId, TopicName,
    api::describe_configs::{DescribeConfigsResourceResult, SOURCE_TOPIC},
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::Curtain;
use crate::world::World;

/// How long the administrator may take to end, once nothing disturbs it.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(150);

const RETENTION_MS: &str = "retention.ms";

/// What is known of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Creating it wasn't answered: it may exist.
    MayExist,
    /// It was created.
    Exists(Known),
    /// Deleting it wasn't answered: it may exist.
    MayBeDeleted,
    /// It was deleted.
    Deleted,
}

/// What a topic that exists must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id, as it was seen first; none if nobody looked.
    pub id: Option<TopicId>,
    /// How many partitions it has.
    pub partitions: Changed<usize>,
    /// Its own `retention.ms`, if it has one.
    pub retention_ms: Changed<Option<String>>,
}

/// A value that was changed again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<T> {
    /// As it was last promised.
    promised: T,
    /// Changes that weren't answered: they may have been made, or come to be made.
    unanswered: Vec<T>,
}

impl<T: PartialEq> Changed<T> {
    fn new(promised: T) -> Self {
        Self { promised, unanswered: Vec::new() }
    }

    fn change(&mut self, to: T, is_promised: bool) {
        if is_promised {
            self.promised = to;
        } else {
            self.unanswered.push(to);
        }
    }

    /// Whether it may be so now.
    pub fn may_be(&self, value: &T) -> bool {
        self.promised == *value || self.unanswered.contains(value)
    }
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

/// A topic as it is.
#[derive(Debug)]
pub struct Seen {
    /// Its id and its partitions.
    pub topic: Arc<Topic>,
    /// Its own `retention.ms`, if it has one.
    pub retention_ms: Option<String>,
}

/// All topics as they are.
///
/// # Errors
/// The node doesn't tell.
pub async fn look(cluster: &Cluster) -> Result<BTreeMap<TopicName, Seen>> {
    let admin = Admin::new(cluster.clone());
    let mut all = BTreeMap::new();
    for topic in admin.list_topics().await.context("the topics")? {
        let name = topic.name.clone();
        let configs = admin.describe_configs(&ConfigResource::Topic(name.clone())).await;
        let configs = configs.with_context(|| format!("the configuration of topic {name}"))?;
        all.insert(name, Seen { topic, retention_ms: retention_ms(configs) });
    }
    Ok(all)
}

async fn administrate(world: World, curtain: Curtain) -> Result<Fates> {
    let admin = Admin::new(world.client().await?);
    let mut fates = Fates::new();
    while !curtain.has_fallen() {
        let existing = fates.iter().filter_map(|(name, fate)| match fate {
            Fate::Exists(known) => Some((name.clone(), known.clone())),
            _ => None,
        });
        let existing: Vec<(TopicName, Known)> = existing.collect();
        let (name, fate) = if existing.is_empty() || thread_rng().gen_bool(0.4) {
            let name = TopicName::from(format!("side-{}", fates.len()).as_str());
            let fate = create(&admin, &name).await?;
            (name, fate)
        } else {
            let (name, known) = existing[thread_rng().gen_range(0..existing.len())].clone();
            let fate = match thread_rng().gen_range(0..5) {
                0 | 1 => delete(&admin, &name).await,
                2 => Fate::Exists(grow(&admin, &name, known).await?),
                _ => Fate::Exists(configure(&admin, &name, known).await?),
            };
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
    let topic = NewTopic::new(name.clone())
        .partitions(i32::try_from(partitions).ok())
        .replication_factor(1);
    let results = admin.create_topics(&[topic], false).await;
    match results.map(|mut results| results.remove(name)) {
        Ok(Some(Ok(()))) => {}
        // Nobody else creates it: an earlier attempt did.
        Ok(Some(Err(error))) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
        _ => return Ok(Fate::MayExist),
    }
    let mut known =
        Known { id: None, partitions: Changed::new(partitions), retention_ms: Changed::new(None) };
    match admin.describe_topic(name).await {
        Ok(topic) => known.id = topic.id,
        Err(error) if error.code() == Some(ErrorCode::UnknownTopicOrPartition) => {
            anyhow::bail!("topic {name} was created, and then it wasn't known")
        }
        Err(_) => {}
    }
    Ok(Fate::Exists(known))
}

/// Adds a partition to the most that there may be.
async fn grow(admin: &Admin, name: &TopicName, mut known: Known) -> Result<Known> {
    let counts = &known.partitions;
    let most = counts.unanswered.iter().copied().chain([counts.promised]).max();
    let wanted = most.expect("one is promised") + 1;
    let counts = BTreeMap::from([(name.clone(), i32::try_from(wanted)?)]);
    let results = admin.create_partitions(&counts, false).await;
    let is_done = match results.map(|mut results| results.remove(name)) {
        Ok(Some(Ok(()))) => true,
        // It has as many already: an earlier attempt added them.
        Ok(Some(Err(error))) => error.code() == Some(ErrorCode::InvalidPartitions),
        _ => false,
    };
    known.partitions.change(wanted, is_done);
    if is_done && let Ok(topic) = admin.describe_topic(name).await {
        let count = topic.partitions.len();
        ensure!(count == wanted, "topic {name} was to have {wanted} partitions, and has {count}");
    }
    Ok(known)
}

/// Sets `retention.ms`, or drops it.
async fn configure(admin: &Admin, name: &TopicName, mut known: Known) -> Result<Known> {
    let hours = thread_rng().gen_range(1..1_000_u64);
    let wanted = thread_rng().gen_bool(0.8).then(|| (hours * 3_600_000).to_string());
    let change = match &wanted {
        Some(value) => ConfigChange::set(RETENTION_MS, value),
        None => ConfigChange::delete(RETENTION_MS),
    };
    let resource = ConfigResource::Topic(name.clone());
    let changes = BTreeMap::from([(resource.clone(), vec![change])]);
    let results = admin.incremental_alter_configs(&changes, false).await;
    let is_done = results.is_ok_and(|results| results[&resource].is_ok());
    known.retention_ms.change(wanted.clone(), is_done);
    if is_done && let Ok(configs) = admin.describe_configs(&resource).await {
        let now = retention_ms(configs);
        ensure!(known.retention_ms.may_be(&now), "{name} was to keep {wanted:?}, not {now:?}");
    }
    Ok(known)
}

/// The topic's own value, if it has one.
fn retention_ms(configs: Vec<DescribeConfigsResourceResult>) -> Option<String> {
    let mut own = configs.into_iter().filter(|config| config.config_source == SOURCE_TOPIC);
    own.find(|config| config.name == RETENTION_MS)?.value
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
