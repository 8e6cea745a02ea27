//! What must be true. Two kinds: what the global observer sees of every node, judged after every
//! event, by the names of the properties (L1, Q2, M4 ..); and what clients were told, judged by
//! the evidence alone, with what is there at the end. Nothing here knows what went wrong in
//! between, but for what it may have cost.

pub mod producer_ids;
pub mod reads;
pub mod records;
pub mod topics;

pub mod acked_durable;
pub mod election_safety;
pub mod epoch_unique;
pub mod epochs;
pub mod high_watermark;
pub mod identity;
pub mod isr_rules;
pub mod leader_completeness;
pub mod log_matching;
pub mod min_isr;
pub mod no_uncommitted_read;
pub mod on_device;
pub mod order;
pub mod published_prefix;
pub mod recovered_log;
pub mod replication_quorum_superset;
pub mod same_applied;
pub mod topic_ids;
pub mod truncation_discipline;
pub mod unclean_only_if_allowed;
pub mod voter_memory;

use std::fmt;

use broker::witness::Event;
use metadata::{ClusterImage, MetadataRecord, Partition as Decided};
use protocol::{BrokerId, TopicPartition};

use crate::{
    machine::CleanStops,
    observer::{
        disk::Found,
        log::Log,
        losses::Election,
        model::Model,
        partition::{Partition, PartitionId},
        replica::{Replica, Role},
    },
};

/// What an acknowledgement is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promise {
    /// The record is there.
    Kept,
    /// The record is there unless the machine lost its power since, and then every record from
    /// some offset on is gone. One that was there when the node stopped in good order stays.
    KeptWhilePowered(CleanStops),
}

/// A property doesn't hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name, such as `L1`.
    pub property: &'static str,
    /// Of which partition, if it's about one.
    pub partition: Option<TopicPartition>,
    /// What was seen.
    pub details: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { property, partition, details } = self;
        match partition {
            Some(partition) => write!(f, "{property} is violated, in {partition}: {details}"),
            None => write!(f, "{property} is violated: {details}"),
        }
    }
}

impl std::error::Error for Violation {}

/// What a property has found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) property: &'static str,
    pub(crate) details: String,
}

/// Nothing, or what is wrong.
pub(crate) type Verdict = Result<(), Finding>;

/// Returns a finding unless a condition holds.
macro_rules! demand {
    ($condition:expr, $property:expr, $($details:tt)+) => {
        if !$condition {
            return Err($crate::invariant::Finding {
                property: $property,
                details: format!($($details)+),
            });
        }
    };
}
pub(crate) use demand;

/// Something is about to happen to a replica: all that is known doesn't know of it yet.
pub(crate) struct Scene<'a> {
    pub(crate) model: &'a Model,
    pub(crate) of: PartitionId,
    pub(crate) broker: BrokerId,
    pub(crate) partition: &'a Partition,
    pub(crate) replica: &'a Replica,
    pub(crate) event: &'a Event<'a>,
    /// What is on the disk, of a replica that is opened, or on the device, of one that is synced.
    pub(crate) found: Option<&'a Found>,
}

impl<'a> Scene<'a> {
    /// The log of the leader that the replica follows, if that leads the same epoch.
    pub(crate) fn leader(&self) -> Option<&'a Log> {
        let Role::Follower { leader, leader_epoch } = self.replica.role else { return None };
        let leader = self.partition.replicas.get(&leader)?;
        let leads = leader.leading().is_some_and(|leading| leading.leader_epoch == leader_epoch);
        leads.then_some(&leader.log)
    }

    /// Whether a replica becomes the leader that the controllers have elected last, as far as it
    /// knows nothing newer.
    pub(crate) fn begins_to_lead(&self) -> bool {
        let Event::Assigned(assignment) = self.event else { return false };
        let epoch = assignment.leader_epoch;
        assignment.leader == self.broker
            && epoch >= self.partition.leader_epoch()
            && self.partition.counts(epoch)
            && self.replica.leading().is_none_or(|leading| leading.leader_epoch != epoch)
    }

    /// Whether every batch is synced before it is acknowledged.
    pub(crate) fn is_synced(&self) -> bool {
        self.model.topics.get(&self.of.topic).is_some_and(|topic| topic.is_synced)
    }

    /// Whether compaction may have taken records out of the middle.
    pub(crate) fn is_compacted(&self) -> bool {
        self.model.topics.get(&self.of.topic).is_some_and(|topic| topic.is_compacted)
    }

    /// Which process of the broker it is.
    pub(crate) fn life(&self) -> u32 {
        self.model.machines.get(&self.broker).map_or(0, |machine| machine.life)
    }
}

/// An entry of the metadata log is applied for the first time. The model knows the configuration
/// with it, and the partitions without it.
pub(crate) struct Entry<'a> {
    pub(crate) model: &'a Model,
    pub(crate) records: &'a [MetadataRecord],
    /// What its records do to partitions, one after another.
    pub(crate) steps: &'a [Step],
    /// All that the cluster knows with it.
    pub(crate) image: &'a ClusterImage,
}

/// What a record does to a partition.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) of: PartitionId,
    pub(crate) before: Option<Decided>,
    pub(crate) after: Option<Decided>,
    /// Whether one of those that were in sync or eligible still is, as far as is known: it may be
    /// away, but nothing says that its log has suffered.
    has_heirs: bool,
}

impl Step {
    /// What becomes of a partition on the way to an image. Those whom it means who come back with
    /// it, or with entries up to it, aren't known to have what they had.
    pub(crate) fn new(
        of: PartitionId,
        before: Option<Decided>,
        after: Option<Decided>,
        image: &ClusterImage,
        comes_back: impl Fn(BrokerId) -> bool,
    ) -> Self {
        let is_heir = |broker: &BrokerId| {
            let directory = after.as_ref().and_then(|after| after.directory(*broker));
            let registered = image.brokers().get(*broker);
            !comes_back(*broker)
                && registered.is_some_and(|known| known.has_online(directory.unwrap_or_default()))
        };
        let candidates = before.iter().flat_map(|before| before.isr.iter().chain(&before.elr));
        let has_heirs = candidates.into_iter().any(is_heir);
        Self { of, before, after, has_heirs }
    }

    /// How the leader came to lead, if it is a new epoch's.
    pub(crate) fn election(&self) -> Option<Election> {
        let (before, after) = (self.before.as_ref()?, self.after.as_ref()?);
        let leader = after.leader.filter(|_| after.leader_epoch > before.leader_epoch)?;
        Some(if before.isr.contains(&leader) {
            Election::InSync
        } else if before.elr.contains(&leader) {
            Election::Eligible
        } else if before.last_known_elr.contains(&leader) && !self.has_heirs {
            Election::LastKnown
        } else {
            Election::Unclean
        })
    }
}

/// Judges an event of a replica.
pub(crate) type OfEvent = fn(&Scene<'_>) -> Verdict;

/// Judges a partition as it is.
pub(crate) type OfPartition = fn(&Model, PartitionId, &Partition) -> Verdict;

/// Judges an entry of the metadata log; a finding may be about a partition.
pub(crate) type OfEntry = fn(&Entry<'_>) -> Result<(), (Finding, Option<PartitionId>)>;

/// What is judged at every event of a replica. The order says which name a violation of several
/// properties gets.
pub(crate) const OF_EVENTS: &[OfEvent] = &[
    identity::check,
    recovered_log::check,
    on_device::check,
    epoch_unique::check,
    log_matching::check,
    order::check,
    truncation_discipline::check,
    min_isr::check,
    acked_durable::check,
    leader_completeness::check,
    replication_quorum_superset::check,
    high_watermark::check,
    no_uncommitted_read::check,
];

/// What is judged whenever it may have changed.
pub(crate) const OF_PARTITIONS: &[OfPartition] = &[
    acked_durable::check_candidates,
    leader_completeness::check_candidates,
    replication_quorum_superset::check_leader,
];

/// What is judged of every entry.
pub(crate) const OF_ENTRIES: &[OfEntry] =
    &[topic_ids::check, epochs::check, isr_rules::check, unclean_only_if_allowed::check];
