//! The partitions that this broker holds replicas of, and how they follow the image of the cluster.

use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use metadata::{ClusterImage, ConfigResource, Delta, Partition as Decided, ResourceType};
use protocol::{BrokerId, ErrorCode, PartitionIndex, TopicId, TopicName, TopicPartition};
use replica::{ActiveBrokers, Assignment};
use tokio::sync::Mutex;
use tracing::info;

use crate::{
    blocking,
    broker::Broker,
    directory_assignments::DirectoryAssignments,
    log_dirs::{Opening, Retry},
    partition::Partition,
    replication::{Leadership, Replication},
    topic_config,
};

type Key = (TopicId, PartitionIndex);

/// The registry. Looking up takes no lock.
#[derive(Debug, Default)]
pub(crate) struct Partitions {
    held: ArcSwap<BTreeMap<Key, Arc<Partition>>>,
    /// What should be held and couldn't be opened.
    missing: std::sync::Mutex<BTreeMap<Key, (Opening, Retry)>>,
    /// One change at a time.
    changing: Mutex<()>,
    replication: Replication,
    directory_assignments: DirectoryAssignments,
}

impl Partitions {
    /// A partition by its topic's id.
    ///
    /// Errors: UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION; NOT_LEADER_OR_FOLLOWER where others
    /// have it, KAFKA_STORAGE_ERROR where this broker should.
    pub(crate) fn by_id(
        &self,
        image: &ClusterImage,
        id: TopicId,
        index: PartitionIndex,
    ) -> Result<Arc<Partition>, ErrorCode> {
        if let Some(partition) = self.held.load().get(&(id, index)) {
            return Ok(Arc::clone(partition));
        }
        let topic = image.topics().by_id(id).ok_or(ErrorCode::UnknownTopicId)?;
        topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        Err(if self.missing().contains_key(&(id, index)) {
            ErrorCode::KafkaStorageError
        } else {
            ErrorCode::NotLeaderOrFollower
        })
    }

    /// A partition by its topic's name.
    ///
    /// Errors: as [`Partitions::by_id`], with UNKNOWN_TOPIC_OR_PARTITION for an unknown name.
    pub(crate) fn by_name(
        &self,
        image: &ClusterImage,
        name: &TopicName,
        index: PartitionIndex,
    ) -> Result<Arc<Partition>, ErrorCode> {
        let topic = image.topics().get(name.as_str());
        let topic = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?;
        self.by_id(image, topic.id, index)
    }

    /// Who follows whom, and who is in sync.
    pub(crate) fn replication(&self) -> &Replication {
        &self.replication
    }

    /// Which of them are in other directories than the cluster knows.
    pub(crate) fn directory_assignments(&self) -> &DirectoryAssignments {
        &self.directory_assignments
    }

    /// All that are held, in the order of their topics' ids.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        self.held.load().values().cloned().collect()
    }

    /// How many should be held and couldn't be opened.
    pub(crate) fn missing_count(&self) -> usize {
        self.missing().len()
    }

    /// Does what the difference to the published image says: opens and deletes partitions, hands
    /// out roles and configurations.
    pub(crate) async fn apply(&self, broker: &Arc<Broker>, newer: &Arc<ClusterImage>) {
        let _turn = self.changing.lock().await;
        if broker.image_index() < 0 {
            let (broker, image) = (Arc::clone(broker), Arc::clone(newer));
            let looked = move || broker.log_dirs.set_strays_aside(&broker, &image);
            let looked = blocking::begin(looked).await;
            looked.expect("it compares names and calls the disk");
        }
        let delta = broker.image.load().delta(newer);
        let mut held = BTreeMap::clone(&self.held.load());
        self.remove(broker, &delta, &mut held).await;
        self.open(broker, newer, &delta, &mut held).await;
        self.held.store(Arc::new(held));
        self.assign(broker, newer, &delta);
        self.configure(broker, newer, &delta);
    }

    async fn remove(
        &self,
        broker: &Arc<Broker>,
        delta: &Delta,
        held: &mut BTreeMap<Key, Arc<Partition>>,
    ) {
        let mut gone = Vec::new();
        for topic in delta.removed_topics.values() {
            for (index, _) in topic.partitions() {
                gone.extend(held.remove(&(topic.id, index)));
                self.replication.unfollow((topic.id, index));
                self.missing().remove(&(topic.id, index));
            }
        }
        if gone.is_empty() {
            return;
        }
        // Unpublished first, so that no request finds what is being deleted.
        self.held.store(Arc::new(held.clone()));
        for partition in gone {
            broker.log_dirs.delete(broker, &partition).await;
        }
    }

    async fn open(
        &self,
        broker: &Arc<Broker>,
        image: &Arc<ClusterImage>,
        delta: &Delta,
        held: &mut BTreeMap<Key, Arc<Partition>>,
    ) {
        let mut openings = Vec::new();
        for (id, topic) in &delta.topics {
            let name = &topic.topic.name;
            let missing = topic.partitions.iter().filter(|(index, partition)| {
                partition.newer.replicas.contains(&broker.id())
                    && !held.contains_key(&(*id, **index))
            });
            let mut missing = missing.peekable();
            if missing.peek().is_none() {
                continue;
            }
            let config = Arc::new(topic_config::resolve(&broker.config, image, name.as_str()));
            openings.extend(missing.map(|(index, _)| Opening {
                name: TopicPartition { topic: name.clone(), partition: *index },
                topic_id: *id,
                config: Arc::clone(&config),
            }));
        }
        self.open_all(broker, openings, held).await;
    }

    async fn open_all(
        &self,
        broker: &Arc<Broker>,
        openings: Vec<Opening>,
        held: &mut BTreeMap<Key, Arc<Partition>>,
    ) {
        if openings.is_empty() {
            return;
        }
        let count = openings.len();
        for (opening, opened) in broker.log_dirs.open_all(broker, openings).await {
            let key = (opening.topic_id, opening.name.partition);
            match opened {
                Ok(partition) => {
                    self.missing().remove(&key);
                    held.insert(key, partition);
                }
                Err(retry) => {
                    self.missing().insert(key, (opening, retry));
                }
            }
        }
        info!(count, missing = self.missing().len(), "partitions opened");
    }

    /// Tries again to open what couldn't be opened for a reason that may have passed.
    pub(crate) async fn reopen(&self, broker: &Arc<Broker>) {
        let _turn = self.changing.lock().await;
        let openings: Vec<_> = {
            let missing = self.missing();
            let later = missing.values().filter(|(_, retry)| *retry == Retry::Later);
            later.map(|(opening, _)| opening.clone()).collect()
        };
        if openings.is_empty() {
            return;
        }
        let mut held = BTreeMap::clone(&self.held.load());
        self.open_all(broker, openings, &mut held).await;
        self.held.store(Arc::new(held));
        let (nothing, image) = (ClusterImage::default(), broker.image.load_full());
        self.assign(broker, &image, &nothing.delta(&image));
    }

    fn missing(&self) -> MutexGuard<'_, BTreeMap<Key, (Opening, Retry)>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out what the controller decided: first who is in service, then the roles, then whom
    /// to follow.
    fn assign(&self, broker: &Arc<Broker>, image: &ClusterImage, delta: &Delta) {
        let (own, held) = (broker.id(), self.held.load());
        let active = Arc::new(active_brokers(image));
        if !delta.brokers.is_empty() {
            for partition in held.values().filter(|held| held.brokers_changed(&active)) {
                self.replication.isr.look_at(partition);
            }
        }
        let mut following = Vec::new();
        for (id, topic) in &delta.topics {
            for (index, change) in &topic.partitions {
                let Some(partition) = held.get(&(*id, *index)) else { continue };
                if change.newer.replicas.contains(&own) {
                    self.directory_assignments.look_at(partition, change.newer.directory(own));
                    if partition.assign(&assignment(&change.newer), &active) {
                        self.replication.isr.look_at(partition);
                    }
                    let leader = change.newer.leader.filter(|leader| *leader != own);
                    let epoch = change.newer.leader_epoch;
                    let followed = leader.map(|leader| Leadership { leader, epoch });
                    following.push((Arc::clone(partition), followed));
                }
            }
        }
        self.replication.follow(broker, following);
    }

    fn configure(&self, broker: &Broker, image: &ClusterImage, delta: &Delta) {
        let changed: Vec<_> = delta.configs.keys().collect();
        if changed.is_empty() {
            return;
        }
        let everywhere = changed.iter().any(|resource| concerns_all_topics(resource, broker.id()));
        for partition in self.held.load().values() {
            let topic = partition.topic();
            let own = ConfigResource::topic(topic.as_str());
            if everywhere || changed.contains(&&own) {
                let config = topic_config::resolve(&broker.config, image, topic.as_str());
                partition.configure(Arc::new(config));
            }
        }
    }
}

fn concerns_all_topics(resource: &ConfigResource, own: BrokerId) -> bool {
    resource.kind == ResourceType::Broker
        && (*resource == ConfigResource::every_broker() || *resource == ConfigResource::broker(own))
}

/// The brokers that may be in sync.
fn active_brokers(image: &ClusterImage) -> ActiveBrokers {
    let active = image.brokers().iter().filter(|broker| broker.is_active());
    active.map(|broker| (broker.id, broker.epoch)).collect()
}

fn assignment(decided: &Decided) -> Assignment {
    Assignment {
        partition_epoch: decided.partition_epoch,
        leader_epoch: decided.leader_epoch,
        leader: decided.leader.unwrap_or(BrokerId(-1)),
        replicas: decided.replicas.clone(),
        isr: decided.isr.clone(),
    }
}
