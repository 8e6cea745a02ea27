#![doc = include_str!("../README.md")]

mod active_controller;
mod advertised_check;
mod api;
mod auto_creation;
mod blocking;
mod broker;
pub mod cli;
pub mod config;
mod controller_channel;
mod directory_assignments;
mod doors;
mod error;
mod fetch_session;
mod housekeeping;
mod identity;
mod initial_controllers;
mod lifecycle;
mod log_dirs;
mod metadata_follower;
mod metrics;
mod node;
mod partition;
mod partitions;
mod producer_ids;
mod replication;
mod server;
mod topic_config;
mod warnings;
pub mod witness;

pub use doors::Doors;
pub use error::Error;
pub use identity::{DirectoryFormatted, FormatMode, format_node};
pub use initial_controllers::{InitialController, InitialControllers};
pub use node::Node;
