#![doc = include_str!("../README.md")]

pub mod config;
mod decide;
mod delta;
mod election;
mod event;
mod image;
mod leader_change;
pub mod placement;
pub mod record;
mod topic_name;
mod version;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod test_cluster;

pub use decide::{DecideContext, Decision, FeatureUpdate, Refusal, Settings, UpgradeType};
pub use delta::{Change, Delta, PartitionDelta, TopicDelta};
pub use event::Event;
pub use image::{
    BrokerRegistration, Brokers, ClusterImage, ConfigResource, Configs, Features, Partition,
    ResourceType, Topic, Topics,
};
pub use leader_change::{Candidacy, LeaderChange};
pub use record::{LeaderRecoveryState, MetadataRecord, RecordBatch};
pub use topic_name::{InvalidTopicName, validate_topic_name};
pub use version::MetadataVersion;
