//! What `storage` promises, under every crash that the simulated disk knows.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // Everything in here is a test.

mod bit_flips;
mod crashes;
mod disk;
mod faults;
mod model;
