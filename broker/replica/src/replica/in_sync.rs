//! What a leader does about its followers: takes their fetches, and has those in sync that are.

use super::*;
use crate::IsrProposal;

impl Replica {
    /// A follower fetches, and so acknowledges everything before the offset. Its epochs have been
    /// checked, and that its log doesn't diverge before the offset (KAFKA-8400).
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR; UNKNOWN_LEADER_EPOCH for a replica that isn't
    /// assigned here, as far as is known.
    pub fn follower_fetched(
        &mut self,
        broker: BrokerId,
        broker_epoch: BrokerEpoch,
        fetch_offset: Offset,
        now: Duration,
    ) -> Result<Option<Advance>, ErrorCode> {
        let before = self.visible();
        self.leader()?;
        let end = self.log.log_end_offset;
        if fetch_offset > end {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let active = Arc::clone(&self.active);
        let leader = self.leader_mut()?;
        leader.follower_fetched(broker, broker_epoch, fetch_offset, end, now)?;
        leader.stop_awaiting(|leader, broker| leader.is_ineligible(broker, &active));
        Ok(self.advance(before))
    }

    /// Whether a follower that has just fetched is worth [`Replica::isr_change`].
    #[must_use]
    pub fn may_join_isr(&self, broker: BrokerId) -> bool {
        let leader = self.leader();
        leader.is_ok_and(|leader| leader.may_join(broker, self.high_watermark, &self.active))
    }

    /// Whether any follower is.
    #[must_use]
    pub fn may_anyone_join_isr(&self) -> bool {
        let leader = self.leader();
        leader.is_ok_and(|leader| leader.may_anyone_join(self.high_watermark, &self.active))
    }

    /// Which brokers are in service has changed.
    pub fn brokers_changed(&mut self, active: Arc<ActiveBrokers>) -> Option<Advance> {
        let before = self.visible();
        if let Role::Leader(leader) = &mut self.role {
            leader.stop_awaiting(|leader, broker| leader.is_ineligible(broker, &active));
        }
        self.active = active;
        self.advance(before)
    }

    /// Time has passed: the high watermark stops waiting for replicas that were about to become in
    /// sync, and lag behind for longer than `replica.lag.time.max.ms`.
    pub fn time_passed(&mut self, now: Duration, lag_time_max: Duration) -> Option<Advance> {
        let before = self.visible();
        let end = self.log.log_end_offset;
        if let Role::Leader(leader) = &mut self.role {
            leader.stop_awaiting(|leader, broker| leader.lags(broker, end, (now, lag_time_max)));
        }
        self.advance(before)
    }

    /// What the controller should be asked to decide: those in sync without the ones that lag
    /// behind, with the ones that caught up. `None` if that's how it is, while an earlier proposal
    /// isn't decided, or where this replica doesn't lead.
    #[must_use]
    pub fn isr_change(&self, now: Duration, lag_time_max: Duration) -> Option<IsrProposal> {
        let leader = self.leader().ok()?;
        let (end, high_watermark) = (self.log.log_end_offset, self.high_watermark);
        let isr = leader.wanted_isr(end, high_watermark, &self.active, (now, lag_time_max))?;
        let partition_epoch = self.partition_epoch?;
        Some(IsrProposal { isr, leader_epoch: self.leader_epoch, partition_epoch })
    }

    /// Other in-sync replicas have been proposed to the controller. Until it decides, the high
    /// watermark waits for the old ones and the new ones.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
    pub fn isr_proposed(&mut self, isr: BTreeSet<BrokerId>) -> Result<Option<Advance>, ErrorCode> {
        let before = self.visible();
        self.leader_mut()?.propose_isr(isr);
        Ok(self.advance(before))
    }

    /// The controller has refused a proposal for certain. A timeout is no refusal: the proposal
    /// may still be accepted, and counts. Nor is it one if something newer is known since.
    pub fn isr_refused(
        &mut self,
        leader_epoch: LeaderEpoch,
        partition_epoch: PartitionEpoch,
    ) -> Option<Advance> {
        let before = self.visible();
        let is_latest =
            leader_epoch == self.leader_epoch && Some(partition_epoch) == self.partition_epoch;
        if is_latest && let Role::Leader(leader) = &mut self.role {
            leader.withdraw_isr();
        }
        self.advance(before)
    }
}
