//! Who looks on: hears of everything that happens to a replica, at the moment it happens.
//!
//! The simulator's observer is one, and judges what it hears. Nothing that a node does depends on
//! it: a witness answers nothing, and must not block, for it's told under the partition's lock. In
//! production nobody looks on.

use std::collections::BTreeSet;

pub use controller::Nobody;
use metadata::ClusterImage;
use protocol::{
    BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId, records::BatchHeader,
};
use replica::{Acks, Assignment};

/// One replica: of that partition, on that broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId {
    /// The topic.
    pub topic: TopicId,
    /// The partition of it.
    pub partition: PartitionIndex,
    /// The broker that holds it.
    pub broker: BrokerId,
}

/// What happened to a replica.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Its log was opened, after recovery where there was any.
    Opened {
        /// Where it starts.
        log_start_offset: Offset,
        /// Where it ends.
        log_end_offset: Offset,
        /// The checkpoint's, within the log.
        high_watermark: Offset,
    },
    /// Its log was closed, deleted, or lost with its disk: it answers nothing from now on.
    Closed,
    /// The controller's decision arrived, and was newer than what was known.
    Assigned(&'a Assignment),
    /// A batch was appended, with its final header.
    Appended {
        /// The header.
        header: &'a BatchHeader,
        /// By a leader, from a producer; or by a follower, from its leader.
        as_leader: bool,
        /// The replica's leader epoch, which a follower's batch may be older than.
        leader_epoch: LeaderEpoch,
    },
    /// The log's end is about to be cut off. A process that dies over it cannot say how far it has
    /// come: from here on nothing counts as synced any more.
    Truncating {
        /// From where it may be gone: nothing before that is touched but for the batch that holds
        /// it.
        from: Offset,
    },
    /// The log's end was cut off.
    Truncated {
        /// Where it ends now.
        log_end_offset: Offset,
    },
    /// The log's beginning was deleted.
    LogStartMoved {
        /// Where it starts now.
        log_start_offset: Offset,
    },
    /// Everything before this offset survives a power failure.
    Synced {
        /// Where that ends.
        synced_end: Offset,
    },
    /// The high watermark moved.
    HighWatermark {
        /// Where it is now.
        high_watermark: Offset,
        /// Of a leader, by what followers fetched; or of a follower, as its leader says.
        as_leader: bool,
        /// The replica's leader epoch.
        leader_epoch: LeaderEpoch,
    },
    /// A leader asks the controller for other in-sync replicas.
    IsrProposed {
        /// Those it asks for.
        isr: &'a BTreeSet<BrokerId>,
        /// In which leader epoch.
        leader_epoch: LeaderEpoch,
    },
    /// A leader takes note of a follower's fetch.
    FollowerFetched {
        /// Who fetched.
        follower: BrokerId,
        /// In which registration.
        broker_epoch: BrokerEpoch,
        /// From where, which acknowledges everything before.
        fetch_offset: Offset,
    },
    /// A producer is told that its batch is there.
    Acknowledged {
        /// The offset after the batch's last record.
        end: Offset,
        /// Whose acknowledgement it asked for.
        acks: Acks,
        /// The leader epoch that it was appended in.
        leader_epoch: LeaderEpoch,
        /// The in-sync replicas, as the leader knows them.
        isr: &'a BTreeSet<BrokerId>,
        /// The effective minimum of them.
        min_insync_replicas: usize,
    },
    /// A consumer is given what is in the log before an offset.
    Served {
        /// Where the reading began.
        from: Offset,
        /// The bound that it was read to, high watermark or last stable offset.
        up_to: Offset,
        /// The replica's leader epoch.
        leader_epoch: LeaderEpoch,
    },
}

/// Hears of what the brokers do, and of what the controllers do.
pub trait Witness: controller::Witness {
    /// Something happened to a replica.
    fn saw(&self, replica: ReplicaId, event: &Event<'_>) {
        let _ = (replica, event);
    }

    /// A broker has done what an image says, and shows it to its clients from now on.
    fn published(&self, broker: BrokerId, index: i64, image: &ClusterImage) {
        let _ = (broker, index, image);
    }
}

impl Witness for Nobody {}
