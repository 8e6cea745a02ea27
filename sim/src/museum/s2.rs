//! The recovery point is ahead of what is synced.
//!
//! The checkpoint says up to where a log needs no checking. It's written before the log is synced, and
//! after a loss of power recovery skips just the part that is damaged: records are missing in the middle
//! of a log, and nobody looks (KAFKA-10101).

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::S2,
    title: "The recovery point is ahead of what is synced",
    tier: Tier::A,
    properties: &["S2", "L1"],
};
