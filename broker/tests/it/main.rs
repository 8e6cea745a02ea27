//! A node and its clients over real sockets: what it answers, what it refuses, what it survives.
//!
//! Each test has a node of its own. A test of bad input holds a second connection, which must not
//! notice anything.
#![allow(clippy::unwrap_used)] // A test ends where something is missing.
#![allow(clippy::disallowed_methods)] // Some tests damage a node's files behind its back.

mod client;
mod cluster;
mod gated_disk;
mod links;
mod node;
mod node_log;
mod records;

mod bad_batches;
mod bad_frames;
mod bad_requests;
mod broken_links;
mod clocks;
mod configs;
mod connections;
mod disk_faults;
mod failover;
mod fetch;
mod fetch_sessions;
mod full_disk;
mod list_offsets;
mod metadata;
mod operators;
mod other_versions;
mod pipelining;
mod produce;
mod producers;
mod quorum_start;
mod replaced_directories;
mod replication_factors;
mod retention;
mod segment_files;
mod stalled_disk;
mod start_faults;
mod synced_acks;
mod topics;
mod versions;
mod wiped_disks;
