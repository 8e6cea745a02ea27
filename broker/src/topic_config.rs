//! A topic's configuration as it is in force on this broker: the topic's own values over the
//! brokers' dynamic ones over the file's.

use metadata::{
    ClusterImage, ConfigResource,
    config::{Layers, TopicConfig},
};

use crate::config::BrokerConfig;

/// The values in force.
pub(crate) fn resolve(config: &BrokerConfig, image: &ClusterImage, topic: &str) -> TopicConfig {
    with_layers(config, image, topic, TopicConfig::resolve)
}

/// Calls with the layers that make up the topic's configuration here.
pub(crate) fn with_layers<T>(
    config: &BrokerConfig,
    image: &ClusterImage,
    topic: &str,
    call: impl FnOnce(&Layers<'_>) -> T,
) -> T {
    call(&Layers {
        topic: image.configs().of(&ConfigResource::topic(topic)),
        dynamic_broker: image.configs().of(&ConfigResource::broker(config.node_id)),
        dynamic_cluster: image.configs().of(&ConfigResource::every_broker()),
        static_broker: &config.static_overrides,
    })
}
