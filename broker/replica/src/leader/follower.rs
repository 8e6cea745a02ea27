//! One follower, as its leader sees it in one leader epoch.

use std::time::Duration;

use protocol::{BrokerEpoch, Offset};

/// How far a follower is, and since when it keeps up. Times are those of the replica's shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Follower {
    /// The broker's registration when it last fetched; -1 = it hasn't in this epoch.
    pub(super) broker_epoch: BrokerEpoch,
    /// Where its log ends: what it fetches from. `None` before its first fetch in this epoch.
    pub(super) log_end_offset: Option<Offset>,
    last_fetch: Option<LastFetch>,
    /// When it last had everything that the leader had at that moment.
    caught_up_at: Option<Duration>,
    /// It has fetched since it was last dropped from those in sync. Who is silent has nothing new to
    /// say for itself, even where the high watermark has stood still since.
    pub(super) may_return: bool,
    /// It keeps up and isn't in sync yet: the high watermark waits for it, so that it can join.
    pub(super) is_awaited: bool,
}

/// The fetch before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LastFetch {
    at: Duration,
    /// Where the leader's log ended then.
    leader_end_offset: Offset,
}

impl Follower {
    /// One that was in sync when its leader was elected: it gets the time to show that it still is.
    pub(super) fn in_sync(now: Duration) -> Self {
        Self { caught_up_at: Some(now), ..Self::default() }
    }

    /// It fetches. While the leader's log grows, no fetch ever reaches its end; so who reaches the
    /// end of the fetch before had caught up then.
    pub(super) fn fetched(
        &mut self,
        broker_epoch: BrokerEpoch,
        offset: Offset,
        leader_end_offset: Offset,
        now: Duration,
    ) {
        let caught_up_at = if offset >= leader_end_offset {
            Some(now)
        } else {
            let last = self.last_fetch.filter(|last| offset >= last.leader_end_offset);
            last.map(|last| last.at)
        };
        self.is_awaited = caught_up_at.is_some();
        self.may_return = true;
        self.caught_up_at = self.caught_up_at.max(caught_up_at);
        self.last_fetch = Some(LastFetch { at: now, leader_end_offset });
        self.broker_epoch = broker_epoch;
        self.log_end_offset = Some(offset);
    }

    /// Whether it has everything, or had it not too long ago (`replica.lag.time.max.ms`).
    pub(super) fn is_caught_up(
        &self,
        leader_end_offset: Offset,
        now: Duration,
        lag_time_max: Duration,
    ) -> bool {
        self.log_end_offset == Some(leader_end_offset)
            || self.caught_up_at.is_some_and(|at| now.saturating_sub(at) <= lag_time_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Duration = Duration::from_millis(100);

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn fetched(follower: &mut Follower, offset: i64, leader_end: i64, ms: u64) {
        follower.fetched(BrokerEpoch(1), Offset(offset), Offset(leader_end), at(ms));
    }

    #[test]
    fn a_follower_that_reaches_the_end_of_the_fetch_before_had_caught_up_then() {
        let mut follower = Follower::default();
        fetched(&mut follower, 0, 10, 1000);
        assert!(!follower.is_caught_up(Offset(20), at(1000), LAG));
        fetched(&mut follower, 10, 20, 1080);
        assert!(follower.is_awaited);
        assert!(follower.is_caught_up(Offset(30), at(1100), LAG));
        assert!(!follower.is_caught_up(Offset(30), at(1101), LAG), "it had at 1000");
    }

    #[test]
    fn a_follower_with_everything_lags_never() {
        let mut follower = Follower::default();
        fetched(&mut follower, 5, 5, 0);
        assert!(follower.is_caught_up(Offset(5), at(9000), LAG));
        assert!(!follower.is_caught_up(Offset(6), at(9000), LAG));
    }

    #[test]
    fn a_follower_that_only_runs_after_the_end_falls_behind() {
        let mut follower = Follower::in_sync(at(0));
        for round in 0_u32..10 {
            let leader_end = i64::from(round + 1) * 100;
            fetched(&mut follower, leader_end - 150, leader_end, u64::from(round) * 50);
        }
        assert!(!follower.is_awaited);
        assert!(!follower.is_caught_up(Offset(1100), at(500), LAG));
    }
}
