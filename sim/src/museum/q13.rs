//! A quick return isn't noticed.
//!
//! A broker loses its power, and is back before its session has run out. The controller takes it for the
//! one that left, and it stays in sync without what it had not synced. Each start has to register
//! anew, with the epoch of the last clean shutdown if there was one: no two processes serve under one
//! epoch.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::Q13,
    title: "A quick return isn't noticed",
    tier: Tier::A,
    properties: &["M4", "V3", "L1", "L4"],
};
