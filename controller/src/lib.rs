#![doc = include_str!("../README.md")]

mod balancer;
mod controller;
mod decision_counts;
mod downgrades;
mod error;
pub mod events;
pub mod format;
pub mod founding;
mod heartbeats;
mod keys;
pub mod metadata_poll;
mod probe;
mod published;
mod quorum_loop;
mod raft;
mod witness;

pub use controller::{Controller, ControllerConfig, ControllerDoors};
pub use decision_counts::DecisionCounts;
pub use error::Error;
pub use format::{Format, Formatted};
pub use raft::{QuorumInfo, QuorumVoter, VoterEndpoint, VoterKey, message};
pub use witness::{Nobody, Vow, Witness};
