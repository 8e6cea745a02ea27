//! A partition as a leader: its followers' fetches, and who is in sync.

use std::{sync::Arc, time::Duration};

use protocol::{BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, PartitionEpoch};
use replica::{ActiveBrokers, Assignment, IsrProposal};
use tracing::info;

use super::Partition;
use crate::witness::Event;

/// A follower, as its fetch names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Follower {
    pub(crate) broker: BrokerId,
    pub(crate) epoch: BrokerEpoch,
}

impl Partition {
    /// What should be asked of the controller, if anything. It counts as asked from now on.
    pub(crate) fn propose_isr(&self, lag_time_max: Duration) -> Option<IsrProposal> {
        let mut state = self.state();
        let now = state.age();
        let advance = state.replica.time_passed(now, lag_time_max);
        state.advanced_by_others(advance);
        let proposal = state.replica.isr_change(now, lag_time_max)?;
        let isr = proposal.isr.keys().copied().collect();
        state.sight.saw(&Event::IsrProposed { isr: &isr, leader_epoch: proposal.leader_epoch });
        let advance = state.replica.isr_proposed(isr).ok()?;
        state.advanced_by_others(advance);
        Some(proposal)
    }

    /// The controller refused the proposal for certain.
    pub(crate) fn isr_refused(&self, proposal: &IsrProposal) {
        let mut state = self.state();
        let IsrProposal { leader_epoch, partition_epoch, .. } = *proposal;
        let advance = state.replica.isr_refused(leader_epoch, partition_epoch);
        state.advanced_by_others(advance);
    }

    /// The controller told who is in sync: what the image of the cluster will say, but sooner.
    pub(crate) fn isr_decided(
        &self,
        proposal: &IsrProposal,
        leader_epoch: LeaderEpoch,
        partition_epoch: PartitionEpoch,
        isr: Vec<BrokerId>,
    ) {
        if partition_epoch == proposal.partition_epoch {
            // Nothing was to be changed.
            return self.isr_refused(proposal);
        }
        let mut state = self.state();
        let Some(known) = &state.assignment else { return };
        if known.leader_epoch != leader_epoch || !isr.contains(&known.leader) {
            return;
        }
        let decided = Assignment { partition_epoch, isr, ..known.clone() };
        self.take_assignment(&mut state, &decided);
    }

    /// Which brokers are in service has changed. Returns whether a follower may become in sync by
    /// that: it may have fetched sooner than its unfencing was heard of.
    pub(crate) fn brokers_changed(&self, active: &Arc<ActiveBrokers>) -> bool {
        let mut state = self.state();
        let advance = state.replica.brokers_changed(Arc::clone(active));
        state.advanced_by_others(advance);
        state.replica.may_anyone_join_isr()
    }

    /// Takes note of a follower's fetch. Returns whether the follower may become in sync by it.
    pub(super) fn follower_fetched(
        state: &mut super::State,
        follower: Follower,
        fetch_offset: protocol::Offset,
    ) -> Result<bool, ErrorCode> {
        let now = state.age();
        let Follower { broker, epoch } = follower;
        let advance = state.replica.follower_fetched(broker, epoch, fetch_offset, now)?;
        let fetched =
            Event::FollowerFetched { follower: broker, broker_epoch: epoch, fetch_offset };
        state.sight.saw(&fetched);
        state.advanced_by_others(advance);
        Ok(state.replica.may_join_isr(broker))
    }

    pub(super) fn take_assignment(&self, state: &mut super::State, assignment: &Assignment) {
        let before = state.assignment.take();
        if !state.assign(assignment) {
            state.assignment = before;
            return;
        }
        let Assignment { leader, leader_epoch, partition_epoch, isr, .. } = assignment;
        if let (Some(before), Ok(_)) = (&before, state.replica.leader()) {
            self.count_isr_change(&before.isr, isr);
        }
        if before.as_ref().is_none_or(|before| before.leader_epoch != *leader_epoch) {
            info!(partition = %self.name, %leader, %leader_epoch, "leader changed");
        } else if state.replica.leader().is_ok()
            && let Some(before) = before.filter(|before| before.isr != *isr)
        {
            let high_watermark = state.replica.high_watermark();
            info!(
                partition = %self.name,
                before = ?before.isr.iter().map(|broker| broker.0).collect::<Vec<_>>(),
                isr = ?isr.iter().map(|broker| broker.0).collect::<Vec<_>>(),
                %high_watermark,
                %leader_epoch,
                %partition_epoch,
                "in-sync replicas changed"
            );
        }
    }
}
