//! A follower joins before it has reached the epoch's start.
//!
//! A new leader knows the high watermark only as late as a follower knows it. A replica that has reached
//! this stale mark isn't up to date: committed records lie between it and the start of the leader's
//! epoch. Counted as in sync, it's elected when the leader dies, and lacks them. It has to have reached
//! the start of the epoch as well (KAFKA-7128).

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R8,
    title: "A follower joins before it has reached the epoch's start",
    tier: Tier::B,
    properties: &["L6", "L1", "L4"],
};
