//! What a leader knows of the other replicas, and how far all of them are.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{BrokerEpoch, BrokerId, ErrorCode, Offset, effective_min_insync_replicas};

use crate::Assignment;

/// The state of a leader, for one leader epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    local: BrokerId,
    isr: BTreeSet<BrokerId>,
    /// In-sync replicas that were proposed to the controller, which hasn't decided yet.
    proposed_isr: Option<BTreeSet<BrokerId>>,
    followers: BTreeMap<BrokerId, Follower>,
}

/// How far a follower is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Follower {
    /// The broker's registration when it last fetched.
    broker_epoch: BrokerEpoch,
    /// Where its log ends: what it fetches from. `None` before its first fetch in this epoch.
    log_end_offset: Option<Offset>,
}

impl Leader {
    /// A leader whose followers haven't fetched yet.
    pub(crate) fn new(local: BrokerId, assignment: &Assignment) -> Self {
        let mut leader =
            Self { local, isr: BTreeSet::new(), proposed_isr: None, followers: BTreeMap::new() };
        leader.reassign(assignment);
        leader
    }

    /// Takes over replicas and in-sync replicas of the same leader epoch; what followers have
    /// fetched stays known.
    pub(crate) fn reassign(&mut self, assignment: &Assignment) {
        assert!(assignment.isr.contains(&self.local), "a leader is in sync with itself");
        self.isr = assignment.isr.iter().copied().collect();
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

    pub(crate) fn propose_isr(&mut self, isr: BTreeSet<BrokerId>) {
        assert!(isr.contains(&self.local), "a leader is in sync with itself");
        // A second one would make us forget replicas that the first may have brought in.
        assert!(self.proposed_isr.is_none(), "one proposal at a time");
        self.proposed_isr = Some(isr);
    }

    pub(crate) fn withdraw_isr(&mut self) {
        self.proposed_isr = None;
    }

    /// A follower fetches from an offset, and so acknowledges everything before it.
    pub(crate) fn follower_fetched(
        &mut self,
        broker: BrokerId,
        broker_epoch: BrokerEpoch,
        log_end_offset: Offset,
    ) -> Result<(), ErrorCode> {
        // The leader epochs agree, and yet we don't know this replica: our metadata is behind.
        let follower = self.followers.get_mut(&broker).ok_or(ErrorCode::UnknownLeaderEpoch)?;
        // A request from before the broker's last restart says nothing of its disk (KAFKA-15221).
        if broker_epoch < follower.broker_epoch {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        *follower = Follower { broker_epoch, log_end_offset: Some(log_end_offset) };
        Ok(())
    }

    /// The offset that all in-sync replicas have reached, given where the leader's own
    /// acknowledgement ends. `None` while it may not move.
    ///
    /// The replicas are those of the maximal set (KIP-497): the decided ones and the proposed
    /// ones, for the controller may have accepted the proposal already and may elect any of them.
    pub(crate) fn replicated_end(
        &self,
        local_end: Offset,
        min_insync_replicas: usize,
    ) -> Option<Offset> {
        if !self.has_min_isr(min_insync_replicas) {
            return None;
        }
        let proposed = self.proposed_isr.iter().flatten();
        self.isr
            .iter()
            .chain(proposed)
            .filter(|broker| **broker != self.local)
            .try_fold(local_end, |end, broker| Some(end.min(self.follower_end_offset(*broker)?)))
    }
}
