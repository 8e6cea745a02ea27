#![doc = include_str!("../README.md")]
#![cfg(madsim)]
#![allow(
    clippy::disallowed_methods,
    reason = "tokio's Instant is the standard one here, intercepted"
)]

pub mod door;
pub mod invariant;
pub mod machine;
pub mod nemesis;
pub mod net;
pub mod run;
pub mod scenario;
pub mod store;
pub mod trace;
pub mod workload;
pub mod world;
