//! One partition: its replicas, and the truth about it that no replica knows whole.

use std::{collections::BTreeMap, fmt};

use metadata::{Partition as Decided, record::PartitionChangeRecord};
use protocol::{BrokerId, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, TopicId};

use super::{
    log::{Log, Mark},
    losses::Losses,
    replica::Replica,
};

/// A partition of a topic: of this one, not of another one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartitionId {
    pub(crate) topic: TopicId,
    pub(crate) partition: PartitionIndex,
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// All that is known of a partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partition {
    pub(crate) replicas: BTreeMap<BrokerId, Replica>,
    /// All batches that any replica ever had.
    pub(crate) batches: Batches,
    /// What was ever counted as committed: up to the true high watermark.
    pub(crate) committed: Log,
    /// Everything before was acknowledged to somebody who asked for all replicas' acknowledgement.
    pub(crate) acked_end: Offset,
    /// What was acknowledged by a leader alone, by the batch's end.
    pub(crate) acked_by_leader: BTreeMap<Offset, LeaderEpoch>,
    /// Who appended as leader of an epoch.
    pub(crate) appenders: BTreeMap<LeaderEpoch, Appender>,
    /// Who was elected for an epoch.
    pub(crate) elected: BTreeMap<LeaderEpoch, Option<BrokerId>>,
    /// As the controller decided last; none once the topic is deleted.
    pub(crate) decided: Option<Decided>,
    pub(crate) losses: Losses,
}

/// One life of one broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appender {
    pub(crate) broker: BrokerId,
    pub(crate) life: u32,
}

impl Partition {
    /// The epoch of the controller's leader.
    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        self.decided.as_ref().map_or(LeaderEpoch(-1), |decided| decided.leader_epoch)
    }

    /// Up to where everything was ever counted as committed.
    pub(crate) fn true_high_watermark(&self) -> Offset {
        self.committed.end()
    }

    /// Whether what a replica does in that epoch may still count: no later leader was elected that
    /// needn't have it.
    pub(crate) fn counts(&self, leader_epoch: LeaderEpoch) -> bool {
        leader_epoch >= self.losses.void_before
    }

    /// A leader has moved its high watermark: what is before it is committed.
    pub(crate) fn commit(&mut self, leader: BrokerId, end: Offset) {
        let Some(replica) = self.replicas.get(&leader) else { return };
        let from = self.committed.end();
        for mark in replica.log.beyond(from).take_while(|mark| mark.end <= end) {
            self.committed.append(*mark);
        }
        if self.committed.end() < end {
            // The leader's log has no batch there: what was in it is deleted.
            self.committed.move_start(end);
        }
    }

    /// A leader leads that may lack what was committed: from now on what it has is the truth.
    /// Returns how many committed offsets are lost.
    pub(crate) fn settle(&mut self, leader: BrokerId, leader_epoch: LeaderEpoch) -> i64 {
        if !self.losses.is_open() {
            return 0;
        }
        self.losses.settled(leader_epoch);
        let Some(replica) = self.replicas.get(&leader) else { return 0 };
        let before = self.committed.end();
        if replica.log.has_prefix(&self.committed, before) {
            return 0;
        }
        let kept = self.committed.common_end(&replica.log);
        self.committed.truncate(kept);
        self.acked_end = self.acked_end.min(kept);
        before.0 - kept.0
    }
}

/// What a change makes of a partition: the observer's own reading of the record.
pub(crate) fn changed(before: &Decided, record: &PartitionChangeRecord) -> Decided {
    let mut after = before.clone();
    after.isr = record.isr.clone().unwrap_or(after.isr);
    after.elr = record.elr.clone().unwrap_or(after.elr);
    after.last_known_elr = record.last_known_elr.clone().unwrap_or(after.last_known_elr);
    after.replicas = record.replicas.clone().unwrap_or(after.replicas);
    after.directories = record.directories.clone().unwrap_or(after.directories);
    after.leader_recovery_state =
        record.leader_recovery_state.unwrap_or(after.leader_recovery_state);
    if let Some(leader) = record.leader {
        after.leader = (leader.0 >= 0).then_some(leader);
        after.leader_epoch = LeaderEpoch(after.leader_epoch.0 + 1);
    }
    after.partition_epoch = PartitionEpoch(after.partition_epoch.0 + 1);
    after
}

/// Batches by offset and epoch, each with the one before it. There is one batch at most of an
/// offset and an epoch, and one way to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batches(BTreeMap<(Offset, LeaderEpoch), Known>);

/// A batch that was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) mark: Mark,
    /// What comes before it; none where it is the first of a log.
    pub(crate) previous: Option<(Offset, LeaderEpoch)>,
}

impl Batches {
    /// The one that has a batch's place.
    pub(crate) fn get(&self, mark: &Mark) -> Option<&Known> {
        self.0.get(&(mark.base, mark.epoch))
    }

    /// Takes note of a batch behind another one.
    pub(crate) fn add(&mut self, mark: Mark, previous: Option<&Mark>) {
        let previous = previous.map(|previous| (previous.base, previous.epoch));
        let known = self.0.entry((mark.base, mark.epoch)).or_insert(Known { mark, previous });
        known.previous = known.previous.or(previous);
    }
}
