#![doc = include_str!("../README.md")]

mod clean_shutdown;
mod config;
pub mod disk;
mod error;
mod leader_epoch_checkpoint;
mod log;
mod log_dir;
mod meta_properties;
mod offset_checkpoint;
mod offset_index;
mod partition_metadata;
mod producer_snapshot;
mod replay;
mod scan;
mod segment;
mod segment_file;
mod sparse_index;
mod time_index;
mod txn_index;

pub use config::LogConfig;
pub use error::Error;
pub use leader_epoch_checkpoint::EpochEntry;
pub use log::{FirstBatch, Log, Slice, SyncJob, TimestampOffset, TimestampSearch};
pub use log_dir::{LogDir, Removal};
pub use meta_properties::MetaProperties;
pub use offset_checkpoint::Offsets;
pub use replay::Replay;
