//! State and applied index are written apart.
//!
//! A controller writes what an entry led to, and then how far it has applied the log. It dies in
//! between, and applies the entry again, or, the other way round, never. Its state is another than that
//! of its peers: an epoch is raised twice, a block of producer ids is given to two producers.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::Q8,
    title: "State and applied index are written apart",
    tier: Tier::A,
    properties: &["Q-S3", "M4", "I3"],
};
