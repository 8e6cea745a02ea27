//! Where reading goes on when the position isn't known, isn't there any more, or isn't what it was
//! (KIP-320).

use std::cmp::min;

use protocol::{ErrorCode, LeaderEpoch, Offset, TopicPartition};

use super::{
    Consumer,
    assigned::Assigned,
    fetched::Point,
    requests::{Check, EpochEnd},
};
use crate::{
    error::Error,
    offsets::{Found, Place},
};

impl Consumer {
    /// Sends a partition that was never read to where the reset policy says.
    pub(super) fn reset_unset(&mut self, at: &TopicPartition) {
        match self.reset_place() {
            Some(place) => self.go_to(at, place),
            // Once is enough until somebody hears of it.
            None if self.errors.is_empty() => {
                let offset = Offset(-1);
                self.errors.push_back(Error::OffsetOutOfRange { partition: at.clone(), offset });
            }
            None => {}
        }
    }

    fn reset_place(&self) -> Option<Place> {
        self.options.offset_reset.place(self.cluster.doors().clock.now())
    }

    fn go_to(&mut self, at: &TopicPartition, place: Place) {
        if let Some(assigned) = self.assigned.get_mut(at) {
            assigned.seek(place);
        }
    }

    /// Takes in where a place is, by the leader of an epoch.
    pub(super) fn on_located(
        &mut self,
        at: &TopicPartition,
        place: Place,
        leader_epoch: LeaderEpoch,
        answer: Result<Found, Error>,
    ) {
        let Some(assigned) = self.assigned.get_mut(at) else { return };
        if assigned.sought() != Some(place) {
            return;
        }
        match answer {
            Ok(Found { offset: Some(offset), leader_epoch: epoch, .. }) => {
                let point = Point { offset, epoch: epoch.unwrap_or_default() };
                assigned.go_to(point, leader_epoch);
            }
            // No record that late: what comes next is.
            Ok(_) if place != Place::End => assigned.seek(Place::End),
            Ok(_) => {
                let error = Error::answer(ErrorCode::OffsetNotAvailable, at, None);
                self.on_failed(at, error);
            }
            Err(error) => self.on_failed(at, error),
        }
    }

    /// Takes in where the epoch ended of what was read before a place.
    pub(super) fn on_checked(
        &mut self,
        at: &TopicPartition,
        check: Check,
        answer: Result<EpochEnd, Error>,
    ) {
        let Some(assigned) = self.assigned.get_mut(at) else { return };
        if !assigned.is_fetching(check.point) {
            return;
        }
        match answer {
            // The epoch may be an earlier one: a leader without records leaves no epoch behind, but
            // it may have been asked where its log ends.
            Ok(Some((epoch, end))) if end >= check.point.offset => {
                assigned.checked(check.leader_epoch, epoch);
            }
            Ok(end) => self.on_truncated(at, check.point, end),
            Err(error) => self.on_failed(at, error),
        }
    }

    /// The leader's log has something else, or nothing, where it had what was read before a place.
    ///
    /// With a reset policy reading goes on where the logs part, as Kafka's consumer does; where
    /// that isn't known, where the policy says. Without one, it's the application's business.
    pub(super) fn on_truncated(&mut self, at: &TopicPartition, from: Point, end: EpochEnd) {
        let Some(assigned) = self.assigned.get_mut(at) else { return };
        if assigned.drop_read_ahead() {
            // It may be that only what nobody has seen is lost: the position itself comes next.
            return assigned.doubt();
        }
        let Some(place) = self.reset_place() else {
            let Point { offset, epoch: leader_epoch } = from;
            let partition = at.clone();
            let error = Error::LogTruncated { partition, offset, leader_epoch, diverging: end };
            return self.on_failed(at, error);
        };
        tracing::warn!(
            partition = %at,
            offset = %from.offset,
            leader_epoch = %from.epoch,
            ?end,
            "records that were read are lost: reading on where the logs part"
        );
        let Some((epoch, end)) = end else { return self.go_to(at, place) };
        let assigned = self.assigned.get_mut(at).expect("found above");
        assigned.go_to(Point { offset: min(end, from.offset), epoch }, LeaderEpoch::default());
    }

    /// The leader has no such offset.
    pub(super) fn on_out_of_range(&mut self, at: &TopicPartition, offset: Offset) {
        if self.assigned.get_mut(at).is_none_or(Assigned::hand_out_first) {
            return;
        }
        let Some(place) = self.reset_place() else {
            let error = Error::OffsetOutOfRange { partition: at.clone(), offset };
            return self.on_failed(at, error);
        };
        tracing::info!(partition = %at, %offset, ?place, "offset out of range: reading on elsewhere");
        self.go_to(at, place);
    }
}
