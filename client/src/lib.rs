#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod admin;
pub mod backoff;
pub mod cluster;
pub mod connection;
pub mod consumer;
pub mod door;
pub mod endpoint;
pub mod error;
pub mod frame;
pub mod metadata_cache;
pub mod net;
pub mod offsets;
pub mod partitioner;
pub mod producer;
pub mod serialization;

#[cfg(test)]
mod fake;

pub use admin::{Admin, ConfigResource, NewTopic};
pub use cluster::{Cluster, ClusterOptions, Doors};
pub use connection::{Answer, Connection, ConnectionOptions};
pub use consumer::{Consumer, ConsumerOptions, ConsumerRecord, OffsetReset};
pub use endpoint::Endpoint;
pub use error::{Disconnect, Error};
pub use offsets::{Isolation, Place};
pub use producer::{Acks, Delivery, Producer, ProducerOptions, ProducerRecord};
pub use protocol;
pub use serialization::{Deserialize, Json, Nullable, Raw, Serialize, Text};
