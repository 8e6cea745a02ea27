//! Configuration keys: one typed table drives parsing, defaults, validation, documentation and
//! DescribeConfigs.
//!
//! Here are the notation of such tables ([`config_keys!`](crate::config_keys)), the topic keys,
//! and the rule that finds a topic's value among the places that may set it. The broker's keys are
//! in the same notation in the broker's own crate. Nothing here reads a file or the environment.

mod def;
mod layers;
mod topic;
mod topic_keys;
mod value;

#[cfg(test)]
mod tests;

pub use def::{BrokerSynonym, ConfigDef, ConfigType, Effect, Importance, Unit, Update, Valid};
pub use layers::{ConfigEntry, ConfigSource, Layers, Overrides, SynonymEntry};
pub use topic::{
    CleanupPolicy, CompressionType, TimestampType, TopicConfig, describe_topic, validate_topic,
};
pub use topic_keys::{TOPIC_KEYS, topic_key};
pub use value::{ConfigValue, InvalidConfig};
