//! How a replica stands, for those who watch over the cluster.

use protocol::BrokerId;
use replica::Role;

use super::Partition;
use crate::metrics::Traffic;

/// How a replica stands at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Leader {
        /// How many replicas there are, this one included.
        replicas: usize,
        /// How many of them are in sync.
        in_sync: usize,
        /// The effective minimum.
        min_in_sync: usize,
        /// How many records each follower lacks. One that hasn't fetched since this leader was
        /// elected isn't known to have any but those that are committed.
        lags: Vec<(BrokerId, u64)>,
    },
    Follower {
        /// How many records it lacks of those that are committed, as its leader said last.
        lag: u64,
    },
    Offline,
}

impl Partition {
    /// How the replica here stands.
    pub(crate) fn standing(&self) -> Standing {
        let state = self.state();
        let end = state.replica.log().log_end_offset.0;
        let lag = |of: i64, behind: i64| u64::try_from(of.saturating_sub(behind)).unwrap_or(0);
        match state.replica.role() {
            Role::Offline => Standing::Offline,
            Role::Follower { .. } => {
                let leaders = state.leader_high_watermark;
                Standing::Follower { lag: leaders.map_or(0, |leaders| lag(leaders.0, end)) }
            }
            Role::Leader(leader) => {
                let replicas = state.assignment.iter().flat_map(|known| &known.replicas);
                let committed = state.replica.high_watermark();
                let lags = replicas.filter_map(|broker| {
                    let known = leader.follower_end_offset(*broker);
                    let is_follower = *broker != state.sight.of.broker;
                    is_follower.then(|| (*broker, lag(end, known.unwrap_or(committed).0)))
                });
                Standing::Leader {
                    replicas: leader.replication_factor(),
                    in_sync: leader.isr().len(),
                    min_in_sync: state.replica.effective_min_insync_replicas(),
                    lags: lags.collect(),
                }
            }
        }
    }

    /// What went through it.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Batches of it are sent.
    pub(crate) fn count_sent(&self, bytes: usize, to_follower: bool) {
        self.traffic.sent(bytes, to_follower);
        self.metrics.traffic.sent(bytes, to_follower);
    }

    /// A producer's batch was appended to it.
    pub(super) fn count_produced(&self, bytes: usize, records: i32) {
        self.traffic.produced(bytes, records);
        self.metrics.traffic.produced(bytes, records);
    }

    /// A leader's batches were appended to it.
    pub(super) fn count_replicated(&self, bytes: usize) {
        self.traffic.replicated(bytes);
        self.metrics.traffic.replicated(bytes);
    }

    /// The in-sync replicas have changed, as its leader learns. Counted where somebody stays in
    /// charge: after nobody was in sync, whoever is elected hasn't joined anything.
    pub(super) fn count_isr_change(&self, before: &[BrokerId], after: &[BrokerId]) {
        if before.is_empty() {
            return;
        }
        if before.iter().any(|broker| !after.contains(broker)) {
            self.metrics.isr_shrinks.one();
        }
        if after.iter().any(|broker| !before.contains(broker)) {
            self.metrics.isr_expands.one();
        }
    }
}
