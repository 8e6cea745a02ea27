//! What the creation of topics and of partitions share: where new partitions go.

use std::collections::BTreeSet;

use protocol::{BrokerId, DirectoryId, ErrorCode, LeaderEpoch, PartitionIndex, TopicId};

use super::Refusal;
use crate::{ClusterImage, record::PartitionRecord};

/// How many partitions one request may create, as in Kafka: they become one entry of the log.
pub(super) const PARTITIONS_PER_REQUEST_MAX: usize = 10_000;

/// Takes partitions off what is left of [`PARTITIONS_PER_REQUEST_MAX`].
pub(super) fn spend(left: &mut usize, partitions: usize) -> Result<(), Refusal> {
    *left = left.checked_sub(partitions).ok_or_else(|| {
        Refusal::new(
            ErrorCode::PolicyViolation,
            "Excessively large number of partitions per request.",
        )
    })?;
    Ok(())
}

impl ClusterImage {
    /// Checks the replicas that a person chose for one partition, and that they are as many as
    /// those of the partitions before.
    pub(super) fn check_assignment(
        &self,
        replicas: &[BrokerId],
        replication_factor: Option<usize>,
    ) -> Result<(), Refusal> {
        let refuse =
            |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        if replicas.is_empty() {
            return refuse(
                "The manual partition assignment includes an empty replica list.".into(),
            );
        }
        let mut seen = BTreeSet::new();
        for id in replicas {
            if self.brokers().get(*id).is_none() {
                return refuse(format!(
                    "The manual partition assignment includes broker {id}, but no such broker is \
                     registered."
                ));
            }
            if !seen.insert(id) {
                return refuse(format!(
                    "The manual partition assignment includes the broker {id} more than once."
                ));
            }
        }
        match replication_factor {
            Some(others) if others != replicas.len() => refuse(format!(
                "The manual partition assignment includes a partition with {} replica(s), but this \
                 is not consistent with previous partitions, which have {others} replica(s).",
                replicas.len()
            )),
            _ => Ok(()),
        }
    }

    /// A new partition on these replicas: those that are active are in sync from the start, since
    /// there is nothing to have missed, and the first of them leads.
    pub(super) fn new_partition(
        &self,
        topic_id: TopicId,
        partition: PartitionIndex,
        replicas: Vec<BrokerId>,
    ) -> Result<PartitionRecord, Refusal> {
        let isr: Vec<_> =
            replicas.iter().copied().filter(|id| self.brokers().is_active(*id)).collect();
        let Some(leader) = isr.first().copied() else {
            return Err(Refusal::new(
                ErrorCode::InvalidReplicaAssignment,
                format!(
                    "All brokers specified in the manual partition assignment for partition \
                     {partition} are fenced or in controlled shutdown."
                ),
            ));
        };
        Ok(PartitionRecord {
            topic_id,
            partition,
            directories: replicas.iter().map(|id| self.only_directory(*id)).collect(),
            replicas,
            isr,
            leader,
            leader_epoch: LeaderEpoch(0),
            ..PartitionRecord::default()
        })
    }

    /// The directory of a broker that has just one; zero where the broker will choose.
    fn only_directory(&self, id: BrokerId) -> DirectoryId {
        match self.brokers().get(id).map(|broker| broker.log_dirs.as_slice()) {
            Some([directory]) => *directory,
            _ => DirectoryId::ZERO,
        }
    }
}
