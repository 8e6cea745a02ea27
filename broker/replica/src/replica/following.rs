//! What a follower does: where it fetches from, what of an answer it may take, and where it cuts
//! its log when that isn't the leader's (KIP-101, KIP-279, KIP-595).

use super::*;

/// What a fetch was asked on the ground of. Its answer holds for a replica that's still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPosition {
    /// Whom to fetch from.
    pub leader: BrokerId,
    /// In which epoch it leads.
    pub leader_epoch: LeaderEpoch,
    /// From where: this replica's log end, and so its acknowledgement of everything before.
    pub offset: Offset,
    /// The high watermark that this replica knows.
    pub high_watermark: Offset,
    /// How often the log was cut. What was answered before a cut may ask for that cut again.
    pub truncations: u64,
}

/// What to do about an offset that the leader doesn't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfRange {
    /// Nothing here is worth keeping: the log starts anew, where the leader's does.
    StartAnewAt(Offset),
    /// The leader, asked again, should tell where the logs part.
    AskAgain,
}

impl Replica {
    /// Where a follower is to fetch from. `None` where there is no leader to fetch from, or where
    /// the log has to be synced first, since a fetch acknowledges.
    #[must_use]
    pub fn fetch_position(&self) -> Option<FetchPosition> {
        let Role::Follower { leader: Some(leader) } = self.role else { return None };
        let offset = self.log.log_end_offset;
        let (leader_epoch, high_watermark) = (self.leader_epoch, self.high_watermark);
        (self.acknowledged_end() >= offset).then_some(FetchPosition {
            leader,
            leader_epoch,
            offset,
            high_watermark,
            truncations: self.truncations,
        })
    }

    /// Whether the answer to a fetch may still be taken. Since it was asked, another leader may
    /// have been elected, and the log been cut (KAFKA-13266).
    #[must_use]
    pub fn may_take(&self, asked: &FetchPosition) -> bool {
        let Role::Follower { leader } = self.role else { return false };
        let is_same = leader == Some(asked.leader)
            && self.leader_epoch == asked.leader_epoch
            && self.truncations == asked.truncations;
        (is_same || bug!(R9)) && self.log.log_end_offset == asked.offset
    }

    /// The leader's high watermark has come with a fetch response, whose records have been
    /// appended. A leader isn't told.
    pub fn leader_high_watermark(&mut self, high_watermark: Offset) -> Option<Advance> {
        if !matches!(self.role, Role::Follower { .. }) {
            return None;
        }
        let before = self.visible();
        self.raise_high_watermark(high_watermark.min(self.log.log_end_offset));
        self.advance(before)
    }

    /// A follower's log has been cut off, and what is known of producers rebuilt from what is left.
    pub fn truncated(&mut self, log: LogOffsets, producers: ProducerStates) {
        assert!(!matches!(self.role, Role::Leader(_)), "a leader never truncates");
        self.truncations += 1;
        self.log = log;
        self.producers = producers;
        self.high_watermark = self.high_watermark.min(log.log_end_offset).max(log.log_start_offset);
        self.producers.high_watermark_moved(self.high_watermark);
        self.check();
    }
}

/// Where a follower cuts its log, given what the leader told of the follower's last epoch: the
/// largest epoch up to it that the leader has, and where that ends there. `own` is the same for the
/// leader's epoch in the follower's log.
///
/// If the follower doesn't have the leader's epoch, what comes after its own largest one before
/// that is no record of the leader's; what comes before, the next fetch will tell.
#[must_use]
pub fn truncation_offset(
    (epoch, end): (LeaderEpoch, Offset),
    own: Option<(LeaderEpoch, Offset)>,
    log_end_offset: Offset,
) -> Offset {
    let cut = match own {
        Some((own_epoch, own_end)) if own_epoch == epoch => own_end.min(end),
        Some((_, own_end)) => own_end,
        None => end,
    };
    cut.min(log_end_offset)
}

/// What a follower does when the leader doesn't have the offset that it asked for, given where the
/// leader's log starts.
#[must_use]
pub fn out_of_range(log: LogOffsets, leader_log_start_offset: Offset) -> OutOfRange {
    let is_empty = log.log_start_offset == log.log_end_offset;
    if log.log_end_offset < leader_log_start_offset
        || (is_empty && log.log_end_offset != leader_log_start_offset)
    {
        OutOfRange::StartAnewAt(leader_log_start_offset)
    } else {
        OutOfRange::AskAgain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(epoch: i32, offset: i64) -> (LeaderEpoch, Offset) {
        (LeaderEpoch(epoch), Offset(offset))
    }

    #[test]
    fn a_log_is_cut_where_the_shared_epoch_ends_first() {
        for (leader, own, cut) in [(5, 7, 5), (7, 5, 5), (20, 20, 10)] {
            assert_eq!(
                truncation_offset(end(2, leader), Some(end(2, own)), Offset(10)),
                Offset(cut),
                "{leader} {own}"
            );
        }
    }

    #[test]
    fn an_epoch_that_the_follower_never_saw_is_searched_for_from_its_own_before() {
        // KIP-279: the leader's end says nothing of the follower's epoch 1.
        assert_eq!(truncation_offset(end(2, 8), Some(end(1, 6)), Offset(10)), Offset(6));
        assert_eq!(truncation_offset(end(2, 4), Some(end(1, 6)), Offset(10)), Offset(6));
    }

    #[test]
    fn without_epochs_of_its_own_a_follower_believes_the_leader() {
        assert_eq!(truncation_offset(end(2, 8), None, Offset(10)), Offset(8));
        assert_eq!(truncation_offset(end(2, 80), None, Offset(10)), Offset(10));
    }

    #[test]
    fn a_log_starts_anew_where_nothing_of_it_is_the_leaders() {
        let log = |start, end| LogOffsets {
            log_start_offset: Offset(start),
            log_end_offset: Offset(end),
            synced_end: Offset(end),
        };
        let anew = |offset| OutOfRange::StartAnewAt(Offset(offset));
        assert_eq!(out_of_range(log(0, 10), Offset(20)), anew(20), "below the leader's start");
        assert_eq!(out_of_range(log(30, 30), Offset(20)), anew(20), "empty, and elsewhere");
        assert_eq!(out_of_range(log(0, 30), Offset(20)), OutOfRange::AskAgain);
        assert_eq!(out_of_range(log(20, 20), Offset(20)), OutOfRange::AskAgain);
    }
}
