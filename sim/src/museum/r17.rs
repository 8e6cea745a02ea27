//! acks=all is answered when the leader has it.
//!
//! The canary: a producer that asked for all in-sync replicas is answered as soon as the leader has
//! appended. A simulator that doesn't find this within a few seeds finds nothing.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R17,
    title: "acks=all is answered when the leader has it",
    tier: Tier::Canary,
    properties: &["L8", "L10", "L1"],
};
