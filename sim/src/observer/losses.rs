//! What may be lost: the budget that correctness.md 4.0 allows.
//!
//! A committed record may vanish only by an election that the rules know to be dangerous, and none
//! but the leader elected by it may lack records:
//!
//! - an unclean election, where that is allowed (L7 sees to it);
//! - the election of the last known leader (KIP-966), if at least as many replicas as must be in
//!   sync have stopped uncleanly since they were last in sync. Fewer must not cost anything.

use std::collections::BTreeSet;

use protocol::{BrokerId, LeaderEpoch};

/// How a leader came to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Election {
    /// It was in sync.
    InSync,
    /// It was eligible (KIP-966).
    Eligible,
    /// Nobody was either, and it led last.
    LastKnown,
    /// It was none of these.
    Unclean,
}

/// What a partition may lose, and what it has lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses {
    /// Brokers that stopped uncleanly, or whose disk failed, since they were last in sync.
    stopped_uncleanly: BTreeSet<BrokerId>,
    /// The dangerous election whose leader hasn't come to lead yet.
    dangerous: Option<(LeaderEpoch, Election)>,
    /// What leaders of earlier epochs do is worth nothing: they were passed over.
    pub(crate) void_before: LeaderEpoch,
}

impl Losses {
    pub(crate) fn stopped_uncleanly(&mut self, broker: BrokerId) {
        self.stopped_uncleanly.insert(broker);
    }

    pub(crate) fn is_in_sync_again(&mut self, broker: BrokerId) {
        self.stopped_uncleanly.remove(&broker);
    }

    pub(crate) fn elected(&mut self, leader_epoch: LeaderEpoch, election: Election) {
        if election < Election::LastKnown {
            return;
        }
        let worst = self.dangerous.map_or(election, |(_, before)| before.max(election));
        self.dangerous = Some((leader_epoch, worst));
        if worst == Election::Unclean {
            self.void_before = leader_epoch;
        }
    }

    /// Whether a dangerous election is open: who has what will be known when its leader leads.
    pub(crate) fn is_open(&self) -> bool {
        self.dangerous.is_some()
    }

    /// Whether a leader of that epoch may lack what was committed.
    pub(crate) fn permit(&self, leader_epoch: LeaderEpoch, min_insync_replicas: usize) -> bool {
        self.dangerous.is_some_and(|(since, election)| {
            leader_epoch >= since
                && (election == Election::Unclean
                    || self.stopped_uncleanly.len() >= min_insync_replicas)
        })
    }

    /// A leader of that epoch leads: what it has is the truth from now on.
    pub(crate) fn settled(&mut self, leader_epoch: LeaderEpoch) {
        if self.dangerous.is_some_and(|(since, _)| leader_epoch >= since) {
            self.dangerous = None;
            self.void_before = self.void_before.max(leader_epoch);
            self.stopped_uncleanly.clear();
        }
    }
}
