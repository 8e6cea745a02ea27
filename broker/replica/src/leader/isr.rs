//! Who is to be in sync: what a leader asks of the controller, and what the answer means (KIP-497).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use protocol::{BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionEpoch, bug};

use super::{ActiveBrokers, Leader};

/// Other in-sync replicas than those that the controller has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrProposal {
    /// All that are to be in sync, each with the registration in which it fetched; -1 = it hasn't
    /// in this leader epoch. The leader's own is for its shell to fill in (KIP-903).
    pub isr: BTreeMap<BrokerId, BrokerEpoch>,
    /// In which the leader leads.
    pub leader_epoch: LeaderEpoch,
    /// Of the decision that is to be replaced.
    pub partition_epoch: PartitionEpoch,
}

/// What becomes of a proposal that the controller hasn't accepted, as far as the leader can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsrRefusal {
    /// It was refused, and no controller can have accepted it: it counts no longer.
    Definite,
    /// The controller knows of a newer decision, which will come. The proposal counts until then:
    /// that decision may be it.
    Outdated,
    /// It isn't known whether it was accepted. It counts, and is to be sent again as it is.
    Unknown,
}

impl IsrRefusal {
    /// What an error in the controller's answer means.
    #[must_use]
    pub fn of(error: ErrorCode) -> Self {
        match error {
            // These two say that the partition epoch was right, and that nothing was changed.
            ErrorCode::IneligibleReplica | ErrorCode::OperationNotAttempted => Self::Definite,
            ErrorCode::InvalidUpdateVersion
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::NewLeaderElected
            | ErrorCode::UnknownTopicId
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::InvalidRequest => Self::Outdated,
            _ => Self::Unknown,
        }
    }
}

impl Leader {
    /// The in-sync replicas as they should be; `None` while they are, or a proposal is under way.
    pub(crate) fn wanted_isr(
        &self,
        log_end_offset: Offset,
        high_watermark: Offset,
        active: &ActiveBrokers,
        (now, lag_time_max): (Duration, Duration),
    ) -> Option<BTreeMap<BrokerId, BrokerEpoch>> {
        if self.proposed_isr.is_some() {
            return None;
        }
        let mut wanted = BTreeMap::new();
        for broker in &self.isr {
            let follower = self.followers.get(broker).copied().unwrap_or_default();
            let stays =
                *broker == self.local || follower.is_caught_up(log_end_offset, now, lag_time_max);
            if stays {
                wanted.insert(*broker, follower.broker_epoch);
            }
        }
        for (broker, follower) in &self.followers {
            if self.may_join(*broker, high_watermark, active) {
                wanted.insert(*broker, follower.broker_epoch);
            }
        }
        let is_change = !wanted.keys().eq(self.isr.iter());
        is_change.then_some(wanted)
    }

    /// Whether a follower may become in sync: it has all that is committed, the beginning of this
    /// epoch with it, for the high watermark of a new leader may be behind (KAFKA-7128); it has
    /// said so in this epoch, and since it was dropped; and its broker is in service, in the
    /// registration in which it fetched (KIP-841, KIP-903).
    pub(crate) fn may_join(
        &self,
        broker: BrokerId,
        high_watermark: Offset,
        active: &ActiveBrokers,
    ) -> bool {
        let Some(follower) = self.followers.get(&broker) else { return false };
        let Some(end) = follower.log_end_offset else { return false };
        !self.isr.contains(&broker)
            && self.proposed_isr.is_none()
            && follower.may_return
            && end >= high_watermark
            && (end >= self.epoch_start || bug!(R8))
            && !self.is_ineligible(broker, active)
    }

    pub(crate) fn may_anyone_join(&self, high_watermark: Offset, active: &ActiveBrokers) -> bool {
        let mut followers = self.followers.keys();
        followers.any(|broker| self.may_join(*broker, high_watermark, active))
    }

    /// Whether the controller would refuse a follower, as far as is known: it's fenced, shutting
    /// down, or has registered anew since it fetched.
    pub(crate) fn is_ineligible(&self, broker: BrokerId, active: &ActiveBrokers) -> bool {
        let fetched_in = self.followers.get(&broker).map(|follower| follower.broker_epoch);
        active.get(&broker).copied() != fetched_in
    }

    /// Time passed, or brokers came and went: the high watermark no longer waits for those that
    /// would not be let in.
    pub(crate) fn stop_awaiting(&mut self, is_hopeless: impl Fn(&Self, BrokerId) -> bool) {
        let awaited = self.followers.iter().filter(|(_, follower)| follower.is_awaited);
        let hopeless: Vec<_> =
            awaited.map(|(broker, _)| *broker).filter(|at| is_hopeless(self, *at)).collect();
        for broker in hopeless {
            self.followers.entry(broker).and_modify(|follower| follower.is_awaited = false);
        }
    }

    /// Whether a follower lags behind too far.
    pub(crate) fn lags(
        &self,
        broker: BrokerId,
        log_end_offset: Offset,
        (now, lag_time_max): (Duration, Duration),
    ) -> bool {
        let follower = self.followers.get(&broker).copied().unwrap_or_default();
        !follower.is_caught_up(log_end_offset, now, lag_time_max)
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

    /// Those that may be elected before we hear of it: the decided in-sync replicas, and the
    /// proposed ones, for the controller may have accepted the proposal already (KIP-497).
    pub(super) fn maximal_isr(&self) -> impl Iterator<Item = BrokerId> {
        let proposed = self.proposed_isr.as_ref();
        let decided = self.isr.iter().filter(move |broker| {
            let stays = proposed.is_none_or(|proposed| proposed.contains(broker));
            stays || !bug!(R2)
        });
        let joining = proposed.into_iter().flatten().filter(|_| !bug!(R3));
        decided.chain(joining).copied()
    }
}
