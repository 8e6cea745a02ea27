//! The replica itself: the offsets that matter, the role, and the rules that join them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use protocol::{
    BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionEpoch, Timestamp, bug,
    effective_min_insync_replicas,
    records::{BatchHeader, EndTransactionMarker},
};

use crate::{
    Acks, ActiveBrokers, Append, CompletedTransaction, Leader, ProduceWait, ProducerStates,
    ReadBounds, ReadUpTo, SequenceCheck,
};

mod assignment;
mod following;
mod in_sync;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod three_replicas;

pub use assignment::{Assigned, Assignment, Role, Transition};
pub use following::{FetchPosition, OutOfRange, out_of_range, truncation_offset};

/// The ends of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LogOffsets {
    /// The first offset that there is.
    pub log_start_offset: Offset,
    /// The offset after the last that there is.
    pub log_end_offset: Offset,
    /// The offset after the last that is known to survive a power failure.
    pub synced_end: Offset,
}

/// The topic's configurations that a replica goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaConfig {
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
    /// Whether only what is synced counts as acknowledged: `flush.messages` is 1.
    pub acknowledge_synced: bool,
}

impl Default for ReplicaConfig {
    fn default() -> Self {
        Self { min_insync_replicas: 1, acknowledge_synced: false }
    }
}

/// What consumers may see has grown: produces and fetches that wait are to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Advance {
    /// The high watermark now.
    pub high_watermark: Offset,
    /// The last stable offset now.
    pub last_stable_offset: Offset,
}

/// What came of a batch in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Appended {
    /// Whether consumers see more.
    pub advance: Option<Advance>,
    /// The transaction that the batch ended: the log's transaction index wants to know.
    pub completed: Option<CompletedTransaction>,
}

/// One replica of one partition. See the crate's front page.
#[derive(Clone, Debug)]
pub struct Replica {
    local: BrokerId,
    config: ReplicaConfig,
    role: Role,
    leader_epoch: LeaderEpoch,
    partition_epoch: Option<PartitionEpoch>,
    log: LogOffsets,
    high_watermark: Offset,
    /// How often the log was cut since it was opened.
    truncations: u64,
    producers: ProducerStates,
    /// Whom a leader may let in.
    active: Arc<ActiveBrokers>,
}

impl Replica {
    /// A replica whose log has been opened and that nobody has assigned a role yet. The high
    /// watermark is the checkpoint's, which a crash may have left behind or beyond the log.
    #[must_use]
    pub fn open(
        local: BrokerId,
        config: ReplicaConfig,
        log: LogOffsets,
        high_watermark: Offset,
        producers: ProducerStates,
    ) -> Self {
        let mut replica = Self {
            local,
            config,
            role: Role::Follower { leader: None },
            leader_epoch: LeaderEpoch::default(),
            partition_epoch: None,
            log,
            high_watermark: high_watermark.max(log.log_start_offset).min(log.log_end_offset),
            truncations: 0,
            producers,
            active: Arc::default(),
        };
        replica.producers.high_watermark_moved(replica.high_watermark);
        replica.check();
        replica
    }

    /// How many replicas must be in sync; no more than there are. 1 where this one doesn't lead.
    #[must_use]
    pub fn effective_min_insync_replicas(&self) -> usize {
        let replicas = self.leader().map_or(1, Leader::replication_factor);
        effective_min_insync_replicas(self.config.min_insync_replicas, replicas)
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// The state of the leader that this replica is.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
    pub fn leader(&self) -> Result<&Leader, ErrorCode> {
        match &self.role {
            Role::Leader(leader) => Ok(leader),
            Role::Follower { .. } => Err(ErrorCode::NotLeaderOrFollower),
            Role::Offline => Err(ErrorCode::KafkaStorageError),
        }
    }

    /// The epoch of the leader, be it this replica or another. -1 before the first assignment.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The epoch of the latest assignment.
    #[must_use]
    pub fn partition_epoch(&self) -> Option<PartitionEpoch> {
        self.partition_epoch
    }

    /// The ends of the log.
    #[must_use]
    pub fn log(&self) -> LogOffsets {
        self.log
    }

    /// The offset after the last that is replicated, as far as is known here.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The first offset of a transaction whose outcome isn't known and replicated, or the high
    /// watermark.
    #[must_use]
    pub fn last_stable_offset(&self) -> Offset {
        let first_unstable = self.producers.first_unstable_offset().unwrap_or(self.high_watermark);
        first_unstable.max(self.log.log_start_offset).min(self.high_watermark)
    }

    /// The end of what this replica may acknowledge: to producers as a leader, to the leader as a
    /// follower.
    #[must_use]
    pub fn acknowledged_end(&self) -> Offset {
        if self.config.acknowledge_synced { self.log.synced_end } else { self.log.log_end_offset }
    }

    /// What is known of producers.
    #[must_use]
    pub fn producers(&self) -> &ProducerStates {
        &self.producers
    }

    /// Forgets producers that were idle for too long (`producer.id.expiration.ms`).
    pub fn expire_producers(&mut self, now: Timestamp, expiration_ms: i64) {
        self.producers.expire(now, expiration_ms);
    }

    /// Checks the leader epoch that a request names; -1 names none.
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH where the client's is older than ours, UNKNOWN_LEADER_EPOCH where ours
    /// is (KIP-320).
    pub fn check_leader_epoch(&self, current_leader_epoch: LeaderEpoch) -> Result<(), ErrorCode> {
        if current_leader_epoch < LeaderEpoch(0) || current_leader_epoch == self.leader_epoch {
            Ok(())
        } else if current_leader_epoch < self.leader_epoch {
            Err(ErrorCode::FencedLeaderEpoch)
        } else {
            Err(ErrorCode::UnknownLeaderEpoch)
        }
    }

    /// Decides on a produced batch, which has been validated and whose header is as it was sent.
    /// Nothing has changed before [`Replica::appended`] says that it was written.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR, NOT_ENOUGH_REPLICAS for acks=all, and what
    /// [`ProducerStates::check`] finds.
    pub fn append(&self, header: &BatchHeader, acks: Acks) -> Result<Append, ErrorCode> {
        let leader = self.leader()?;
        if acks == Acks::All && !leader.has_min_isr(self.config.min_insync_replicas) {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        let leader_epoch = self.leader_epoch;
        match self.producers.check(header)? {
            SequenceCheck::Next => {
                Ok(Append::New { base_offset: self.log.log_end_offset, leader_epoch })
            }
            SequenceCheck::Duplicate(batch) => Ok(Append::Duplicate { batch, leader_epoch }),
        }
    }

    /// A batch has been written at the log's end, with this header. Of a transaction's control
    /// batch, the marker says what its record does.
    pub fn appended(
        &mut self,
        header: &BatchHeader,
        marker: Option<EndTransactionMarker>,
    ) -> Appended {
        let LogOffsets { log_end_offset, .. } = self.log;
        match self.role {
            Role::Leader(_) => {
                assert_eq!(header.base_offset, log_end_offset, "a leader leaves no gaps");
                assert_eq!(header.partition_leader_epoch, self.leader_epoch);
            }
            // The leader's log may have been compacted.
            _ => assert!(header.base_offset >= log_end_offset, "offsets ascend"),
        }
        let before = self.visible();
        self.log.log_end_offset = header.next_offset();
        let is_leader = matches!(self.role, Role::Leader(_));
        let completed = match is_leader || !bug!(T4) {
            true => self.producers.replay(header, marker),
            false => None,
        };
        Appended { advance: self.advance(before), completed }
    }

    /// The log has been synced up to an offset.
    pub fn synced(&mut self, synced_end: Offset) -> Option<Advance> {
        let before = self.visible();
        self.log.synced_end = self.log.synced_end.max(synced_end);
        self.advance(before)
    }

    /// Where a produce stands: `None` = it waits on.
    ///
    /// It can fail after its batch was appended: the records may be there, or come to be there.
    #[must_use]
    pub fn completion(&self, wait: &ProduceWait) -> Option<Result<(), ErrorCode>> {
        let leader = match self.leader() {
            Ok(leader) => leader,
            Err(error) => return Some(Err(error)),
        };
        // An election lies between: the batch may have been cut off, and another one may be there.
        if wait.leader_epoch != self.leader_epoch {
            return Some(Err(ErrorCode::NotLeaderOrFollower));
        }
        match wait.acks {
            Acks::None => Some(Ok(())),
            Acks::Leader => (self.acknowledged_end() >= wait.end).then_some(Ok(())),
            Acks::All if self.high_watermark < wait.end && !bug!(R17) => None,
            // The in-sync replicas may have become fewer since the batch was appended.
            Acks::All if !leader.has_min_isr(self.config.min_insync_replicas) && !bug!(R10) => {
                Some(Err(ErrorCode::NotEnoughReplicasAfterAppend))
            }
            Acks::All => Some(Ok(())),
        }
    }

    /// The bounds of a read, all taken at the same moment. Whether this replica may serve it is
    /// for [`Replica::check_leader_epoch`] and [`Replica::leader`] to say.
    #[must_use]
    pub fn read_bounds(&self, up_to: ReadUpTo) -> ReadBounds {
        let LogOffsets { log_start_offset, log_end_offset, .. } = self.log;
        let high_watermark = self.high_watermark;
        let last_stable_offset = self.last_stable_offset();
        let up_to = match up_to {
            ReadUpTo::LogEnd => log_end_offset,
            ReadUpTo::HighWatermark => high_watermark,
            ReadUpTo::LastStableOffset => last_stable_offset,
        };
        ReadBounds {
            log_start_offset,
            log_end_offset,
            high_watermark,
            last_stable_offset,
            up_to,
            leader_epoch: self.leader_epoch,
        }
    }

    /// The topic's configuration has changed.
    pub fn configured(&mut self, config: ReplicaConfig) -> Option<Advance> {
        let before = self.visible();
        self.config = config;
        self.advance(before)
    }

    /// The beginning of the log has been deleted, up to an offset that is at most the high
    /// watermark.
    pub fn log_start_moved(&mut self, log_start_offset: Offset) -> Option<Advance> {
        let before = self.visible();
        self.log.log_start_offset = self.log.log_start_offset.max(log_start_offset);
        self.advance(before)
    }

    fn leader_mut(&mut self) -> Result<&mut Leader, ErrorCode> {
        self.leader()?;
        match &mut self.role {
            Role::Leader(leader) => Ok(leader),
            _ => Err(ErrorCode::NotLeaderOrFollower),
        }
    }

    fn visible(&self) -> Advance {
        Advance {
            high_watermark: self.high_watermark,
            last_stable_offset: self.last_stable_offset(),
        }
    }

    /// Moves a leader's high watermark as far as it may go, after anything that it depends on has
    /// changed, and compares with what was visible before.
    fn advance(&mut self, before: Advance) -> Option<Advance> {
        if let Role::Leader(leader) = &self.role {
            let min_insync_replicas = self.config.min_insync_replicas;
            if let Some(end) = leader.replicated_end(self.acknowledged_end(), min_insync_replicas) {
                self.raise_high_watermark(end);
            }
        }
        self.check();
        let after = self.visible();
        (after != before).then_some(after)
    }

    /// A follower may have lost its log, and fetch from before the high watermark: what was
    /// visible stays visible.
    fn raise_high_watermark(&mut self, high_watermark: Offset) {
        if high_watermark > self.high_watermark {
            self.high_watermark = high_watermark;
            self.producers.high_watermark_moved(high_watermark);
        }
    }

    fn check(&self) {
        let LogOffsets { log_start_offset, log_end_offset, synced_end } = self.log;
        assert!(log_start_offset <= self.high_watermark, "a log starts before its high watermark");
        assert!(self.high_watermark <= log_end_offset, "a high watermark is within the log");
        assert!(synced_end <= log_end_offset, "only what is there can be synced");
    }
}
