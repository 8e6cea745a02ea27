#![doc = include_str!("../README.md")]
#![cfg(madsim)]
#![allow(
    clippy::disallowed_methods,
    reason = "tokio's Instant is the standard one here, intercepted"
)]

pub mod cast;
pub mod convergence;
pub mod door;
mod format;
pub mod invariant;
pub mod judge;
pub mod machine;
pub mod museum;
pub mod nemesis;
pub mod net;
pub mod observer;
pub mod run;
pub mod scenario;
pub mod shape;
pub mod store;
pub mod trace;
pub mod workload;
pub mod world;
