//! The high watermark forgets replicas that were proposed.
//!
//! A leader asks the controller to add a follower that has caught up. The controller agrees at once; the
//! answer is slow. Until it comes, the leader goes on committing by the old in-sync replicas, and the
//! new one needn't have what is acknowledged then. Should the leader die first, the controller picks
//! from its own list, which holds the newcomer: it leads without those records. What was proposed has to
//! count until the answer is known (KIP-497).

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R3,
    title: "The high watermark forgets replicas that were proposed",
    tier: Tier::B,
    properties: &["L6", "L1"],
};
