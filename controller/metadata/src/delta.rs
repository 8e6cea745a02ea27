//! The difference of two images: what a broker does when it learns metadata, whether the newer
//! image came from the next record or from a snapshot. Deletions are part of it.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{BrokerId, PartitionIndex, TopicId};

use crate::{
    BrokerRegistration, ClusterImage, ConfigResource, Features, Partition, Topic, config::Overrides,
};

/// What became of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// It is new, or another than it was.
    Set(T),
    /// It is gone.
    Removed,
}

/// How a newer image differs from an older one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// The finalised features, if any changed.
    pub features: Option<Features>,
    /// The brokers that changed.
    pub brokers: BTreeMap<BrokerId, Change<Arc<BrokerRegistration>>>,
    /// The topics that are gone, as they were. One that was created again under the same name is
    /// here, and under its new id in `topics`.
    pub removed_topics: BTreeMap<TopicId, Arc<Topic>>,
    /// The topics that are new or have partitions that changed.
    pub topics: BTreeMap<TopicId, TopicDelta>,
    /// The resources whose configuration changed, with all that is set for them now.
    pub configs: BTreeMap<ConfigResource, Overrides>,
}

/// How a topic changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDelta {
    /// The topic as it is.
    pub topic: Arc<Topic>,
    /// The partitions that are new or changed.
    pub partitions: BTreeMap<PartitionIndex, PartitionDelta>,
}

/// How a partition changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDelta {
    /// The partition as it was; `None` = it is new.
    pub older: Option<Arc<Partition>>,
    /// The partition as it is.
    pub newer: Arc<Partition>,
}

impl Delta {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl ClusterImage {
    /// How `newer` differs from this image. Takes time for what changed and for the number of
    /// topics, not of partitions.
    #[must_use]
    pub fn delta(&self, newer: &Self) -> Delta {
        let features = (self.features() != newer.features()).then(|| newer.features().clone());
        let mut delta = Delta { features, ..Delta::default() };
        self.compare_brokers(newer, &mut delta);
        self.compare_topics(newer, &mut delta);
        self.compare_configs(newer, &mut delta);
        delta
    }

    fn compare_brokers(&self, newer: &Self, delta: &mut Delta) {
        let (before, after) = (self.brokers().shared(), newer.brokers().shared());
        for id in before.keys().filter(|id| !after.contains_key(id)) {
            delta.brokers.insert(*id, Change::Removed);
        }
        for (id, broker) in after {
            if before.get(id) != Some(broker) {
                delta.brokers.insert(*id, Change::Set(Arc::clone(broker)));
            }
        }
    }

    fn compare_topics(&self, newer: &Self, delta: &mut Delta) {
        let (before, after) = (self.topics().shared(), newer.topics().shared());
        for topic in before.values() {
            if newer.topics().by_id(topic.id).is_none() {
                delta.removed_topics.insert(topic.id, Arc::clone(topic));
            }
        }
        for (name, topic) in after {
            let older = before.get(name).filter(|older| older.id == topic.id);
            // Whatever didn't change is still the same memory.
            if older.is_some_and(|older| Arc::ptr_eq(older, topic)) {
                continue;
            }
            let partitions = changed_partitions(older, topic);
            if older.is_none() || !partitions.is_empty() {
                let change = TopicDelta { topic: Arc::clone(topic), partitions };
                delta.topics.insert(topic.id, change);
            }
        }
    }

    fn compare_configs(&self, newer: &Self, delta: &mut Delta) {
        let (before, after) = (self.configs().shared(), newer.configs().shared());
        for resource in before.keys().chain(after.keys()) {
            if before.get(resource) != after.get(resource) {
                let values = newer.configs().of(resource).clone();
                delta.configs.insert(resource.clone(), values);
            }
        }
    }
}

fn changed_partitions(
    older: Option<&Arc<Topic>>,
    newer: &Topic,
) -> BTreeMap<PartitionIndex, PartitionDelta> {
    let older = older.map(|older| older.shared()).unwrap_or_default();
    let pair = |(place, newer): (usize, &Arc<Partition>)| {
        let older = older.get(place);
        let is_same = older.is_some_and(|older| Arc::ptr_eq(older, newer) || older == newer);
        (!is_same).then(|| {
            let index = i32::try_from(place).expect("partitions are numbered by an i32");
            let change = PartitionDelta { older: older.cloned(), newer: Arc::clone(newer) };
            (PartitionIndex(index), change)
        })
    };
    newer.shared().iter().enumerate().filter_map(pair).collect()
}

#[cfg(test)]
mod tests;
