//! Who plays which role: who leads a partition, who is the active controller.
//!
//! Told by what controllers apply, so it knows before any client does. It looks on, and hands what
//! it hears on to the observer, who judges.

mod progress;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use broker::witness::{Event, ReplicaId, Witness};
use controller::Vow;
use metadata::{ClusterImage, MetadataRecord};
use protocol::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, TopicPartition};

use progress::{Progress, Replica};

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
    progress: Progress,
    /// How often each controller has voted.
    votes: BTreeMap<BrokerId, u64>,
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

    /// How often a controller has voted so far.
    #[must_use]
    pub fn votes_of(&self, node: BrokerId) -> u64 {
        self.roles().votes.get(&node).copied().unwrap_or_default()
    }

    /// Who leads a partition.
    #[must_use]
    pub fn leader_of(&self, partition: &TopicPartition) -> Option<BrokerId> {
        self.partition(partition, |partition| partition.leader).flatten()
    }

    /// How often a leader was named for a partition.
    #[must_use]
    pub fn leader_epoch_of(&self, partition: &TopicPartition) -> Option<LeaderEpoch> {
        self.partition(partition, |partition| partition.leader_epoch)
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

    /// The replicas of all partitions that aren't in sync: they may be about to be.
    #[must_use]
    pub fn stragglers(&self) -> Vec<BrokerId> {
        let image = self.image();
        let partitions = image.topics().iter().flat_map(|topic| topic.partitions());
        let out_of_sync = partitions.flat_map(|(_, partition)| {
            partition.replicas.iter().filter(|replica| !partition.isr.contains(replica))
        });
        out_of_sync.copied().collect()
    }

    /// Whether nobody would miss what a broker has: nowhere is it in sync or eligible, nor has it
    /// led last where nobody else may lead.
    #[must_use]
    pub fn is_dispensable(&self, broker: BrokerId) -> bool {
        let image = self.image();
        let mut partitions = image.topics().iter().flat_map(|topic| topic.partitions());
        partitions.all(|(_, partition)| {
            let mut wanted =
                partition.isr.iter().chain(&partition.elr).chain(&partition.last_known_elr);
            wanted.all(|wanted| *wanted != broker)
        })
    }

    /// Whether every replica of every partition is in sync.
    #[must_use]
    pub fn is_fully_replicated(&self) -> bool {
        let image = self.image();
        let mut partitions = image.topics().iter().flat_map(|topic| topic.partitions());
        partitions.all(|(_, partition)| partition.isr.len() == partition.replicas.len())
    }

    /// The registration of a broker that is in service.
    #[must_use]
    pub fn registration_in_service(&self, broker: BrokerId) -> Option<BrokerEpoch> {
        let roles = self.roles();
        let registered = roles.image.brokers().get(broker)?;
        registered.is_active().then_some(registered.epoch)
    }

    /// The newest entry of the metadata log that was applied anywhere.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.roles().applied
    }

    /// The last entry that one controller has applied.
    #[must_use]
    pub fn applied_by(&self, controller: BrokerId) -> u64 {
        self.roles().progress.applied.get(&controller).copied().unwrap_or_default()
    }

    /// Up to which entry one controller was last given an image, instead of entries: when it
    /// started, or by another one.
    #[must_use]
    pub fn restored_by(&self, controller: BrokerId) -> u64 {
        self.roles().progress.restored.get(&controller).copied().unwrap_or_default()
    }

    /// Whether a broker shows its clients all that was applied up to an entry.
    #[must_use]
    pub fn has_published(&self, broker: BrokerId, index: u64) -> bool {
        let published = self.roles().progress.published.get(&broker).copied();
        published.and_then(|published| u64::try_from(published).ok()) >= Some(index)
    }

    /// Up to where every in-sync replica of a partition would survive a power loss.
    #[must_use]
    pub fn synced_end_of(&self, partition: &TopicPartition) -> Offset {
        let synced = self.isr_of(partition).into_iter().map(|broker| {
            self.replica(partition, broker, |replica| replica.synced_end).unwrap_or_default()
        });
        synced.min().unwrap_or_default()
    }

    /// What a broker has cut off its log of a partition, first to last.
    #[must_use]
    pub fn cuts_of(&self, partition: &TopicPartition, broker: BrokerId) -> Vec<Range<Offset>> {
        self.replica(partition, broker, |replica| replica.cuts.clone()).unwrap_or_default()
    }

    /// The in-sync replicas that a leader last asked for.
    #[must_use]
    pub fn isr_proposed_by(
        &self,
        leader: BrokerId,
        partition: &TopicPartition,
    ) -> BTreeSet<BrokerId> {
        self.replica(partition, leader, |replica| replica.proposed_isr.clone()).unwrap_or_default()
    }

    fn replica<R>(
        &self,
        of: &TopicPartition,
        broker: BrokerId,
        read: impl FnOnce(&Replica) -> R,
    ) -> Option<R> {
        let roles = self.roles();
        let topic = roles.image.topics().get(of.topic.as_str())?.id;
        let id = ReplicaId { topic, partition: of.partition, broker };
        roles.progress.replicas.get(&id).map(read)
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
        self.cast.roles().progress.applied.insert(node, index);
        self.observer.applied(node, term, index, records, image);
    }

    fn restored(&self, node: BrokerId, term: u64, index: u64, image: &ClusterImage) {
        self.cast.see(index, image);
        {
            let progress = &mut self.cast.roles().progress;
            progress.applied.insert(node, index);
            progress.restored.insert(node, index);
        }
        self.observer.restored(node, term, index, image);
    }

    fn vowed(&self, node: BrokerId, vow: Vow) {
        if matches!(vow, Vow::Vote { .. }) {
            *self.cast.roles().votes.entry(node).or_default() += 1;
        }
        self.observer.vowed(node, vow);
    }

    fn remembered(&self, node: BrokerId, vows: &[Vow]) {
        self.observer.remembered(node, vows);
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
        self.cast.roles().progress.saw(replica, event);
        self.observer.saw(replica, event);
    }

    fn published(&self, broker: BrokerId, index: i64, image: &ClusterImage) {
        self.cast.roles().progress.published.insert(broker, index);
        self.observer.published(broker, index, image);
    }
}
