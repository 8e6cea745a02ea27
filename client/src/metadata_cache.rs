//! What this client knows of the cluster: brokers, topics, and who leads each partition.
//!
//! Pure. What is known never goes back: a broker that is behind may answer with a leader that was
//! deposed since, and its lower epoch gives it away.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use protocol::{
    BrokerId, ErrorCode, LeaderEpoch, PartitionIndex, TopicId, TopicName, TopicPartition,
    api::metadata::{MetadataResponse, MetadataResponsePartition, MetadataResponseTopic},
};
use tokio::time::Instant;

use crate::endpoint::Endpoint;

/// A broker of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its `node.id`.
    pub id: BrokerId,
    /// Where clients reach it.
    pub endpoint: Endpoint,
    /// Its `broker.rack`.
    pub rack: Option<String>,
}

/// A topic of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// Its id; none from brokers that don't tell.
    pub id: Option<TopicId>,
    /// Whether it's the brokers' own.
    pub is_internal: bool,
    /// Its partitions, 0 and up.
    pub partitions: BTreeMap<PartitionIndex, Partition>,
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Who leads it, if anyone does.
    pub leader: Option<BrokerId>,
    /// How often that changed; -1 from brokers that don't tell.
    pub leader_epoch: LeaderEpoch,
    /// Who has a copy, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Who has all of it.
    pub isr: Vec<BrokerId>,
    /// Whose copy can't be reached.
    pub offline_replicas: Vec<BrokerId>,
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The broker.
    pub id: BrokerId,
    /// In which epoch.
    pub epoch: LeaderEpoch,
}

/// The cluster as it was last heard of.
#[derive(Debug, Default)]
pub struct MetadataCache {
    cluster_id: Option<String>,
    controller_id: Option<BrokerId>,
    brokers: BTreeMap<BrokerId, Broker>,
    topics: BTreeMap<TopicName, Entry>,
}

#[derive(Debug)]
struct Entry {
    topic: Arc<Topic>,
    learnt_at: Instant,
    /// Somebody met an error that says so.
    is_stale: bool,
}

impl MetadataCache {
    /// The cluster's id, once it is known.
    #[must_use]
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// The broker that requests to the controller are sent to.
    #[must_use]
    pub fn controller_id(&self) -> Option<BrokerId> {
        self.controller_id
    }

    /// The brokers, by id.
    #[must_use]
    pub fn brokers(&self) -> &BTreeMap<BrokerId, Broker> {
        &self.brokers
    }

    /// A topic, if what is known of it is not stale and no older than `age_max`.
    #[must_use]
    pub fn topic(&self, name: &TopicName, now: Instant, age_max: Duration) -> Option<&Arc<Topic>> {
        let entry = self.topics.get(name)?;
        let age = now.saturating_duration_since(entry.learnt_at);
        (!entry.is_stale && age <= age_max).then_some(&entry.topic)
    }

    /// A topic's name by its id, however old.
    #[must_use]
    pub fn name_of(&self, id: TopicId) -> Option<&TopicName> {
        self.topics.values().find(|entry| entry.topic.id == Some(id)).map(|entry| &entry.topic.name)
    }

    /// Notes that what is known of a topic has been found wrong.
    pub fn invalidate(&mut self, name: &TopicName) {
        if let Some(entry) = self.topics.get_mut(name) {
            entry.is_stale = true;
        }
    }

    /// Notes that a broker couldn't be reached: its partitions may be led elsewhere by now.
    pub fn invalidate_broker(&mut self, id: BrokerId) {
        for entry in self.topics.values_mut() {
            entry.is_stale |= entry.topic.partitions.values().any(|p| p.leader == Some(id));
        }
    }

    /// Takes in a response. Returns the topics that it answers with an error; what is gone is
    /// forgotten.
    pub fn update(
        &mut self,
        response: &MetadataResponse,
        now: Instant,
    ) -> BTreeMap<TopicName, ErrorCode> {
        self.cluster_id.clone_from(&response.cluster_id);
        self.controller_id = Some(response.controller_id).filter(|id| id.0 >= 0);
        // A broker that has only just started may know no other yet, but it knows itself.
        if !response.brokers.is_empty() {
            let brokers = response.brokers.iter().filter_map(|broker| {
                let port = u16::try_from(broker.port).ok()?;
                let endpoint = Endpoint { host: broker.host.clone(), port };
                let rack = broker.rack.clone();
                Some((broker.node_id, Broker { id: broker.node_id, endpoint, rack }))
            });
            self.brokers = brokers.collect();
        }
        let mut errors = BTreeMap::new();
        for topic in &response.topics {
            let Some(name) = &topic.name else { continue };
            if topic.error_code.is_none() {
                self.learn(name, topic, now);
                continue;
            }
            errors.insert(name.clone(), topic.error_code);
            if topic.error_code == ErrorCode::UnknownTopicOrPartition {
                self.topics.remove(name);
            }
        }
        errors
    }

    fn learn(&mut self, name: &TopicName, response: &MetadataResponseTopic, now: Instant) {
        let id = Some(response.topic_id).filter(|id| *id != TopicId::default());
        let known = self.topics.get(name).filter(|entry| entry.topic.id == id);
        let partitions = response.partitions.iter().map(|partition| {
            let known = known.and_then(|e| e.topic.partitions.get(&partition.partition_index));
            // Epochs count within one topic: one that was created anew starts again.
            match known {
                Some(known) if partition.leader_epoch < known.leader_epoch => known.clone(),
                _ => Partition::from(partition),
            }
        });
        let indices = response.partitions.iter().map(|partition| partition.partition_index);
        let topic = Topic {
            name: name.clone(),
            id,
            is_internal: response.is_internal,
            partitions: indices.zip(partitions).collect(),
        };
        let entry = Entry { topic: Arc::new(topic), learnt_at: now, is_stale: false };
        self.topics.insert(name.clone(), entry);
    }

    /// Takes in a new leader that another response named (KIP-951). Returns whether it is news.
    pub fn learn_leader(&mut self, of: &TopicPartition, leader: Leader) -> bool {
        if !self.brokers.contains_key(&leader.id) {
            return false;
        }
        let entry = self.topics.get_mut(&of.topic);
        let partition = entry
            .and_then(|entry| Arc::make_mut(&mut entry.topic).partitions.get_mut(&of.partition));
        match partition {
            Some(partition) if partition.leader_epoch < leader.epoch => {
                partition.leader = Some(leader.id);
                partition.leader_epoch = leader.epoch;
                true
            }
            _ => false,
        }
    }
}

impl Topic {
    /// Who leads a partition, if anyone does.
    #[must_use]
    pub fn leader(&self, partition: PartitionIndex) -> Option<Leader> {
        let partition = self.partitions.get(&partition)?;
        Some(Leader { id: partition.leader?, epoch: partition.leader_epoch })
    }
}

impl From<&MetadataResponsePartition> for Partition {
    fn from(response: &MetadataResponsePartition) -> Self {
        Self {
            leader: Some(response.leader_id).filter(|id| id.0 >= 0),
            leader_epoch: response.leader_epoch,
            replicas: response.replica_nodes.clone(),
            isr: response.isr_nodes.clone(),
            offline_replicas: response.offline_replicas.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
