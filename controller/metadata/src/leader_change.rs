//! A partition's leader changes: who leads now, and by what right.
//!
//! Said of a record and the image that it meets, so that any node can tell the story of a cluster
//! from its log.

use std::fmt;

use protocol::{BrokerId, LeaderEpoch, PartitionEpoch, PartitionIndex, TopicName};

use crate::{ClusterImage, MetadataRecord, Partition};

/// A partition has another leader, or none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderChange {
    /// The topic's name.
    pub topic: TopicName,
    /// The partition's number.
    pub partition: PartitionIndex,
    /// Who led.
    pub from: Option<BrokerId>,
    /// Who leads, and by what right.
    pub to: Option<(BrokerId, Candidacy)>,
    /// From now on.
    pub leader_epoch: LeaderEpoch,
    /// From now on.
    pub partition_epoch: PartitionEpoch,
}

/// By what right somebody leads (KIP-966), from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Candidacy {
    /// It was in sync.
    InSync,
    /// It was eligible: it has all that was committed.
    Eligible,
    /// It led last, and nobody can have more. It stopped uncleanly, so it may have lost records.
    LastKnownLeader,
    /// None: it was allowed to lead though others may have more, and what it lacks is lost.
    Unclean,
}

impl Candidacy {
    /// Whether acknowledged records may be lost by it.
    #[must_use]
    pub fn may_lose_records(self) -> bool {
        self >= Self::LastKnownLeader
    }

    fn of(candidate: BrokerId, before: &Partition) -> Self {
        if before.isr.contains(&candidate) {
            Self::InSync
        } else if before.elr.contains(&candidate) {
            Self::Eligible
        } else if before.isr.is_empty()
            && before.elr.is_empty()
            && before.last_known_elr.contains(&candidate)
        {
            Self::LastKnownLeader
        } else {
            Self::Unclean
        }
    }
}

impl fmt::Display for Candidacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InSync => "in sync",
            Self::Eligible => "eligible",
            Self::LastKnownLeader => "last known leader",
            Self::Unclean => "unclean",
        })
    }
}

impl ClusterImage {
    /// The change of leader that a record means to this image, if it does.
    #[must_use]
    pub fn leader_change(&self, record: &MetadataRecord) -> Option<LeaderChange> {
        let MetadataRecord::PartitionChange(record) = record else { return None };
        record.leader?;
        let topic = self.topics().by_id(record.topic_id)?;
        let before = topic.partition(record.partition)?;
        let mut after = before.clone();
        after.change(record);
        Some(LeaderChange {
            topic: topic.name.clone(),
            partition: record.partition,
            from: before.leader,
            to: after.leader.map(|leader| (leader, Candidacy::of(leader, before))),
            leader_epoch: after.leader_epoch,
            partition_epoch: after.partition_epoch,
        })
    }
}

#[cfg(test)]
mod tests {
    use protocol::BrokerEpoch;

    use super::*;
    use crate::test_cluster::TestCluster;

    /// The change of the only partition's leader, that some records mean.
    fn change(cluster: &mut TestCluster, records: &[MetadataRecord]) -> Option<LeaderChange> {
        let mut changes = records.iter().filter_map(|record| cluster.image.leader_change(record));
        let change = changes.next();
        assert_eq!(changes.next(), None);
        cluster.commit(records.to_vec());
        change
    }

    fn fence(cluster: &mut TestCluster, id: i32) -> Option<LeaderChange> {
        let (epoch, reason) = (cluster.epoch(id), crate::record::FenceReason::Silent);
        let decision = cluster.image.fence_broker(BrokerId(id), epoch, reason, &cluster.settings);
        change(cluster, &decision.records)
    }

    fn unfence(cluster: &mut TestCluster, id: i32) -> Option<LeaderChange> {
        let request = protocol::api::broker_heartbeat::BrokerHeartbeatRequest {
            broker_id: BrokerId(id),
            broker_epoch: cluster.epoch(id),
            current_metadata_offset: protocol::Offset(cluster.applied),
            ..Default::default()
        };
        let decision = cluster.image.heartbeat(&request, &cluster.settings);
        change(cluster, &decision.records)
    }

    fn to(change: Option<LeaderChange>) -> Option<(i32, Candidacy)> {
        change.expect("the leader changes").to.map(|(id, right)| (id.0, right))
    }

    #[test]
    fn who_leads_by_what_right_is_told() {
        let mut cluster = TestCluster::of(3);
        cluster.create_with("t", &[&[1, 2, 3]], &[("min.insync.replicas", "2")]);
        assert_eq!(fence(&mut cluster, 3), None);
        assert_eq!(to(fence(&mut cluster, 1)), Some((2, Candidacy::InSync)));
        let offline = fence(&mut cluster, 2).unwrap();
        assert_eq!((offline.from, offline.to), (Some(BrokerId(2)), None));
        assert_eq!(to(unfence(&mut cluster, 1)), Some((1, Candidacy::Eligible)));
        // Broker 2 is eligible too, until both have stopped uncleanly.
        fence(&mut cluster, 1);
        cluster.register(1, BrokerEpoch(-1)).unwrap();
        cluster.register(2, BrokerEpoch(-1)).unwrap();
        assert_eq!(unfence(&mut cluster, 2), None);
        assert_eq!(to(unfence(&mut cluster, 1)), Some((1, Candidacy::LastKnownLeader)));
    }

    #[test]
    fn an_unclean_election_is_called_by_its_name() {
        let mut cluster = TestCluster::of(2);
        cluster.create_with("t", &[&[1, 2]], &[("unclean.leader.election.enable", "true")]);
        fence(&mut cluster, 2);
        fence(&mut cluster, 1);
        let change = unfence(&mut cluster, 2).unwrap();
        assert_eq!(change.to, Some((BrokerId(2), Candidacy::Unclean)));
        assert_eq!((change.leader_epoch.0, change.partition_epoch.0), (2, 3));
        assert!(Candidacy::Unclean.may_lose_records() && !Candidacy::Eligible.may_lose_records());
    }
}
