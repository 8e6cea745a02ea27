//! Nobody checks what is replicated.
//!
//! A device damages a bit of a log. Bytes go to a follower as they are, who appends them and has them
//! synced, so that the damage is now on two disks; if it's elected, consumers are given it. Each batch
//! carries a checksum, and whoever copies one has to look at it.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::S5,
    title: "Nobody checks what is replicated",
    tier: Tier::A,
    properties: &["S5", "S2", "S1", "L2"],
};
