//! An unclean election that nobody allowed.
//!
//! All in-sync replicas of a partition are down, and one that isn't in sync is up. The controller lets
//! it lead, and the partition is available, without whatever was committed since it fell behind. The
//! operator had said that it should rather wait.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R12,
    title: "An unclean election that nobody allowed",
    tier: Tier::A,
    properties: &["L7", "L1"],
};
