//! An entry is acknowledged before it's synced.
//!
//! A controller says that it has an entry of the log, loses its power, and the entry with it. The leader
//! has counted it, and answered. With one more controller away the majority that is left may not have
//! the entry, and elects a leader without it: a topic whose creation was promised doesn't exist.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::Q2,
    title: "An entry is acknowledged before it's synced",
    tier: Tier::A,
    properties: &["Q-S2", "M2"],
};
