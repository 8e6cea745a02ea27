//! Decisions: what a request amounts to, given the image it meets.
//!
//! A decision looks and never touches: it takes `&ClusterImage` and returns records, which become
//! true when they are committed and replayed. One file per area. What a request would break is its
//! response's business; a decision itself doesn't fail.
//!
//! Who asks was authorized before; whether this node is the active controller, too.

use protocol::{BrokerEpoch, BrokerId, ErrorCode, Uuid};

use crate::{
    BrokerRegistration, ClusterImage, MetadataRecord, MetadataVersion,
    config::{ConfigDef, InvalidConfig, Overrides},
    record::FenceReason,
    topic_name::InvalidTopicName,
};

mod alter_configs;
mod alter_partition;
mod assign_directories;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod elect_leaders;
mod features;
mod heartbeat;
mod new_partitions;
mod producer_ids;
mod registration;

pub use features::{FeatureUpdate, UpgradeType};

/// What a request amounts to.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "nothing is true before its records are committed and replayed"]
pub struct Decision<R> {
    /// What becomes true: all of it or nothing.
    pub records: Vec<MetadataRecord>,
    /// What to answer once it has, or at once where there are no records.
    pub response: R,
}

impl<R> Decision<R> {
    /// An answer that changes nothing.
    pub fn unchanged(response: R) -> Self {
        Self { records: Vec::new(), response }
    }
}

/// What a decision needs and an image doesn't hold.
pub struct DecideContext<'a> {
    /// The index of the last log entry that the image holds.
    pub applied: i64,
    /// The cluster that this node belongs to.
    pub cluster_id: &'a str,
    /// What the node's own configuration says.
    pub settings: &'a Settings,
    /// Draws an id that nothing else has.
    pub new_id: &'a mut dyn FnMut() -> Uuid,
}

impl std::fmt::Debug for DecideContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecideContext")
            .field("applied", &self.applied)
            .field("cluster_id", &self.cluster_id)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// What the configuration of the deciding node says. The nodes of a quorum should agree on it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication_factor: i16,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// The keys of the node's file, environment and command line: topics take defaults from them.
    pub static_config: Overrides,
    /// Finds a key in the broker's tables, which this crate doesn't have.
    pub broker_key: fn(&str) -> Option<&'static ConfigDef>,
}

impl Default for Settings {
    /// Kafka's defaults, and no broker keys.
    fn default() -> Self {
        Self {
            num_partitions: 1,
            default_replication_factor: 1,
            delete_topic_enable: true,
            static_config: Overrides::new(),
            broker_key: |_| None,
        }
    }
}

/// Why something that was asked for won't be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Kafka's error.
    pub error: ErrorCode,
    /// What is wrong, for the person who asked.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }
}

impl From<InvalidTopicName> for Refusal {
    fn from(reason: InvalidTopicName) -> Self {
        Self::new(ErrorCode::InvalidTopicException, reason.to_string())
    }
}

impl From<InvalidConfig> for Refusal {
    fn from(reason: InvalidConfig) -> Self {
        Self::new(ErrorCode::InvalidConfig, reason.to_string())
    }
}

impl ClusterImage {
    /// The reason, where records of the finalised level can say it.
    fn expressible(&self, reason: FenceReason) -> FenceReason {
        if self.metadata_version() >= MetadataVersion::FENCE_REASONS {
            reason
        } else {
            FenceReason::default()
        }
    }

    /// The registration that a broker speaks for.
    ///
    /// # Errors
    /// It has none any more, or a later one: the request comes from a process that was replaced.
    fn registration(
        &self,
        id: BrokerId,
        epoch: BrokerEpoch,
    ) -> Result<&BrokerRegistration, ErrorCode> {
        let broker = self.brokers().get(id).filter(|broker| broker.epoch == epoch);
        broker.ok_or(ErrorCode::StaleBrokerEpoch)
    }
}
