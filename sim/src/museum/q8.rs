//! State and applied index are written apart.
//!
//! A controller takes a snapshot, and what is written under the index that it was taken at is the
//! state of a moment later. Whoever starts from it, or is sent it, applies the entries in between
//! again. Its state is another than that of its peers: an epoch is raised twice, a block of producer
//! ids is given to two producers. State and index have to be written as one.

use protocol::Bug;

use super::{Exhibit, Tier};

pub(super) const EXHIBIT: Exhibit = Exhibit {
    bug: Bug::Q8,
    title: "State and applied index are written apart",
    tier: Tier::A,
    properties: &["Q-S3", "M4", "I3"],
};
