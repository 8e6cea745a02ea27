//! The topics.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{PartitionIndex, TopicId, TopicName};

use super::Partition;
use crate::record::{PartitionChangeRecord, PartitionRecord, RemoveTopicRecord, TopicRecord};

/// The topics, by name and by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    by_name: BTreeMap<TopicName, Arc<Topic>>,
    names: BTreeMap<TopicId, TopicName>,
}

/// One topic with its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: TopicId,
    /// A partition's place is its number: they are only ever added, at the end.
    partitions: Vec<Arc<Partition>>,
}

impl Topic {
    /// A partition by its number.
    #[must_use]
    pub fn partition(&self, index: PartitionIndex) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index.0).ok()?).map(|partition| &**partition)
    }

    /// The partitions with their numbers, in ascending order.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = (PartitionIndex, &Partition)> {
        self.partitions.iter().enumerate().map(|(place, partition)| {
            let index = i32::try_from(place).expect("partitions are numbered by an i32");
            (PartitionIndex(index), &**partition)
        })
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partition_count(&self) -> usize {
        self.partitions.len()
    }

    pub(super) fn to_record(&self) -> TopicRecord {
        TopicRecord { name: self.name.clone(), topic_id: self.id }
    }

    pub(super) fn partition_records(&self) -> impl Iterator<Item = PartitionRecord> {
        self.partitions().map(|(index, partition)| partition.to_record(self.id, index))
    }

    pub(crate) fn shared(&self) -> &[Arc<Partition>] {
        &self.partitions
    }
}

impl Topics {
    /// A topic by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name).map(|topic| &**topic)
    }

    /// A topic by its id.
    #[must_use]
    pub fn by_id(&self, id: TopicId) -> Option<&Topic> {
        self.get(self.names.get(&id)?.as_str())
    }

    /// A partition by topic id and number.
    #[must_use]
    pub fn partition(&self, id: TopicId, index: PartitionIndex) -> Option<&Partition> {
        self.by_id(id)?.partition(index)
    }

    /// The topics, in ascending order of name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Topic> {
        self.by_name.values().map(|topic| &**topic)
    }

    /// How many topics there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(super) fn add(&mut self, record: &TopicRecord) {
        let TopicRecord { name, topic_id: id } = record.clone();
        assert!(!self.by_name.contains_key(&name), "topic {name} is there already");
        assert!(id != TopicId::ZERO, "topic {name} has no id");
        let taken = self.names.insert(id, name.clone());
        assert_eq!(taken, None, "topic {name} has an id that is taken");
        self.by_name.insert(name.clone(), Arc::new(Topic { name, id, partitions: Vec::new() }));
    }

    pub(super) fn add_partition(&mut self, record: &PartitionRecord) {
        let topic = self.topic_mut(record.topic_id);
        let partition = Partition::from(record);
        let next = i32::try_from(topic.partitions.len());
        assert_eq!(Ok(record.partition.0), next, "partitions of {} come in order", topic.name);
        partition.check();
        topic.partitions.push(Arc::new(partition));
    }

    pub(super) fn change_partition(&mut self, record: &PartitionChangeRecord) {
        let topic = self.topic_mut(record.topic_id);
        let partition = usize::try_from(record.partition.0)
            .ok()
            .and_then(|index| topic.partitions.get_mut(index))
            .unwrap_or_else(|| panic!("no partition {} to change", record.partition));
        Arc::make_mut(partition).change(record);
    }

    /// The name of the topic that is gone.
    pub(super) fn remove(&mut self, record: &RemoveTopicRecord) -> TopicName {
        let id = record.topic_id;
        let name = self.names.remove(&id).unwrap_or_else(|| panic!("no topic {id} to remove"));
        self.by_name.remove(&name).expect("every id names a topic");
        name
    }

    fn topic_mut(&mut self, id: TopicId) -> &mut Topic {
        let name = self.names.get(&id).unwrap_or_else(|| panic!("no topic {id}"));
        Arc::make_mut(self.by_name.get_mut(name).expect("every id names a topic"))
    }

    pub(crate) fn shared(&self) -> &BTreeMap<TopicName, Arc<Topic>> {
        &self.by_name
    }
}
