//! One partition as the controller knows it: who holds it, who is in sync, who leads, since when.

use std::collections::BTreeSet;

use protocol::{BrokerId, DirectoryId, LeaderEpoch, PartitionEpoch, PartitionIndex, TopicId};

use crate::{
    config::TopicConfig,
    record::{LeaderRecoveryState, PartitionChangeRecord, PartitionRecord},
};

/// The state of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The brokers that hold it; the first one is the preferred leader.
    pub replicas: Vec<BrokerId>,
    /// The log directory on each of `replicas`; zero = not known yet.
    pub directories: Vec<DirectoryId>,
    /// The in-sync replicas.
    pub isr: Vec<BrokerId>,
    /// Replicas that left the in-sync ones while these were below the minimum, and have all that
    /// was committed since then, because nothing was (KIP-966).
    pub elr: Vec<BrokerId>,
    /// Who led when the partition last lost its leader and its in-sync replicas: at most one.
    pub last_known_elr: Vec<BrokerId>,
    /// Who leads.
    pub leader: Option<BrokerId>,
    /// How often a leader was named.
    pub leader_epoch: LeaderEpoch,
    /// How often anything here changed.
    pub partition_epoch: PartitionEpoch,
    /// Whether the leader was elected uncleanly and hasn't recovered yet.
    pub leader_recovery_state: LeaderRecoveryState,
}

impl Partition {
    /// The log directory that holds it on that broker; `None` where it holds none, zero where it
    /// isn't known yet.
    #[must_use]
    pub fn directory(&self, broker: BrokerId) -> Option<DirectoryId> {
        let place = self.replicas.iter().position(|replica| *replica == broker)?;
        self.directories.get(place).copied()
    }

    /// The effective minimum of in-sync replicas: `min.insync.replicas`, but never more than there
    /// are replicas. Controller and brokers both ask here, so that they never disagree.
    #[must_use]
    pub fn effective_min_insync_replicas(&self, config: &TopicConfig) -> usize {
        config.min_insync_replicas.min(self.replicas.len())
    }

    /// Whether the first replica leads.
    #[must_use]
    pub fn has_preferred_leader(&self) -> bool {
        self.leader.is_some() && self.leader == self.replicas.first().copied()
    }

    /// Applies what changed. This is the only place where epochs are raised.
    pub(crate) fn change(&mut self, record: &PartitionChangeRecord) {
        if let Some(isr) = &record.isr {
            self.isr.clone_from(isr);
        }
        if let Some(replicas) = &record.replicas {
            self.replicas.clone_from(replicas);
        }
        if let Some(directories) = &record.directories {
            self.directories.clone_from(directories);
        }
        if let Some(state) = record.leader_recovery_state {
            self.leader_recovery_state = state;
        }
        if let Some(elr) = &record.elr {
            self.elr.clone_from(elr);
        }
        if let Some(last_known_elr) = &record.last_known_elr {
            self.last_known_elr.clone_from(last_known_elr);
        }
        if let Some(leader) = record.leader {
            self.leader = some_broker(leader);
            self.leader_epoch = LeaderEpoch(self.leader_epoch.0 + 1);
        }
        self.partition_epoch = PartitionEpoch(self.partition_epoch.0 + 1);
        self.check();
    }

    /// What holds of every partition, whatever happens to its brokers.
    ///
    /// # Panics
    /// It doesn't hold.
    pub(super) fn check(&self) {
        let replicas: BTreeSet<_> = self.replicas.iter().collect();
        assert!(!replicas.is_empty(), "a partition has replicas: {self:?}");
        assert_eq!(replicas.len(), self.replicas.len(), "a replica is named once: {self:?}");
        assert_eq!(self.directories.len(), self.replicas.len(), "one directory each: {self:?}");
        let isr: BTreeSet<_> = self.isr.iter().collect();
        assert_eq!(isr.len(), self.isr.len(), "an in-sync replica is named once: {self:?}");
        assert!(isr.is_subset(&replicas), "an in-sync replica is a replica: {self:?}");
        let elr: BTreeSet<_> = self.elr.iter().collect();
        assert!(elr.is_subset(&replicas), "an eligible replica is a replica: {self:?}");
        assert!(elr.is_disjoint(&isr), "an eligible replica isn't in sync: {self:?}");
        assert!(self.leader.is_none_or(|leader| isr.contains(&leader)), "the leader: {self:?}");
    }

    pub(super) fn to_record(
        &self,
        topic_id: TopicId,
        partition: PartitionIndex,
    ) -> PartitionRecord {
        PartitionRecord {
            topic_id,
            partition,
            replicas: self.replicas.clone(),
            directories: self.directories.clone(),
            isr: self.isr.clone(),
            leader: self.leader.unwrap_or_default(),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            leader_recovery_state: self.leader_recovery_state,
            elr: self.elr.clone(),
            last_known_elr: self.last_known_elr.clone(),
        }
    }
}

impl From<&PartitionRecord> for Partition {
    fn from(record: &PartitionRecord) -> Self {
        Self {
            replicas: record.replicas.clone(),
            directories: record.directories.clone(),
            isr: record.isr.clone(),
            elr: record.elr.clone(),
            last_known_elr: record.last_known_elr.clone(),
            leader: some_broker(record.leader),
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
            leader_recovery_state: record.leader_recovery_state,
        }
    }
}

/// A broker of a record, where -1 stands for none.
fn some_broker(id: BrokerId) -> Option<BrokerId> {
    (id != BrokerId::default()).then_some(id)
}
