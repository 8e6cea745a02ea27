#![doc = include_str!("../README.md")]

mod controller;
mod error;
pub mod format;
mod heartbeats;
mod keys;
pub mod metadata_poll;
mod published;
mod quorum_loop;
mod raft;
mod witness;

pub use controller::{Controller, ControllerConfig, ControllerDoors};
pub use error::Error;
pub use format::{Format, Formatted};
pub use raft::{QuorumInfo, VoterEndpoint, VoterKey, message};
pub use witness::{Nobody, Witness};
