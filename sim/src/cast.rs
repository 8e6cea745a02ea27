//! Who plays which role: who leads a partition, who is the active controller.
//!
//! Told by what controllers apply, so it knows before any client does. It looks on, and hands what
//! it hears on to the observer, who judges.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use broker::witness::{Event, ReplicaId, Witness};
use metadata::{ClusterImage, MetadataRecord};
use protocol::{BrokerId, TopicPartition};

/// The roles as they are. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    roles: Arc<Mutex<Roles>>,
}

/// Hears of what one process does, and hands it on.
#[derive(Debug)]
struct Usher {
    cast: Cast,
    observer: Arc<dyn Witness>,
}

#[derive(Debug, Default)]
struct Roles {
    /// The newest state of the cluster that any controller has applied.
    image: ClusterImage,
    applied: u64,
    /// The active controller of the highest term.
    active: Option<(u64, BrokerId)>,
}

impl Cast {
    /// A witness of one process, before the observer's own.
    #[must_use]
    pub fn before(&self, observer: Arc<dyn Witness>) -> Arc<dyn Witness> {
        Arc::new(Usher { cast: self.clone(), observer })
    }

    /// The newest state of the cluster that was applied anywhere.
    #[must_use]
    pub fn image(&self) -> ClusterImage {
        self.roles().image.clone()
    }

    /// Who became the active controller last.
    #[must_use]
    pub fn active_controller(&self) -> Option<BrokerId> {
        self.roles().active.map(|(_, node)| node)
    }

    /// Who leads a partition.
    #[must_use]
    pub fn leader_of(&self, partition: &TopicPartition) -> Option<BrokerId> {
        self.partition(partition, |partition| partition.leader).flatten()
    }

    /// The in-sync replicas of a partition.
    #[must_use]
    pub fn isr_of(&self, partition: &TopicPartition) -> BTreeSet<BrokerId> {
        let isr = self.partition(partition, |partition| partition.isr.iter().copied().collect());
        isr.unwrap_or_default()
    }

    /// The leaders of all partitions, each as often as it leads.
    #[must_use]
    pub fn leaders(&self) -> Vec<BrokerId> {
        let image = self.image();
        let partitions = image.topics().iter().flat_map(|topic| topic.partitions());
        partitions.filter_map(|(_, partition)| partition.leader).collect()
    }

    /// Whether every replica of every partition is in sync.
    #[must_use]
    pub fn is_fully_replicated(&self) -> bool {
        let image = self.image();
        let mut partitions = image.topics().iter().flat_map(|topic| topic.partitions());
        partitions.all(|(_, partition)| partition.isr.len() == partition.replicas.len())
    }

    fn partition<R>(
        &self,
        at: &TopicPartition,
        read: impl FnOnce(&metadata::Partition) -> R,
    ) -> Option<R> {
        let roles = self.roles();
        let topic = roles.image.topics().get(at.topic.as_str())?;
        topic.partition(at.partition).map(read)
    }

    fn see(&self, index: u64, image: &ClusterImage) {
        let mut roles = self.roles();
        if index > roles.applied {
            roles.applied = index;
            roles.image = image.clone();
        }
    }

    fn roles(&self) -> MutexGuard<'_, Roles> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl controller::Witness for Usher {
    fn applied(
        &self,
        node: BrokerId,
        term: u64,
        index: u64,
        records: &[MetadataRecord],
        image: &ClusterImage,
    ) {
        self.cast.see(index, image);
        self.observer.applied(node, term, index, records, image);
    }

    fn restored(&self, node: BrokerId, term: u64, index: u64, image: &ClusterImage) {
        self.cast.see(index, image);
        self.observer.restored(node, term, index, image);
    }

    fn active(&self, node: BrokerId, term: u64) {
        {
            let mut roles = self.cast.roles();
            if roles.active.is_none_or(|(known, _)| term >= known) {
                roles.active = Some((term, node));
            }
        }
        self.observer.active(node, term);
    }
}

impl Witness for Usher {
    fn saw(&self, replica: ReplicaId, event: &Event<'_>) {
        self.observer.saw(replica, event);
    }

    fn published(&self, broker: BrokerId, index: i64, image: &ClusterImage) {
        self.observer.published(broker, index, image);
    }
}
