#![doc = include_str!("../README.md")]

mod advertised_check;
mod api;
mod auto_creation;
mod broker;
pub mod cli;
pub mod config;
mod controller_channel;
mod doors;
mod error;
mod fetch_session;
mod housekeeping;
mod identity;
mod lifecycle;
mod log_dirs;
mod metadata_follower;
mod node;
mod partition;
mod partitions;
mod producer_ids;
mod server;
mod topic_config;
pub mod witness;

pub use doors::Doors;
pub use error::Error;
pub use node::Node;
