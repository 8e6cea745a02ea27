//! A stale registration joins the in-sync replicas.
//!
//! A follower catches up and fetches from the end of the log. Then its machine loses its power, and
//! much of what it had. While it starts and registers again, the leader, who has only heard of that last
//! fetch, asks the controller to count it as in sync, and the controller does. If the leader dies now,
//! the newly started broker is elected for a log that it no longer has. The request has to name the
//! registration that it speaks of, and the controller to refuse an older one (KIP-903).

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R5,
    title: "A stale registration joins the in-sync replicas",
    tier: Tier::B,
    properties: &["M3", "L4", "L1"],
};
