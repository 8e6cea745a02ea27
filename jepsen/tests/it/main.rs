//! The judge from outside: Jepsen's own cases, ours, and random histories that are good until
//! something is planted in them.
#![allow(clippy::unwrap_used)] // A test ends where something is missing.

mod definitions;
mod formats;
mod ours;
mod planted;
mod published;
mod short;
mod simulated_log;
