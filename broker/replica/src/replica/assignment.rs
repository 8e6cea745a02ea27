//! What the controller decides for a partition, and what a replica becomes by it.

use std::time::Duration;

use protocol::{BrokerId, LeaderEpoch, Offset, PartitionEpoch};

use super::{Advance, Replica};
use crate::Leader;

/// What the controller has decided for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Grows with every decision.
    pub partition_epoch: PartitionEpoch,
    /// Grows with every election.
    pub leader_epoch: LeaderEpoch,
    /// The leader, or -1.
    pub leader: BrokerId,
    /// All replicas.
    pub replicas: Vec<BrokerId>,
    /// Those that are in sync.
    pub isr: Vec<BrokerId>,
}

/// What a replica is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its disk or its own state failed: it answers KAFKA_STORAGE_ERROR until it's opened anew.
    Offline,
    /// It follows a leader, or waits for one.
    Follower {
        /// The leader, if there is one.
        leader: Option<BrokerId>,
    },
    /// It leads.
    Leader(Leader),
}

/// What an assignment changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Nothing: it's known already, or older than what is.
    None,
    /// The replica leads a new epoch. The log's epoch checkpoint must have its start before the
    /// first batch is appended.
    LeaderEpochStarted {
        /// The epoch.
        leader_epoch: LeaderEpoch,
        /// The log's end, where it starts.
        start_offset: Offset,
    },
    /// It leads on in the same epoch, with other replicas or in-sync replicas.
    ReplicasChanged,
    /// It follows, in a new epoch.
    Following {
        /// The leader, if there is one.
        leader: Option<BrokerId>,
        /// The epoch.
        leader_epoch: LeaderEpoch,
    },
}

/// What came of an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Assigned {
    /// What it changed. Whatever it was but [`Transition::None`], every produce that waits is to
    /// be looked at again.
    pub transition: Transition,
    /// Whether consumers see more.
    pub advance: Option<Advance>,
}

impl Replica {
    /// Takes a decision of the controller. Decisions may come late or twice, and each only counts
    /// if it's newer than the last. `now` is the time since some moment, the same in all calls.
    pub fn assign(&mut self, assignment: &Assignment, now: Duration) -> Assigned {
        let known = self.partition_epoch.is_some_and(|epoch| assignment.partition_epoch <= epoch);
        if known || self.role == Role::Offline {
            return Assigned { transition: Transition::None, advance: None };
        }
        let before = self.visible();
        let leader_epoch = assignment.leader_epoch;
        let elected = leader_epoch != self.leader_epoch;
        assert!(leader_epoch >= self.leader_epoch, "leader epochs ascend with partition epochs");
        self.partition_epoch = Some(assignment.partition_epoch);
        self.leader_epoch = leader_epoch;

        let transition = if assignment.leader == self.local {
            self.lead(assignment, elected, now)
        } else {
            let leader = (assignment.leader >= BrokerId(0)).then_some(assignment.leader);
            let role = Role::Follower { leader };
            let unchanged = !elected && self.role == role;
            self.role = role;
            if unchanged {
                Transition::None
            } else {
                Transition::Following { leader, leader_epoch }
            }
        };
        Assigned { transition, advance: self.advance(before) }
    }

    fn lead(&mut self, assignment: &Assignment, elected: bool, now: Duration) -> Transition {
        let start_offset = self.log.log_end_offset;
        match &mut self.role {
            Role::Leader(leader) if !elected => {
                leader.reassign(assignment);
                Transition::ReplicasChanged
            }
            // What followers fetched from an earlier epoch says nothing of this one (KIP-320).
            role => {
                *role = Role::Leader(Leader::new(self.local, assignment, start_offset, now));
                Transition::LeaderEpochStarted { leader_epoch: self.leader_epoch, start_offset }
            }
        }
    }

    /// Its disk or its own state failed. There is no way back but to open it anew.
    pub fn failed(&mut self) {
        self.role = Role::Offline;
    }
}
