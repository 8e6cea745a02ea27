//! What a leader knows of the other replicas, and how far all of them are.

mod follower;
mod isr;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use protocol::{BrokerEpoch, BrokerId, ErrorCode, Offset, bug, effective_min_insync_replicas};

use crate::Assignment;
use follower::Follower;
pub use isr::{IsrProposal, IsrRefusal};

/// The brokers that may become in sync, neither fenced nor shutting down, each with its
/// registration.
pub type ActiveBrokers = BTreeMap<BrokerId, BrokerEpoch>;

/// The state of a leader, for one leader epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    local: BrokerId,
    /// Where this epoch starts in the log.
    epoch_start: Offset,
    isr: BTreeSet<BrokerId>,
    /// In-sync replicas that were proposed to the controller, which hasn't decided yet.
    proposed_isr: Option<BTreeSet<BrokerId>>,
    followers: BTreeMap<BrokerId, Follower>,
}

impl Leader {
    /// A leader whose followers haven't fetched yet.
    pub(crate) fn new(
        local: BrokerId,
        assignment: &Assignment,
        epoch_start: Offset,
        now: Duration,
    ) -> Self {
        let followers =
            assignment.isr.iter().map(|broker| (*broker, Follower::in_sync(now))).collect();
        let isr = BTreeSet::new();
        let mut leader = Self { local, epoch_start, isr, proposed_isr: None, followers };
        leader.reassign(assignment);
        leader
    }

    /// Takes over replicas and in-sync replicas of the same leader epoch; what followers have
    /// fetched stays known.
    pub(crate) fn reassign(&mut self, assignment: &Assignment) {
        assert!(assignment.isr.contains(&self.local), "a leader is in sync with itself");
        let isr: BTreeSet<_> = assignment.isr.iter().copied().collect();
        for dropped in self.isr.difference(&isr) {
            self.followers.entry(*dropped).and_modify(|follower| follower.may_return = false);
        }
        self.isr = isr;
        self.proposed_isr = None;
        let known = std::mem::take(&mut self.followers);
        self.followers = assignment
            .replicas
            .iter()
            .filter(|broker| **broker != self.local)
            .map(|broker| (*broker, known.get(broker).copied().unwrap_or_default()))
            .collect();
    }

    /// The in-sync replicas, as the controller has decided.
    #[must_use]
    pub fn isr(&self) -> &BTreeSet<BrokerId> {
        &self.isr
    }

    /// The replicas, this one included.
    #[must_use]
    pub fn replication_factor(&self) -> usize {
        self.followers.len() + 1
    }

    /// Where a follower's log ends, as far as is known.
    #[must_use]
    pub fn follower_end_offset(&self, broker: BrokerId) -> Option<Offset> {
        self.followers.get(&broker)?.log_end_offset
    }

    /// Whether enough replicas are in sync. A proposed one doesn't count before the controller has
    /// decided.
    #[must_use]
    pub fn has_min_isr(&self, min_insync_replicas: usize) -> bool {
        self.isr.len()
            >= effective_min_insync_replicas(min_insync_replicas, self.replication_factor())
    }

    /// A follower fetches from an offset, and so acknowledges everything before it.
    pub(crate) fn follower_fetched(
        &mut self,
        broker: BrokerId,
        broker_epoch: BrokerEpoch,
        fetch_offset: Offset,
        leader_end_offset: Offset,
        now: Duration,
    ) -> Result<(), ErrorCode> {
        // The leader epochs agree, and yet we don't know this replica: our metadata is behind.
        let follower = self.followers.get_mut(&broker).ok_or(ErrorCode::UnknownLeaderEpoch)?;
        // A request from before the broker's last restart says nothing of its disk (KAFKA-15221).
        if broker_epoch < follower.broker_epoch {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        follower.fetched(broker_epoch, fetch_offset, leader_end_offset, now);
        Ok(())
    }

    /// Where this epoch starts in the log.
    #[must_use]
    pub fn epoch_start(&self) -> Offset {
        self.epoch_start
    }

    /// The offset that all in-sync replicas have reached, given where the leader's own
    /// acknowledgement ends. `None` while it may not move.
    ///
    /// The replicas are those of the maximal set (KIP-497), and those that have caught up and are
    /// about to be proposed: if the high watermark ran away from them, they'd never join.
    pub(crate) fn replicated_end(
        &self,
        local_end: Offset,
        min_insync_replicas: usize,
    ) -> Option<Offset> {
        if !self.has_min_isr(min_insync_replicas) && !bug!(R4) && !bug!(R10) {
            return None;
        }
        let in_sync = self.maximal_isr().filter(|broker| *broker != self.local);
        let end = in_sync
            .map(|broker| self.follower_end_offset(broker))
            .try_fold(local_end, |end, follower| Some(end.min(follower?)))?;
        let awaited = self.followers.values().filter(|follower| follower.is_awaited && !bug!(R3));
        Some(awaited.filter_map(|follower| follower.log_end_offset).fold(end, Offset::min))
    }
}
