//! The last replica standing commits alone.
//!
//! Of three replicas two must be in sync, and two have fallen out. The last one goes on committing by
//! itself, and loses its power with what it hadn't synced. It's the only one that may lead, so it
//! leads, and the other two cut back what they had to what it still has. Losing one machine's memory
//! has lost records that were committed. Below the minimum nothing may be committed; whoever left the
//! in-sync replicas then is still eligible; and whoever stopped uncleanly is not (KIP-966).

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R4,
    title: "The last replica standing commits alone",
    tier: Tier::A,
    properties: &["L8", "L1"],
};
