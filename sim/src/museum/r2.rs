//! A leader drops replicas before the controller has decided.
//!
//! A leader that is cut off finds its followers silent, and forgets them in its own memory. It's now
//! the only replica that it counts, so its high watermark runs to the end of its log, and everything is
//! acknowledged by all of one. The controller meanwhile has given the partition to somebody in sync,
//! who has none of that. When the link is mended the old leader follows, and truncates what it
//! promised. A leader may only ever count more replicas than the controller does, never fewer, until it
//! has been told (KIP-497).

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::R2,
    title: "A leader drops replicas before the controller has decided",
    tier: Tier::A,
    properties: &["L6", "L1"],
};
