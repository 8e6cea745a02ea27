//! The `ottla` command as people and scripts meet it: the real binary against a real node, and
//! what it prints as golden files.
//!
//! A test runs a few commands and compares the transcript (command lines, output, exit codes) with
//! the file of its name in `snapshots`. Where a change is meant, `INSTA_UPDATE=always cargo test
//! --package broker --test cli` writes the files anew, and the difference is reviewed like any
//! other. A missing or different file fails.
#![allow(clippy::unwrap_used)] // A test ends where something is missing.
#![allow(clippy::disallowed_methods)] // Real processes have real threads and files.

mod node;
mod session;

mod advertised;
mod cluster;
mod completions;
mod configs;
mod consume;
mod dev;
mod exit_codes;
mod help;
mod perf;
mod produce;
mod topics;
